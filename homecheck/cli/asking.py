"""Yes-or-no questions on the terminal, answered in the person's own language or in English."""

from __future__ import annotations

from typing import Final

import click

from homecheck.locale.here import _

YES: Final = ("y", "yes")
NO: Final = ("n", "no")


def confirm(question: str, default: bool | None = False) -> bool:
    """Return the answer to a question; Enter alone is `default`, and without one the question comes again.

    click.Abort when the window is closed or Ctrl-C pressed.
    """
    yes, no = _("y"), _("n")
    shown = {None: f"{yes}/{no}", True: f"{yes.upper()}/{no}", False: f"{yes}/{no.upper()}"}[default]

    def answer(typed: str) -> bool:
        word = typed.strip().casefold()
        if word in (*YES, yes, _("yes")):
            return True
        if word in (*NO, no, _("no")):
            return False
        if word or default is None:
            raise click.UsageError(_("please answer {yes} or {no}.", yes=yes, no=no))
        return default

    agreed: bool = click.prompt(f"{question} [{shown}]", default="", show_default=False, value_proc=answer, err=True)
    return agreed


def agrees(question: str) -> bool:
    """Return whether the person agrees; who closes the window or presses Ctrl-C has not."""
    try:
        return confirm(question)
    except click.Abort:
        click.echo(err=True)  # ends the line of the question, which nobody answered
        return False
