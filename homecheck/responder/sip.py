"""The SIP mirror: answers an INVITE of an open session with a 180 whose body shows the INVITE as it arrived.

It listens on SIP's own port, where application layer gateways look, and on one where they do not. Nobody can call
anybody through it, and strangers, of whom many knock at port 5060, get silence.
"""

from __future__ import annotations

from dataclasses import dataclass

from homecheck.instruments import sip_mirror
from homecheck.responder.sessions import Sessions
from homecheck.responder.udp_service import Reply, UdpService, bind_all
from homecheck.standards import rfc_3261
from homecheck.standards.rfc_8489 import Endpoint


@dataclass(frozen=True)
class SipMirror:
    """A mirror that is bound: its ports and its thread."""

    port: int
    control_port: int
    service: UdpService


def bind(sessions: Sessions, host: str, port: int, control_port: int) -> SipMirror:
    """Bind a mirror. Raises OSError."""
    sockets = bind_all([(host, port), (host, control_port)])

    def answer_for(number: int, datagram: bytes, _: Endpoint) -> Reply | None:
        reply = answer(sessions, datagram)
        return None if reply is None else Reply(reply, number)

    ports = [sock.getsockname()[1] for sock in sockets]
    return SipMirror(ports[0], ports[1], UdpService("sip", sockets, answer_for))


def answer(sessions: Sessions, datagram: bytes) -> bytes | None:
    """Return the answer to an INVITE of an open session, None for anything else. Raises rfc_3261.BadMessage."""
    if not datagram.startswith(b"INVITE "):
        return None
    call_id = rfc_3261.call_id(datagram)
    ssid = sip_mirror.ssid_of(call_id)
    found = None if ssid is None else sessions.flows.get(ssid)
    if found is None:
        return None
    session, _ = found
    if not sip_mirror.is_authentic(call_id, session.key) or not session.spend_answer(sessions.limits):
        return None
    return sip_mirror.answer(datagram)
