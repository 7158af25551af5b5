"""Before the connection is measured: where data costs money, the person is asked."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from homecheck.instruments.spending import costs
from homecheck.loopback import is_loopback
from homecheck.measurement import CheckSetup, Need, Person, Probe

QUESTION = "Data costs money on this connection. Measuring how fast it is takes about 80 MB of it. Go on?"
LIMITED = "Data costs money on this connection. Measuring how fast it is takes at most {megabytes} MB of it. Go on?"


def may_load(setup: CheckSetup, probes: Iterable[Probe], person: Person) -> bool:
    """Tell whether these probes may fill the line: yes where data is free or nobody knows, else when it is allowed."""
    if not any(Need.NETWORK_LOAD in probe.needs for probe in probes):
        return True
    host = urlsplit(setup.responder_url).hostname if setup.responder_url else None
    if (host is not None and is_loopback(host)) or not costs(host):
        return True
    if setup.most_bytes is None:
        return person.ask(QUESTION)
    return person.ask(LIMITED.format(megabytes=setup.most_bytes // 1_000_000))
