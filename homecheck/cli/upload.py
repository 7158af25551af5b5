"""`homecheck upload`: send what waits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from homecheck.cli.credential import collect_for
from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.cli.showing import log_note
from homecheck.config import Home
from homecheck.errors import Refused, SetupError
from homecheck.exchange import Http
from homecheck.locale.here import _, said
from homecheck.printable import printable
from homecheck.signing import EVIDENCE, MAX_ENVELOPE, unverified_header
from homecheck.spool import put
from homecheck.upload import Delivery, deliver_waiting, new_session


@click.command()
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the result.")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Evidence that could not be kept in its place, because the disk was full.",
)
def upload(output: str, file: Path | None) -> int:
    """Send the results that wait on this computer.

    Exit status: 0 nothing waits any more · 20 something still waits, or was not accepted · 1 stopped · 2 wrong usage.
    """
    home = Home.default()
    if file is not None:
        put(home, _read_evidence(file), program="")  # whose it is stands in its signature
    http = new_session()
    deliveries = deliver_waiting(home, http)
    _collect(home, http, deliveries)
    if output == "json":
        members = {"uploads": [delivery_members(delivery) for delivery in deliveries]}
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        if not deliveries:
            click.echo(_("Nothing waits to be sent."), err=True)
        for delivery in deliveries:
            _print(delivery)
    return 0 if all(delivery.status == "accepted" for delivery in deliveries) else NOT_DELIVERED


def _collect(home: Home, http: Http, deliveries: tuple[Delivery, ...]) -> None:
    """Fetch what the collectors say about that which they have just taken; why not is advice, no failure."""
    for delivery in deliveries:
        if delivery.status == "accepted" and (why := collect_for(home, http, delivery.program, delivery.envelope)):
            click.echo(_("Your own copy of the result is not here yet: {why}", why=said(why)), err=True)


def _read_evidence(file: Path) -> bytes:
    """Return the signed evidence in `file`; SetupError for anything else, which would take evidence's place."""
    advice = "Give the file that the check named when it could not keep its results."
    try:
        with file.open("rb") as opened:
            envelope = opened.read(MAX_ENVELOPE + 1)
        if (typ := unverified_header(envelope)["typ"]) != EVIDENCE:
            raise Refused("typ", f"it is a {typ!r:.60}")
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror}", advice) from None
    except Refused as error:
        raise SetupError(f"{file}: no evidence: {error.message}", advice) from None
    return envelope


def delivery_members(delivery: Delivery) -> dict[str, Any]:
    """Return what became of one envelope as JSON members."""
    return {
        "program": delivery.program,
        "evidence": delivery.envelope,
        "status": delivery.status,
        "receipt": delivery.receipt,
        "verdict": delivery.result.result.verdict.word if delivery.result else None,
        "message": delivery.message,
        "advice": delivery.advice,
        "log": delivery.log.state if delivery.log else None,
    }


def _print(delivery: Delivery) -> None:
    if delivery.status == "accepted":
        text = _("{evidence}: accepted by {program}", evidence=delivery.envelope, program=delivery.program)
        if delivery.result:
            text += ", " + _("verdict {verdict}", verdict=said(delivery.result.result.verdict.word))
        if delivery.receipt:
            text += ", " + _("receipt {receipt}", receipt=delivery.receipt)
        click.echo(text)
        if note := log_note(delivery):
            click.echo(f"  {printable(note)}", err=True)
        return
    state = _("still waits") if delivery.status == "waiting" else _("was NOT accepted, and is kept apart")
    click.echo(f"{delivery.envelope}: {state} ({delivery.program or _('program not known')})")
    click.echo(f"  {said(delivery.message)}\n  {said(delivery.advice)}", err=True)
