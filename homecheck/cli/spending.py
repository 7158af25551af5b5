"""Before a check fills the line: where data costs money, the person is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from homecheck.cli.check_session import Session
from homecheck.instruments import spending
from homecheck.locale.here import _
from homecheck.loopback import is_loopback
from homecheck.measurement import CheckSetup, Need, Probe

USUAL_MEGABYTES: Final = 80


def may_load(
    session: Session,
    setup: CheckSetup,
    probes: Iterable[Probe],
    costs: Callable[[str | None], bool | None] = spending.costs,
) -> bool:
    """Tell whether these probes may fill the line: yes where data is free or nobody knows, else when it is allowed."""
    if session.options.metered or not any(Need.NETWORK_LOAD in probe.needs for probe in probes):
        return True
    host = urlsplit(setup.responder_url).hostname if setup.responder_url else None
    if (host is not None and is_loopback(host)) or not costs(host):
        return True
    if session.person is not None:
        return session.person.ask(question(setup.most_bytes))
    session.out.print(_("Data costs money on this connection, so the line is not filled. To allow it: --metered"))
    return False


def question(most_bytes: int | None) -> str:
    """Return what the person is asked."""
    usual, most = USUAL_MEGABYTES, None if most_bytes is None else most_bytes // 1_000_000
    amount = _("about {usual} MB", usual=usual)
    if most is not None and most <= usual:
        amount = _("at most {most} MB", most=most)
    elif most is not None:
        amount = _("about {usual} MB, at most {most} MB", usual=usual, most=most)
    return _(
        "Data costs money on this connection. Measuring how fast it is takes {amount} of it. Go on?", amount=amount
    )
