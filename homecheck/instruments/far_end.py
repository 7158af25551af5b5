"""Talking to a responder: addresses, TLS, requests of bounded time, and whose fault it is when that does not work.

Only sockets of the standard library: a speed test's own client must cost next to nothing. Proxies of the environment
are not used; a call's packets would not pass them either.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from homecheck import __version__
from homecheck.errors import ProbeError, Refused
from homecheck.instruments import presented_certificate, received_http
from homecheck.strict_json import Record, parse_object, serialize

CONNECT_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 10.0
LINK_LOCAL: Final = ("fe8", "fe9", "fea", "feb")  # fe80::/10, in the beginnings of addresses
MAX_ANSWER: Final = 400_000  # bytes
WAIT_ADVICE: Final = "This is not your fault. Try again later; if it lasts, tell the people who asked for the check."
MUTE_ADVICE: Final = (
    "If a VPN is on, switch it off and repeat the check: large packets may get lost in it. Else this is not your "
    "fault: try again later; if it lasts, tell the people who asked for the check."
)
CERTIFICATE_ADVICE: Final = (
    "This does not count against you. If a security program or a company's network looks into the traffic of this "
    "computer, have it leave this address alone; else tell the people who asked for the check."
)
CLOCK_ADVICE: Final = (
    "Look at the date and time of this computer: let the system set them by itself, then repeat the check. If they are "
    "right, this is not your fault: tell the people who asked for the check."
)
FAMILIES: Final = {int(socket.AF_INET): "IPv4", int(socket.AF_INET6): "IPv6"}
_ANYWHERE: Final = {int(socket.AF_INET): "192.0.2.1", int(socket.AF_INET6): "2001:db8::1"}  # RFC 5737, RFC 3849
_PRINTABLE: Final = re.compile(r"[!-~]+")  # goes into a request's lines as it is
LINK_ADVICE: Final = "Check the cable or Wi-Fi and that other pages open in the browser, then repeat the check."
NAME_ADVICE: Final = (
    "Restart the router and switch off VPNs, then repeat the check. If other pages open in the browser all the same, "
    "tell the people who asked for the check."
)


def server_error(code: str, message: str) -> ProbeError:
    """Return the failure of our own side; it never counts against the person."""
    return ProbeError(code, WAIT_ADVICE, message=message, at_fault="server")


@dataclass(frozen=True)
class FarEnd:
    """A responder at one resolved address, so that every packet of a measurement takes the same path."""

    scheme: str
    host: str
    port: int
    prefix: str
    family: int
    address: str
    certificate: bytes | None = field(default=None, repr=False)  # that was shown when it was found, DER

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.host}:{self.port}"

    def socket_address(self, port: int | None = None) -> tuple[Any, ...]:
        """Return the address as `socket.connect` takes it, for TCP or, with `port`, for UDP."""
        number = self.port if port is None else port
        found = socket.getaddrinfo(self.address, number, family=self.family, flags=socket.AI_NUMERICHOST)
        return found[0][4]


@dataclass(frozen=True)
class Reply:
    """An answer: status, lower-case headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def find(url: str) -> FarEnd:
    """Return the responder at the base address `url`, at the first of its addresses that accepts a connection.

    Raises ProbeError: ``bad_address`` (agent), ``no_route``, ``dns_failed`` (home_link), ``responder_unknown``,
    ``responder_refused``, ``responder_silent``, ``responder_unreachable``, ``other_ip_version`` (server). Of several
    addresses the last one's that this computer knows a way to.
    """
    parts = named(url)
    last: ProbeError | None = None
    addresses = resolve(parts.host, parts.port)
    for family, _, _, _, address in addresses:
        far_end = replace(parts, family=family, address=str(address[0]))
        try:
            sock = connect(far_end, CONNECT_SECONDS)
        except ProbeError as error:
            if last is None or error.code != "no_route":  # a family without a route tells least
                last = error
            continue
        with sock:
            return replace(far_end, certificate=presented_certificate.of_connection(sock))
    assert last is not None
    if last.code == "no_route":
        last = other_ip_version(parts.name, (one[0] for one in addresses), routed_families()) or last
    raise last


def named(url: str) -> FarEnd:
    """Return what a base address names, not yet looked up. Raises ProbeError ``bad_address`` (agent).

    A link-local address (RFC 4291 2.5.6) is none: it means nothing without the name of one computer's interface, which
    neither a certificate nor a Host header can bear.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = _in_ascii(parts.hostname or "")
        if not _PRINTABLE.fullmatch(host + parts.path):
            raise ValueError
    except (KeyError, ValueError):
        host = ""
    if not host or (":" in host and host.lower().startswith(LINK_LOCAL)):
        what = "is a link-local address, which holds on one cable alone" if host else "is no address"
        message = f"{url!r:.100} {what}"
        advice = "Correct the address: the responder's name, or a public address of it."
        raise ProbeError("bad_address", advice, message=message, at_fault="agent")
    return FarEnd(parts.scheme, host, port, parts.path.rstrip("/"), socket.AF_UNSPEC, "")


def none_known(*, enrolled: bool) -> ProbeError:
    """Return why nothing can be measured where nobody names a responder: there is no company, or it has none."""
    return ProbeError(
        "no_responder",
        "Nothing is wrong on your side. Tell the company that it names no measuring server."
        if enrolled
        else "Enrol with a company's invitation first: this is measured against its server.",
        message="no measuring server is known for this check",
        at_fault="agent",
    )


def _in_ascii(host: str) -> str:
    """Return a host's name as DNS and HTTP spell it: ``bücher.example`` is ``xn--bcher-kva.example`` (RFC 3490)."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def resolve(
    host: str,
    port: int,
    look_up: Callable[..., Sequence[tuple[Any, ...]]] = socket.getaddrinfo,
    routed: Callable[[], bool] | None = None,
) -> list[tuple[Any, ...]]:
    """Return the addresses of `host`.

    Raises ProbeError ``no_route``, ``dns_failed`` (home_link) or ``responder_unknown`` (server). A name that DNS does
    not know is our mistake; but a computer without a route gets the same answer.
    """
    try:
        return list(look_up(host, port, type=socket.SOCK_STREAM))
    except (socket.gaierror, UnicodeError) as error:
        if not (routed or has_default_route)():
            raise no_route("the internet") from None
        if isinstance(error, UnicodeError) or error.errno == socket.EAI_NONAME:
            raise server_error("responder_unknown", f"the name {host!r:.80} is not known to DNS") from None
        message = f"the name service (DNS) gives no answer for {host!r:.80} ({error.strerror})"
        raise ProbeError("dns_failed", NAME_ADVICE, message=message, at_fault="home_link") from None


def has_default_route() -> bool:
    """Tell whether the system would know where to send packets for the internet; nothing is sent."""
    return bool(routed_families())


def routed_families() -> frozenset[int]:
    """Return the address families in which the system knows a way to the internet; nothing is sent."""
    found = set()
    for family, address in _ANYWHERE.items():
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:  # a system may lack a family
            sock.connect((address, 9))
            found.add(family)
    return frozenset(found)


def connect(far_end: FarEnd, seconds: float) -> socket.socket:
    """Return a connection, with TLS where the address asks for it.

    Raises ProbeError as `find` does, and ``responder_tls``, ``responder_certificate``, ``responder_mute``.
    """
    sock = socket.socket(far_end.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(far_end.socket_address())
    except OSError as error:
        sock.close()
        raise failed_connection(far_end, error) from None
    try:
        return _secured(sock, far_end)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise refused_certificate(far_end, error, seconds) from None
    except ssl.SSLError as error:
        sock.close()
        message = f"{far_end.name} makes no encrypted connection (TLS: {error.reason or error})"
        raise server_error("responder_tls", message) from None
    except TimeoutError:
        sock.close()
        raise mute(f"{far_end.name} accepts connections and does not answer in TLS") from None
    except OSError as error:
        sock.close()
        raise failed_connection(far_end, error) from None


def mute(message: str) -> ProbeError:
    """Return the failure of a far end that takes connections and says nothing on them.

    The way to it is there. It hangs, or small packets pass and large ones do not (a path MTU that nobody tells).
    """
    return ProbeError("responder_mute", MUTE_ADVICE, message=message, at_fault="server")


def refused_certificate(far_end: FarEnd, error: ssl.SSLCertVerificationError, seconds: float) -> ProbeError:
    """Return the failure for a certificate that is not accepted, with the issuer's name from a second look at it.

    Ours, a security program's or the network's: nobody can tell from here, so it counts as ours.
    """
    shown = presented_certificate.look(far_end.socket_address(), far_end.family, far_end.host, seconds)
    message = f"{far_end.name}: {presented_certificate.explanation(error, shown)}"
    advice = CLOCK_ADVICE if error.verify_code in presented_certificate.OUT_OF_DATE else CERTIFICATE_ADVICE
    return ProbeError("responder_certificate", advice, message=message, at_fault="server")


def no_route(target: str) -> ProbeError:
    """Return the failure of a computer that is not connected, or only to networks that do not lead to `target`."""
    message = f"this computer is not connected to a network that leads to {target}"
    return ProbeError("no_route", LINK_ADVICE, message=message, at_fault="home_link")


def other_ip_version(name: str, theirs: Iterable[int], ours: Collection[int]) -> ProbeError | None:
    """Return the failure of a far end whose addresses are all of the family that does not lead out of this home.

    `theirs` are the families of its addresses, `ours` those that lead to the internet. None where that is not it. Many
    homes have one family alone, and may: it is for the far end to have an address of each.
    """
    if not ours or set(theirs) & set(ours):
        return None
    has = " and ".join(sorted(FAMILIES[family] for family in ours))
    message = f"{name} has no address of {has}, and this network leads to the internet by {has} alone"
    return server_error("other_ip_version", message)


def failed_connection(far_end: FarEnd, error: OSError) -> ProbeError:
    """Return whose fault it is that no connection came about."""
    if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, getattr(errno, "WSAENETUNREACH", -1)):
        return no_route(far_end.address)
    if isinstance(error, ConnectionRefusedError):
        return server_error("responder_refused", f"{far_end.name} refuses connections")
    if isinstance(error, TimeoutError):
        return server_error("responder_silent", f"{far_end.name} does not answer")
    if isinstance(error, ConnectionResetError):  # it answered, and cut off before anything was said
        return server_error("responder_broke_off", f"{far_end.name} accepts connections and breaks them off")
    return server_error("responder_unreachable", f"{far_end.name} cannot be reached: {error.strerror or error}")


def call(
    far_end: FarEnd,
    method: str,
    path: str,
    document: Mapping[str, Any] | None = None,
    *,
    token: str | None = None,
    seconds: float = REQUEST_SECONDS,
    most: int = MAX_ANSWER,
) -> Reply:
    """Send one request on a connection of its own and return the answer, all within `seconds`. Raises ProbeError.

    An answer of more than `most` bytes is broken off.
    """
    deadline = time.monotonic() + seconds
    body = None if document is None else serialize(document)
    sock = connect(far_end, seconds)
    try:
        sock.sendall(request_head(far_end, method, path, token=token, length=None if body is None else len(body)))
        sock.sendall(body or b"")
        return parse_reply(_read_to_end(sock, deadline, most), far_end)
    except TimeoutError:
        raise mute(f"{far_end.name} does not answer {method} {path}") from None
    except OSError as error:
        message = f"{far_end.name} broke off {method} {path}: {error.strerror or error}"
        raise server_error("responder_broke_off", message) from None
    finally:
        sock.close()


def call_for_json(
    far_end: FarEnd,
    method: str,
    path: str,
    document: Mapping[str, Any] | None = None,
    *,
    seconds: float = REQUEST_SECONDS,
) -> Record:
    """Send one request and return the JSON object in the answer. Raises ProbeError for any other answer."""
    reply = checked(call(far_end, method, path, document, seconds=seconds), far_end, path)
    try:
        return Record(parse_object(reply.body), f"{far_end.name}{path}")
    except Refused as error:
        raise server_error("responder_answer", f"{far_end.name}{path}: {error.message}") from None


def checked(reply: Reply, far_end: FarEnd, path: str) -> Reply:
    """Return a good answer. Raises ProbeError for the others."""
    if reply.status == 429:
        wait = reply.headers.get("retry-after", "")
        message = f"{far_end.name} is busy" + (f"; again in {wait} s" if wait.isascii() and wait.isdecimal() else "")
        raise server_error("responder_busy", message)
    if reply.status not in (200, 201):
        raise server_error("responder_answer", f"{far_end.name}{path} answers with HTTP status {reply.status}")
    return reply


def request_head(
    far_end: FarEnd,
    method: str,
    path: str,
    *,
    token: str | None = None,
    length: int | None = None,
    chunked: bool = False,
) -> bytes:
    """Return the request line and headers of a request whose connection is closed after it."""
    host = f"[{far_end.host}]" if ":" in far_end.host else far_end.host
    lines = [
        f"{method} {far_end.prefix}{path} HTTP/1.1",
        f"Host: {host}:{far_end.port}",
        f"User-Agent: homecheck/{__version__}",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    if chunked:
        lines += ["Content-Type: application/octet-stream", "Transfer-Encoding: chunked"]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def parse_reply(data: bytes, far_end: FarEnd) -> Reply:
    """Return the answer in `data`, everything that was received. Raises ProbeError when it is no HTTP answer."""
    response = received_http.response_in(data)
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError, OverflowError) as error:  # the last: of an endless length
        raise server_error(
            "responder_answer", f"{far_end.name} does not answer in HTTP: {type(error).__name__}"
        ) from None
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _read_to_end(sock: socket.socket, deadline: float, most: int) -> bytes:
    """Return all bytes until the other side closes; TimeoutError when the deadline passes, however they drip."""
    received = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        data = sock.recv(65536)
        if not data:
            return bytes(received)
        received += data
        if len(received) > most:
            raise OSError(errno.EMSGSIZE, "the answer has no end")


def _secured(sock: socket.socket, far_end: FarEnd) -> socket.socket:
    if far_end.scheme != "https":
        return sock
    return client_context().wrap_socket(sock, server_hostname=far_end.host)


def client_context() -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and those of certifi where the system brings none."""
    context = ssl.create_default_context()
    if not os.environ.get("SSL_CERT_FILE") and (sys.platform == "darwin" or not context.get_ca_certs()):
        import certifi  # here, because most systems do not need it

        context.load_verify_locations(certifi.where())
    return context
