"""`homecheck leave`: take no longer part in a program."""

from __future__ import annotations

import click

from homecheck import drift, rechecks, spool
from homecheck.cli.alone import alone
from homecheck.cli.asking import agrees
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.enrolment import leave as leave_program
from homecheck.holder import SUFFIX, forget
from homecheck.locale.here import N_, _, plural


@click.command(short_help="Take no longer part in a program.")
@click.argument("program")
@click.option("--yes", is_flag=True, help="Leave without being asked again.")
def leave(program: str, yes: bool) -> int:
    """Leave PROGRAM: its key and everything pinned for it are deleted from this computer.

    What the company holds already stays there; this says whom to ask.
    """
    home = Home.default()
    enrolment = find(home, program)
    unsent = sum(one.program == enrolment.program for one in spool.waiting(home))
    title, company = _(enrolment.title), enrolment.collector_name
    click.echo(_("You are about to leave {program}: {title}.", program=enrolment.program, title=title), err=True)
    _line(_("This computer deletes the key for it. To come back you need a new invitation."))
    _line(_("What was sent stays with {company} until its time is over;", company=company))
    _line(_("to have it deleted earlier, ask the company."))
    if (home.credentials / f"{enrolment.program}{SUFFIX}").exists():
        command = f"homecheck credential present {program}"
        _line(_("The credential from it goes, too: without its key it cannot be shown any more."))
        _line(_("To show it to somebody, first run: {command}", command=command))
    if unsent:
        _line(never_sent(unsent))
    if not yes and not agrees(_("Leave?")):
        click.echo(_("Nothing was changed."), err=True)
        return 1
    with alone(home, N_("Wait until it has finished: it needs the key that you have now.")):
        leave_program(home, enrolment)
        forget(home, enrolment.program)
        drift.forget(home, enrolment.program)
        rechecks.forget(home, enrolment.program)
    click.echo(_("Left {program}", program=enrolment.program))
    return 0


def never_sent(count: int) -> str:
    """Return what is to be said of results that are lost when this goes on."""
    return plural(
        "Not sent yet, and never will be: one result. First send: homecheck upload",
        "Not sent yet, and never will be: {count} results. First send: homecheck upload",
        count,
    )


def _line(text: str) -> None:
    click.echo(f"  {text}", err=True)
