"""`homecheck upload`: send what waits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.config import Home
from homecheck.errors import Refused, SetupError
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
    deliveries = deliver_waiting(home, new_session())
    if output == "json":
        members = {"uploads": [delivery_members(delivery) for delivery in deliveries]}
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        if not deliveries:
            click.echo("Nothing waits to be sent.", err=True)
        for delivery in deliveries:
            _print(delivery)
    return 0 if all(delivery.status == "accepted" for delivery in deliveries) else NOT_DELIVERED


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
    }


def _print(delivery: Delivery) -> None:
    if delivery.status == "accepted":
        verdict = f", verdict {delivery.result.result.verdict.word}" if delivery.result else ""
        receipt = f", receipt {delivery.receipt}" if delivery.receipt else ""
        click.echo(f"{delivery.envelope}: accepted by {delivery.program}{verdict}{receipt}")
        return
    state = "still waits" if delivery.status == "waiting" else "was NOT accepted, and is kept apart"
    click.echo(f"{delivery.envelope}: {state} ({delivery.program})")
    click.echo(f"  {delivery.message}\n  {delivery.advice}", err=True)
