"""`homecheck doctor`: what is missing on this computer, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from homecheck.config import Home
from homecheck.exchange import is_loopback
from homecheck.locale.here import N_, _, said
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.doctor.diagnosis import Diagnosis, State

WRONG: Final = 1
MARKS: Final[dict[State, str]] = {"ok": N_("good"), "warn": N_("LOOK"), "fail": N_("WRONG")}


@click.command(short_help="Say what is missing on this computer for a check, and what to do.")
@click.option(
    "--collector",
    metavar="ADDRESS",
    help="Also look at the way to this collector; the address of an invitation will do, and its code is not sent.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the findings.")
def doctor(collector: str | None, output: str) -> int:
    """Look at everything that a check needs: program, sound, permission, key, folder, network, collector, clock.

    Nothing is measured and nothing is changed. Only the collectors that this computer is enrolled with are asked, and
    their far end. Each thing that is wrong comes with what to do; docs/troubleshooting.md lists them all.

    Exit status: 0 nothing is wrong, though there may be something to look at · 1 something is wrong · 2 wrong usage.
    """
    from homecheck.doctor.examination import examine  # here: it loads what looks at sound and network

    found = []
    for one in examine(Home.default(), address(collector) if collector else None):
        found.append(one)
        if output == "text":
            print_diagnosis(one)
    wrong, look = (sum(one.state == state for one in found) for state in ("fail", "warn"))
    if output == "json":
        members = {"good": wrong == 0, "diagnoses": [vars(one) for one in found]}
        click.echo(json.dumps(members, indent=2, ensure_ascii=False))
    else:
        counts = {"wrong": wrong, "look": look, "good": len(found) - wrong - look}
        click.echo(_("{wrong} wrong, {look} to look at, {good} good", **counts), err=True)
    return WRONG if wrong else 0


def address(typed: str) -> str:
    """Return the base address in what was typed, without the code of an invitation; UsageError when there is none."""
    typed = typed.strip() if "://" in typed else f"https://{typed.strip()}"
    try:
        parts = urlsplit(typed)
        good = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(typed))  # as for an enrolment
        good = good and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        typed = printable(typed)[:100]
        example = "https://collector.example.com"
        text = _("--collector: {typed} is no address; {example} is one", typed=typed, example=example)
        raise click.UsageError(text)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def print_diagnosis(one: Diagnosis) -> None:
    """Print one subject, what was found of it, and what mends it."""
    click.echo(f"{_(MARKS[one.state]):7}{said(one.subject):21} {said(printable(one.message))}")
    if one.fix:
        click.echo(f"{'':29}{said(printable(one.fix))}")
    if one.trouble:
        click.echo(f"{'':29}({one.trouble})")
