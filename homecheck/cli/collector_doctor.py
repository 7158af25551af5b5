"""`homecheck collector doctor`: what is wrong with this installation, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from homecheck.cli.exit_status import REFUSED
from homecheck.clock import utc_now
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.collector.doctor.diagnosis import Diagnosis, State
    from homecheck.collector.store.database import Database

MARKS: Final[dict[State, str]] = {"ok": "good", "warn": "WARNING", "fail": "WRONG"}


def doctor(database: Database, output: str) -> int:
    """Look at everything, print it, and return the exit status."""
    from homecheck.collector.doctor.examination import examine

    found = list(examine(database, utc_now()))
    wrong = sum(one.state == "fail" for one in found)
    if output == "json":
        members = {"good": wrong == 0, "diagnoses": [vars(one) for one in found]}
        click.echo(json.dumps(members, indent=2, ensure_ascii=False))
    else:
        for one in found:
            _print(one)
        warned = sum(one.state == "warn" for one in found)
        click.echo(f"{wrong} wrong, {warned} to look at, {len(found) - wrong - warned} good", err=True)
    return REFUSED if wrong else 0


def _print(one: Diagnosis) -> None:
    click.echo(f"{MARKS[one.state]:9}{one.name:18}{printable(one.message)}")
    if one.fix:
        click.echo(f"{'':27}{printable(one.fix)}")
