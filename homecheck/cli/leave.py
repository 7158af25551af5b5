"""`homecheck leave`: take no longer part in a program."""

from __future__ import annotations

import click

from homecheck import spool
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.enrolment import leave as leave_program


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
    click.echo(f"You are about to leave {enrolment.program}: {enrolment.title}.", err=True)
    click.echo("  This computer deletes the key for it. To come back you need a new invitation.", err=True)
    click.echo(f"  What was sent stays with {enrolment.collector_name} until its time is over;", err=True)
    click.echo("  to have it deleted earlier, ask the company.", err=True)
    if unsent:
        click.echo(f"  Not sent yet, and never will be: {_results(unsent)}. First send: homecheck upload", err=True)
    if not yes and not _agrees():
        click.echo("Nothing was changed.", err=True)
        return 1
    leave_program(home, enrolment)
    click.echo(f"Left {enrolment.program}")
    return 0


def _agrees() -> bool:
    """Ask the person; no answer is no."""
    try:
        return click.confirm("Leave?", err=True)
    except click.Abort:
        click.echo(err=True)  # ends the line of the question
        return False


def _results(count: int) -> str:
    return "one result" if count == 1 else f"{count} results"
