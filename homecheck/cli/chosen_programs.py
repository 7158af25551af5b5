"""The programs that one check is for, by its options."""

from __future__ import annotations

import click

from homecheck.cli.check_options import CheckOptions
from homecheck.config import Home
from homecheck.enrolment import Enrolment, find, load_enrolments
from homecheck.errors import EnrolmentError
from homecheck.locale.here import _, said


def chosen_programs(options: CheckOptions, home: Home) -> list[Enrolment]:
    """Return the enrolments that were asked for, else all there are; none for a private check. click.UsageError."""
    if options.policy is None:
        return [_find(home, name) for name in dict.fromkeys(options.program)] or list(load_enrolments(home))
    if options.program:
        raise click.UsageError(_("--policy checks privately; it does not go with --program."))
    return []


def _find(home: Home, program: str) -> Enrolment:
    try:
        return find(home, program)
    except EnrolmentError as error:
        raise click.UsageError(f"--program {said(error.message)}. {said(error.advice)}") from None
