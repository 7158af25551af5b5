"""Whether somebody rewrites telephone calls on their way: an INVITE is sent, and the responder shows what arrived.

One goes from port 5060 to port 5060, where routers look, and one between ports where they do not.
"""

from __future__ import annotations

import errno
import secrets
import socket
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import sip_mirror
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.nat import free_socket, port_of, socket_on
from homecheck.instruments.sip_mirror import Arrived
from homecheck.instruments.udp_exchange import Question, ask
from homecheck.standards import rfc_3261
from homecheck.standards.rfc_8489 import Endpoint
from homecheck.strict_json import Record

BUSY_ADVICE: Final = "End the softphone or other telephone program on this computer, then repeat the check."


@dataclass(frozen=True)
class SipOffer:
    """What a responder says about its SIP mirror: the port of SIP, and one that no router knows."""

    port: int
    control_port: int

    @classmethod
    def read(cls, about: Record) -> SipOffer | None:
        """Return the offer in a responder's well-known document, None where there is none. Raises Refused."""
        if not about.has("sip"):
            return None
        sip = about.record("sip")
        return cls(port_of(sip, "port"), port_of(sip, "control_port"))


@dataclass(frozen=True)
class Piece:
    """One line of the INVITE that did not arrive as it was sent; either side is empty where there is no such line."""

    name: str
    sent: str
    arrived: str


@dataclass(frozen=True)
class Mirrored:
    """One INVITE and how it arrived; None when no answer came."""

    sent: bytes
    arrived: Arrived | None

    @property
    def rewritten(self) -> bool | None:
        """Whether it was changed on its way; None when nobody knows."""
        return None if self.arrived is None else self.arrived.digest != Arrived.of(self.sent).digest

    @property
    def pieces(self) -> list[Piece]:
        """What was changed, as far as the answer shows it."""
        datagram = self.arrived.datagram if self.arrived is not None else None
        return [] if datagram is None or not self.rewritten else differences(self.sent, datagram)


@dataclass(frozen=True)
class Mirror:
    """Both INVITEs."""

    sip: Mirrored
    control: Mirrored


def look(far_end: FarEnd, offer: SipOffer, ssid: int, key: bytes, local_port: int = rfc_3261.PORT) -> Mirror:
    """Send both INVITEs, that to the port of SIP from `local_port`. Takes 2.5 s at most.

    Raises ProbeError: ``no_route`` (home_link), ``sip_port_busy`` (device).
    """
    with closing(_sip_socket(far_end, local_port)) as sock, closing(free_socket(far_end)) as control_sock:
        ways = ((sock, offer.port), (control_sock, offer.control_port))
        questions = [_question(one, far_end, port, ssid, key) for one, port in ways]
        answers = ask(questions)
    sip, control = (Mirrored(question.datagram, arrived) for question, arrived in zip(questions, answers, strict=True))
    return Mirror(sip, control)


def _sip_socket(far_end: FarEnd, port: int) -> socket.socket:
    try:
        return socket_on(far_end, port)
    except OSError as error:
        why = "is in use by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise ProbeError("sip_port_busy", BUSY_ADVICE, message=f"this computer's UDP port {port} {why}") from None


def differences(sent: bytes, arrived: bytes) -> list[Piece]:
    """Return the lines that differ, those of one name compared in their order."""
    before, after = _by_name(sent), _by_name(arrived)
    pieces = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before[name], after[name]
        for number in range(max(len(old), len(new))):
            one, other = ((texts[number : number + 1] or [""])[0] for texts in (old, new))
            if one != other:
                pieces.append(Piece(name, one, other))
    return pieces or [Piece("order", "", "")]


def _by_name(message: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in rfc_3261.lines(message):
        found[line.name].append(line.text.decode("utf-8", "replace"))
    return found


def _question(sock: socket.socket, far_end: FarEnd, port: int, ssid: int, key: bytes) -> Question[Arrived]:
    server = Endpoint(Endpoint.of(far_end.socket_address()).address, port)
    call_id = sip_mirror.call_id(ssid, secrets.token_hex(8), key)
    local = Endpoint.of(sock.getsockname())
    invite = rfc_3261.invite(local, server.address, call_id, secrets.token_hex(8), sip_mirror.INVITE_LENGTH)

    def read(datagram: bytes, source: Endpoint) -> Arrived | None:
        return sip_mirror.read(datagram, call_id) if source == server else None

    return Question(sock, server, invite, read)
