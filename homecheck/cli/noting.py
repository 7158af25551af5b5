"""Noting a check (homecheck.noted), and saying what is another thing than at a program's first one."""

from __future__ import annotations

from collections.abc import Sequence

from homecheck.agent import Collected
from homecheck.cli.check_session import Session
from homecheck.errors import StateError
from homecheck.locale.here import _, said
from homecheck.noted import note
from homecheck.printable import printable
from homecheck.shares import Judged


def note_check(session: Session, collected: Collected, judged: Sequence[Judged]) -> None:
    """Note a check that was sent (or waits to be), and say what is another thing than at a program's first one.

    One of some quantities alone, or a spot check, is no whole check: the next one comes as if there had been none.
    """
    if session.options.spot is not None:
        return
    whole = not session.options.only and not session.options.skip
    try:
        noted = note(session.home, collected.runs, collected.finished_at, judged, whole=whole)
    except StateError as error:
        why, advice = said(error.message), said(error.advice)
        text = _("That this check was made could not be kept: {why}. {advice}", why=why, advice=advice)
        session.out.print(text, markup=False)
        return
    for program, setups in noted.items():
        for difference in setups.differences():
            what, date = said(printable(difference.words())), f"{setups.first.at:%Y-%m-%d}"
            text = _("Since your first check for {program}, {date}: {what}", program=program, date=date, what=what)
            session.out.print(text, markup=False)
