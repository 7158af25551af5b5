"""Whose doing it is that a port of the responder gives no answer.

What a firewall of ours closes silently looks from a home just as what the home's own router closes. The responder knows
from which of its services others had answers within the hour (member ``proven`` of its well-known document); without
such proof, nobody's home is named.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.far_end import REQUEST_SECONDS, FarEnd, call_for_json, server_error
from homecheck.strict_json import Record

VOICE: Final = "udp"  # the reflector; told by agents at the end of their sessions
SIP: Final = "sip"  # the mirror's usual port; told likewise
PLAIN: Final = "plain"  # the answer in plain HTTP, whose TCP handshake shows that answers arrive
IPV4: Final = "ipv4"  # sessions opened over the one family
IPV6: Final = "ipv6"  # and over the other
SERVICES: Final = frozenset({VOICE, SIP, PLAIN, IPV4, IPV6})


def services(far_end: FarEnd, seconds: float = REQUEST_SECONDS) -> frozenset[str]:
    """Return those from which somebody had answers within the hour; none where the responder does not say."""
    with suppress(ProbeError, Refused):
        return listed(call_for_json(far_end, "GET", "/.well-known/homecheck", seconds=seconds))
    return frozenset()


def listed(about: Record) -> frozenset[str]:
    """Return the services that a responder's well-known document calls proven. Raises Refused."""
    return frozenset(about.texts("proven")) if about.has("proven") else frozenset()


def unproven(what: str) -> ProbeError:
    """Return the failure of `what` gave no answer, where nothing shows that it gives any to others."""
    message = f"{what}, and nobody is known to have had an answer there within the hour: our own firewall may be why"
    return server_error("port_unproven", message)
