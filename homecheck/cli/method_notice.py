"""What somebody has to know before a method of others is used: what its service does with what it sees."""

from __future__ import annotations

from homecheck.cli.check_session import Session
from homecheck.cli.selection import wanted
from homecheck.instruments.second_opinion import notice
from homecheck.locale.here import _, said


def agreed(session: Session) -> bool:
    """Tell whether the method may be used. The notice is shown in any case; a person is asked, nobody is not."""
    options = session.options
    text = notice(options.method, options.responder)
    named = ("network.download", "network.upload")
    if text is None or not any(wanted("network", name, options.only, options.skip) for name in named):
        return False
    session.out.print(f"--method {options.method}: {said(text)}", markup=False)
    if options.yes if options.agreed is None else options.agreed:
        return True
    return session.person is not None and session.person.ask(_("Do you agree, and want to measure this way?"))
