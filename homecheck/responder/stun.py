"""The STUN server (RFC 8489) with what RFC 5780 adds: two ports, and two addresses where the operator names a second.

Only open sessions are served: USERNAME is the session's SSID, the password its key in base64url, and everybody else
gets silence. A request must be at least as long as its answer; agents make theirs long with SOFTWARE.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from homecheck.instruments import route
from homecheck.instruments.nat import Credential
from homecheck.responder.sessions import Session, Sessions
from homecheck.responder.udp_service import Reply, UdpService, bind_all
from homecheck.standards import rfc_5780, rfc_8489
from homecheck.standards.rfc_5780 import CHANGE_ADDRESS, CHANGE_PORT
from homecheck.standards.rfc_8489 import Endpoint, Message

_UNDERSTOOD = frozenset({rfc_8489.USERNAME, rfc_5780.CHANGE_REQUEST})
_PORTS = 2  # of each address


@dataclass(frozen=True)
class Stun:
    """What the server answers. `endpoints`: the address with its port and its other port, then the other address."""

    sessions: Sessions
    endpoints: tuple[Endpoint, ...]

    def answer(self, number: int, datagram: bytes, source: Endpoint) -> Reply | None:
        """Return the answer to a request that came to the endpoint of this number. Raises BadMessage."""
        request = rfc_8489.unpack(datagram)
        session = self._session(request)
        if session is None or request.kind != rfc_8489.BINDING_REQUEST:
            return None
        password = Credential.of_session(session.ssid, session.key).password
        if not rfc_8489.is_authentic(datagram, password) or not session.spend_answer(self.sessions.limits):
            return None
        unknown = self._not_understood(request)
        if unknown:
            return Reply(rfc_8489.pack(_refusal(request, unknown), password), number)
        through = number ^ self._change(request)
        return Reply(rfc_8489.pack(self._success(request, source, number, through), password), through)

    def _session(self, request: Message) -> Session | None:
        username = request.get(rfc_8489.USERNAME) or b""
        found = self.sessions.flows.get(int(username)) if username.isdigit() and len(username) < 6 else None
        return found[0] if found is not None else None

    def _not_understood(self, request: Message) -> list[int]:
        """Return what the request asks that cannot be done, also another address where there is none."""
        unknown = request.not_understood(_UNDERSTOOD)
        impossible = self._change(request) >= len(self.endpoints)
        return [*unknown, rfc_5780.CHANGE_REQUEST] if impossible else unknown

    def _change(self, request: Message) -> int:
        """Return the bits in which the answering endpoint's number differs from the asked one's."""
        flags = int.from_bytes(request.get(rfc_5780.CHANGE_REQUEST) or b"", "big")
        return (_PORTS if flags & CHANGE_ADDRESS else 0) | (1 if flags & CHANGE_PORT else 0)

    def _success(self, request: Message, source: Endpoint, number: int, through: int) -> Message:
        attributes = [
            (rfc_8489.XOR_MAPPED_ADDRESS, rfc_8489.pack_xor_address(source, request.transaction)),
            (rfc_8489.MAPPED_ADDRESS, rfc_8489.pack_address(source)),
            (rfc_5780.RESPONSE_ORIGIN, rfc_8489.pack_address(_concrete(self.endpoints[through], source))),
        ]
        if len(self.endpoints) > _PORTS:
            other = self.endpoints[number ^ (_PORTS | 1)]
            attributes.append((rfc_5780.OTHER_ADDRESS, rfc_8489.pack_address(other)))
        return Message(rfc_8489.BINDING_SUCCESS, request.transaction, tuple(attributes))


@dataclass(frozen=True)
class StunServer:
    """A server that is bound: its port, its other port, and its thread."""

    port: int
    other_port: int
    service: UdpService


def bind(sessions: Sessions, host: str, other_host: str | None, port: int) -> StunServer:
    """Bind a server on `port` and the next one (0: any two), the same on `other_host`. Raises OSError."""
    sockets = bind_all([(host, port), (host, port + 1 if port else 0)])
    ports = [sock.getsockname()[1] for sock in sockets]
    if other_host is not None:
        try:
            sockets += bind_all([(other_host, number) for number in ports])
        except OSError:
            for sock in sockets:
                sock.close()
            raise
    stun = Stun(sessions, tuple(Endpoint.of(sock.getsockname()) for sock in sockets))
    return StunServer(ports[0], ports[1], UdpService("stun", sockets, stun.answer))


def _refusal(request: Message, unknown: list[int]) -> Message:
    """Return error 420 (6.3.1)."""
    attributes = (
        (rfc_8489.ERROR_CODE, rfc_8489.pack_error(*rfc_8489.UNKNOWN_ATTRIBUTE)),
        (rfc_8489.UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in unknown)),
    )
    return Message(rfc_8489.BINDING_ERROR, request.transaction, attributes)


def _concrete(endpoint: Endpoint, source: Endpoint) -> Endpoint:
    """Return where an answer leaves from: a socket on all addresses uses that of the route to its receiver."""
    if not ipaddress.ip_address(endpoint.address).is_unspecified:
        return endpoint
    return Endpoint(route.local_address(source.address) or endpoint.address, endpoint.port)
