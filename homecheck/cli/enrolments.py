"""The enrolments that a command goes on with; those that are damaged are named beside it."""

from __future__ import annotations

import click

from homecheck.config import Home
from homecheck.enrolment import LEFT_OUT, Damaged, Enrolment, read_enrolments
from homecheck.locale.here import _, said
from homecheck.printable import printable


def readable_enrolments(home: Home) -> tuple[Enrolment, ...]:
    """Return the enrolments that can be read, and name the others on stderr; StateError where none can be read."""
    known = read_enrolments(home)
    good = known.some()
    for one in known.damaged:
        click.echo(left_out(one), err=True)
    return good


def left_out(one: Damaged) -> str:
    """Return in words that a program is left out, why, and what to do."""
    why, advice = said(printable(one.message)), said(printable(one.advice))
    return _(LEFT_OUT, program=one.program, why=why, advice=advice)
