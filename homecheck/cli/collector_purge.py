"""`homecheck collector purge`: erase one person, with a proof; delete what is older than its program promises, or a
whole month.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck import private_file
from homecheck.clock import utc_now
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.retention import Due

LATER: Final = {
    "sqlite": "The journal is in use: older pages are overwritten when the collector is next stopped.",
    "postgresql": "PostgreSQL keeps the bytes until it vacuums the tables, and in its own write-ahead log and backups.",
}


def purge_person(database: Database, program_id: str, person: str, by: str, proof: Path | None, output: str) -> None:
    """Erase one person and write the proof."""
    from homecheck.collector.erasing import erase_person
    from homecheck.collector.store.copy import engine_of

    erased = erase_person(database, program_id, person, by, utc_now())
    file = _saved(erased.proof, proof) or erased.file
    if output == "json":
        members = {"entries": erased.entries, "overwritten": erased.overwritten, "proof": str(file)}
        click.echo(json.dumps(members, indent=2, ensure_ascii=False))
    else:
        click.echo(f"erased: {erased.entries} entries of the log can no longer be told to be anybody's")
        click.echo(f"proof:  {file}")
    if not erased.overwritten:
        click.echo(LATER[engine_of(database)], err=True)
    click.echo("Backups, exports and what was mailed are yours to erase.", err=True)


def purge_expired(database: Database, output: str, *, dry_run: bool) -> None:
    """Delete what is older than the retention of its program, or say what that would be."""
    from homecheck.collector.retention import purge
    from homecheck.collector.store import retention
    from homecheck.collector.store.database import opened

    now = utc_now()
    with opened(database) as db:
        found = retention.due(db, now)
    if not dry_run:
        purge(database, now)
    if output == "json":
        click.echo(json.dumps({"deleted": not dry_run, "programs": [_members(one) for one in found]}, indent=2))
        return
    for one in found:
        click.echo(f"{one.program:20} kept {one.days} days  {_sentence(one, dry_run=dry_run)}")
    if not found:
        click.echo("There is no program, so nothing has a retention.", err=True)


def purge_month(database: Database, text: str, by: str, output: str, *, dry_run: bool, ask: bool) -> None:
    """Delete all checks of a month after asking, or say how many there are."""
    from homecheck.collector import monthly
    from homecheck.collector.store.copy import engine_of

    now = utc_now()
    found = monthly.look(database, monthly.read_month(text, now))
    if not dry_run and ask:
        click.confirm(f"Delete all {found.total} checks of {text}, in every program?", abort=True, err=True)
    overwritten = dry_run or monthly.purge(database, found, by, now)
    if output == "json":
        click.echo(json.dumps({"deleted": not dry_run, "month": text, "programs": found.checks}, indent=2))
    else:
        click.echo(f"{found.total} checks of {text} {'would be' if dry_run else 'were'} deleted")
        for program, number in found.checks.items():
            click.echo(f"{program:20} {number}")
    if not overwritten:
        click.echo(LATER[engine_of(database)], err=True)


def _saved(proof: bytes, file: Path | None) -> Path | None:
    if file is None:
        return None
    try:
        private_file.write(file, proof)
    except OSError as error:
        raise SetupError(
            f"{file}: cannot be written: {error.strerror}", "The person is erased; the proof is beside the keys."
        ) from None
    return file


def _sentence(one: Due, *, dry_run: bool) -> str:
    if one.nothing:
        return "nothing is older"
    parts = ((one.evidence, "checks"), (one.callbacks, "calls"), (one.people, "people without anything newer"))
    what = ", ".join(f"{number} {name}" for number, name in parts if number)
    return f"{what} {'would be' if dry_run else 'were'} deleted"


def _members(one: Due) -> dict[str, Any]:
    return {
        "program": one.program,
        "retention_days": one.days,
        "evidence": one.evidence,
        "callbacks": one.callbacks,
        "people": one.people,
    }
