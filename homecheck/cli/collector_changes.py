"""`homecheck collector invite --csv`, `waiver` and `export`: lists of people in, waivers, tables out."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from homecheck import durable
from homecheck.clock import utc_now
from homecheck.errors import SetupError
from homecheck.numbers import counted
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.collector.invitation_list import InvitationList
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.proposals import Proposal
    from homecheck.collector.store.waivers import Waiver
    from homecheck.collector.waivers import Asked


def invite_list(
    database: Database, program_id: str, file: str, valid: timedelta, operator: str, *, dry_run: bool, by_mail: bool
) -> None:
    """Invite everybody on a list and print it with the addresses. SetupError names every line that is wrong."""
    from homecheck.collector import administration, mass_invitation
    from homecheck.collector.invitation_list import MOST_BYTES, read
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    data = _read(file, MOST_BYTES + 1)
    with opened(database) as db:
        if program_id:
            programs.get(db, program_id)
        found = read(data, [one.id for one in programs.every(db)], program_id)
        if found.wrong:
            raise SetupError(_mistakes(file, found), "Nobody was invited. Correct the list and give it again.")
        would = mass_invitation.preview(db, found.entries)
    for program, number in would.by_program:
        click.echo(f"{program}: {counted(number, 'person', 'people')}", err=True)
    if would.known:
        click.echo(f"{would.known} of them are here already and get a further invitation", err=True)
    if would.new_numbers:
        click.echo(f"{would.new_numbers} of these get another telephone number on file", err=True)
    if dry_run:
        click.echo("Nobody was invited: --dry-run", err=True)
        return
    for line in administration.invite_list(database, found.entries, valid, operator, utc_now(), by_mail=by_mail):
        click.echo(line, nl=False)
    if by_mail:
        number = sum(bool(one.email) for one in found.entries)
        click.echo(f"{counted(number, 'letter waits', 'letters wait')} to be sent", err=True)


def add_waiver(database: Database, operator: str, **asked: str) -> None:
    """Approve a waiver and print its name."""
    from homecheck.collector import administration, waivers

    now = utc_now()
    one = administration.grant_waiver(database, _asked(now, **asked), operator, now)
    click.echo(one.id)
    click.echo(f"{one.person.name}: {one.quantity} is waived until {waivers.day_words(one.last_day)}", err=True)


def propose_waiver(database: Database, operator: str, **asked: str) -> None:
    """Propose a waiver and print its name."""
    from homecheck.collector import administration

    now = utc_now()
    one = administration.propose_waiver(database, _asked(now, **asked), operator, now)
    click.echo(one.id)
    click.echo(f"{one.person.name}: {one.quantity} waits for a decision", err=True)


def _asked(now: datetime, program_id: str, person: str, quantity: str, reason: str, until: str, starts: str) -> Asked:
    from homecheck.collector import waivers

    begin = waivers.read_start(starts, now)
    return waivers.Asked(program_id, person, quantity, reason, begin, waivers.read_end(until, begin))


def list_proposals(database: Database, program: str, output: str, *, everything: bool) -> None:
    """Print proposed waivers."""
    from homecheck.collector.store import programs
    from homecheck.collector.store import proposals as store
    from homecheck.collector.store.database import opened

    now = utc_now()
    with opened(database) as db:
        if program:
            programs.get(db, program)
        each = [one for one in store.each(db) if program in ("", one.person.program)]
    found = sorted(
        (one for one in each if everything or one.state(now) == "waiting"), key=lambda one: (one.proposed_at, one.id)
    )
    if output == "json":
        click.echo(json.dumps([_proposal_members(one, one.state(now)) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        text = f"{one.id}  {one.person.program}, {one.person.name}: {one.quantity}, {one.state(now)}"
        until = f"until {one.last_day:%Y-%m-%d}, by {one.proposed_by}: {one.reason}"
        click.echo(f"{printable(text)}, {printable(until)}")
    if not found:
        click.echo("No proposal waits." if not everything else "There is no proposal.", err=True)


def list_waivers(database: Database, program: str, output: str, *, everything: bool) -> None:
    """Print waivers."""
    from homecheck.collector.store import programs
    from homecheck.collector.store import waivers as store
    from homecheck.collector.store.database import opened

    now = utc_now()
    with opened(database) as db:
        if program:
            programs.get(db, program)
        found = [one for one in store.each(db, program) if everything or one.state(now) in ("counts", "not yet")]
    found.sort(key=lambda one: (one.expires_at, one.id))
    if output == "json":
        click.echo(json.dumps([_members(one, one.state(now)) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        text = f"{one.id}  {one.person.program}, {one.person.name}: {one.quantity}, {one.state(now)}"
        until = f"until {one.last_day:%Y-%m-%d}, by {one.approved_by}: {one.reason}"
        click.echo(f"{printable(text)}, {printable(until)}")
    if not found:
        click.echo("There is no waiver.", err=True)


def export(database: Database, kind: str, program: str, form: str, file: str | None) -> None:
    """Write a table to stdout or into a file, which is whole or absent."""
    from homecheck.collector import export as exporting
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    if form == "parquet" and file is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is no text: give --file FILE, or send stdout somewhere")
    with opened(database) as db:
        if program:
            programs.get(db, program)
        with _destination(file) as target:
            count = exporting.write(db, kind, form, target, program=program, now=utc_now())
    click.echo(f"{counted(count, 'row')}", err=True)


@contextmanager
def _destination(file: str | None) -> Iterator[BinaryIO]:
    """Open stdout, or a file beside the one that is meant, which takes its place when all is written."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if not Path(file).is_dir() and Path(file).exists() and not Path(file).is_file():
        # A device would be replaced by a file, for everybody on this computer.
        raise SetupError(f"{file}: is no file", "Name a file, or leave --file out and send stdout there.")
    path, temporary = Path(file), Path(f"{file}.{secrets.token_hex(8)}{durable.TEMPORARY}")  # nobody else's, for sure
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"{file}: cannot be written: {error.strerror}", "Name a file in a folder of yours.") from None


def _read(file: str, most: int) -> bytes:
    """Return at most so many bytes of a file, or of stdin for ``-``."""
    try:
        with click.open_file(file, "rb") as stream:
            data: bytes = stream.read(most)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror}", "Give the path of a CSV file.") from None
    return data


def _mistakes(file: str, found: InvitationList) -> str:
    lines = [f"{file}: {counted(found.count_wrong, 'mistake')}", *(one.sentence for one in found.wrong)]
    more = found.count_wrong - len(found.wrong)
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])


def _common(one: Waiver | Proposal, state: str) -> dict[str, Any]:
    from homecheck.standards.rfc_3339 import to_text

    return {
        "id": one.id,
        "program": one.person.program,
        "person": one.person.name,
        "quantity": one.quantity,
        "state": state,
        "reason": one.reason,
        "starts_at": to_text(one.starts_at),
        "expires_at": to_text(one.expires_at),
    }


def _members(one: Waiver, state: str) -> dict[str, Any]:
    from homecheck.standards.rfc_3339 import to_text

    return _common(one, state) | {
        "approved_by": one.approved_by,
        "approved_at": to_text(one.approved_at),
        "revoked_at": to_text(one.revoked_at) if one.revoked_at else None,
        "revoked_by": one.revoked_by,
        "revoked_reason": one.revoked_reason,
    }


def _proposal_members(one: Proposal, state: str) -> dict[str, Any]:
    from homecheck.standards.rfc_3339 import to_text

    return _common(one, state) | {
        "proposed_by": one.proposed_by,
        "proposed_at": to_text(one.proposed_at),
        "decided_by": one.decided_by,
        "decided_at": to_text(one.decided_at) if one.decided_at else None,
        "decision_reason": one.decision_reason,
    }
