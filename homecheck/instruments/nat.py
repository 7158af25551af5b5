"""What stands between this computer and a STUN server: the tests of RFC 5780, in two rounds of questions.

The mapping tests share one socket, the filter tests another: an answer that a filter stops can leave a trace in the
NAT, after which that port is mapped anew, and the mapping would look worse than it is.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from homecheck import __version__
from homecheck.errors import ProbeError, Refused
from homecheck.instruments import route
from homecheck.instruments.far_end import LINK_ADVICE, FarEnd, server_error
from homecheck.instruments.udp_exchange import Question, ask, bound
from homecheck.signing import base64url
from homecheck.standards import rfc_5780, rfc_8489
from homecheck.standards.rfc_5780 import CHANGE_ADDRESS, CHANGE_PORT, Behaviour
from homecheck.standards.rfc_8489 import BadMessage, Endpoint, Message
from homecheck.strict_json import Record

_SOFTWARE: Final = f"homecheck/{__version__}".ljust(112).encode()  # makes a request longer than its longest answer


@dataclass(frozen=True)
class StunOffer:
    """What a responder says about its STUN server: its port, and the other one that it can answer from."""

    port: int
    other_port: int

    @classmethod
    def read(cls, about: Record) -> StunOffer | None:
        """Return the offer in a responder's well-known document, None where there is none. Raises Refused."""
        if not about.has("stun"):
            return None
        stun = about.record("stun")
        return cls(port_of(stun, "port"), port_of(stun, "other_port"))


@dataclass(frozen=True)
class Credential:
    """A short-term credential (RFC 8489 9.1)."""

    username: str
    password: bytes

    @classmethod
    def of_session(cls, ssid: int, key: bytes) -> Credential:
        """Return the credential of a session; both ends make it of what they know."""
        return cls(str(ssid), base64url(key).encode())


@dataclass(frozen=True)
class Seen:
    """What the server saw and said: this computer's address there, and its own other address if it has one."""

    mapped: Endpoint
    other: Endpoint | None


@dataclass(frozen=True)
class Nat:
    """What the tests found. `mapping` and `filtering` are None where one server address cannot tell."""

    local: Endpoint
    mapped: Endpoint
    mapping: Behaviour | None
    filtering: Behaviour | None
    server_addresses: int

    @property
    def translated(self) -> bool:
        """Whether the far end sees another address or port than this computer has."""
        return self.mapped != self.local


@dataclass(frozen=True)
class Unanswered:
    """No answer came that can be believed; so many came that somebody had changed on their way."""

    changed: int


def discover(far_end: FarEnd, offer: StunOffer, credential: Credential | None) -> Nat | Unanswered:
    """Run the tests, without a `credential` against anybody's server. Takes 5 s at most.

    Raises ProbeError: ``no_route`` (home_link), ``other_address_silent`` (server).
    """
    asker = Asker(credential)
    with closing(free_socket(far_end)) as for_mapping, closing(free_socket(far_end)) as for_filter:
        server = Endpoint(Endpoint.of(far_end.socket_address()).address, offer.port)
        (first,) = ask([asker.question(for_mapping, server)])
        if first is None:
            return Unanswered(asker.changed)
        round_two = Round(asker, for_mapping, for_filter, server, first)
        mapping, filtering = round_two.by_port(offer) if first.other is None else round_two.by_address(first.other)
        local = Endpoint.of(for_mapping.getsockname())
    return Nat(local, first.mapped, mapping, filtering, server_addresses=1 if first.other is None else 2)


def port_of(record: Record, name: str) -> int:
    """Return a UDP port that a responder names. Raises Refused."""
    port = record.integer(name, least=1)
    if port > 65535:
        raise Refused("schema", f"{record.where}: {name}: {port} is no port")
    return port


def free_socket(far_end: FarEnd) -> socket.socket:
    """Return a socket on the address that packets to the far end leave with, on any port. Raises ProbeError."""
    try:
        return socket_on(far_end, 0)
    except OSError as error:
        message = f"this computer's address cannot be used: {error.strerror}"
        raise ProbeError("no_interface", "Repeat the check; the network was changing.", message=message) from None


def socket_on(far_end: FarEnd, port: int) -> socket.socket:
    """Return a socket on `port` of the address that packets to the far end leave with. ProbeError and OSError."""
    local = route.local_address(far_end.address)
    if local is None:
        message = f"this computer knows no way to {far_end.address}"
        raise ProbeError("no_route", LINK_ADVICE, message=message, at_fault="home_link")
    return bound(far_end.family, local, port)


class Asker:
    """Makes the questions of one discovery, and counts answers that were changed on their way."""

    def __init__(self, credential: Credential | None) -> None:
        self.credential = credential
        self.changed = 0

    def question(
        self, sock: socket.socket, server: Endpoint, change: int = 0, answered_from: Endpoint | None = None
    ) -> Question[Seen]:
        """Return a binding request to `server`, to be answered from there, or with `change` from elsewhere."""
        transaction = secrets.token_bytes(rfc_8489.TRANSACTION_LENGTH)
        attributes = [(rfc_8489.SOFTWARE, _SOFTWARE)]
        if change:
            attributes.append((rfc_5780.CHANGE_REQUEST, change.to_bytes(4, "big")))
        if self.credential is not None:
            attributes.append((rfc_8489.USERNAME, self.credential.username.encode()))
        request = Message(rfc_8489.BINDING_REQUEST, transaction, tuple(attributes))
        expected = answered_from or server

        def read(datagram: bytes, source: Endpoint) -> Seen | None:
            return self.read(datagram, transaction) if source == expected else None

        password = None if self.credential is None else self.credential.password
        return Question(sock, server, rfc_8489.pack(request, password), read)

    def read(self, datagram: bytes, transaction: bytes) -> Seen | None:
        """Return what an answer to `transaction` says; None for anything else."""
        try:
            message = rfc_8489.unpack(datagram)
            if message.transaction != transaction or message.kind != rfc_8489.BINDING_SUCCESS:
                return None
            if self.credential is not None and not rfc_8489.is_authentic(datagram, self.credential.password):
                self.changed += 1
                return None
            address = rfc_8489.unpack_xor_address(message.get(rfc_8489.XOR_MAPPED_ADDRESS) or b"", transaction)
            other = message.get(rfc_5780.OTHER_ADDRESS)
            return Seen(address, None if other is None else rfc_8489.unpack_address(other))
        except BadMessage:
            return None


@dataclass(frozen=True)
class Round:
    """The second round: everything that can be asked once the server has answered."""

    asker: Asker
    for_mapping: socket.socket
    for_filter: socket.socket
    server: Endpoint
    first: Seen

    def by_address(self, other: Endpoint) -> tuple[Behaviour | None, Behaviour | None]:
        """Return mapping and filter by a server with a second address. Raises ProbeError."""
        same_port = Endpoint(other.address, self.server.port)
        second, third, from_address, from_port = ask(
            [
                self.asker.question(self.for_mapping, same_port),
                self.asker.question(self.for_mapping, other),
                self._elsewhere(CHANGE_ADDRESS | CHANGE_PORT, other),
                self._elsewhere(CHANGE_PORT, Endpoint(self.server.address, other.port)),
            ]
        )
        mapping = rfc_5780.mapping(self.first.mapped, mapped(second), mapped(third))
        if mapping is None:
            message = f"the responder's second address does not answer at UDP ports {same_port.port} and {other.port}"
            raise server_error("other_address_silent", message)
        return mapping, rfc_5780.filtering(from_address is not None, from_port is not None)

    def by_port(self, offer: StunOffer) -> tuple[Behaviour | None, Behaviour | None]:
        """Return what a server with one address and two ports can tell."""
        other = Endpoint(self.server.address, offer.other_port)
        second, from_port = ask([self.asker.question(self.for_mapping, other), self._elsewhere(CHANGE_PORT, other)])
        mapping = rfc_5780.mapping_by_port(self.first.mapped, mapped(second))
        # Silence of a port that is closed over there would look like a filter.
        filtering = rfc_5780.filtering(None, from_port is not None) if second else None
        return mapping, filtering

    def _elsewhere(self, change: int, answered_from: Endpoint) -> Question[Seen]:
        return self.asker.question(self.for_filter, self.server, change, answered_from)


def mapped(seen: Seen | None) -> Endpoint | None:
    """Return this computer's address as an answer told it."""
    return None if seen is None else seen.mapped
