"""One attempt at one address of a policy's target over TCP, in bounded time, and what stopped it.

TCP is reached by its handshake, TLS by a certificate that this computer trusts, https by any answer in HTTP, and wss by
an opened WebSocket, or by the answer that this page wants a sign-in or is another one: it came through verified TLS, so
nobody on the way has given it. Web pages and WebSockets take the system's proxy, as a softphone in a browser does.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
import time
from base64 import b64encode
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from homecheck.errors import AtFault, ProbeError
from homecheck.instruments import presented_certificate
from homecheck.instruments.far_end import (
    FarEnd,
    failed_connection,
    refused_certificate,
    request_head,
    resolve,
    server_error,
)
from homecheck.instruments.proxies import Proxy
from homecheck.instruments.websocket import read_head, upgrade_request
from homecheck.measurement import Details, Target
from homecheck.standards import rfc_6455

SECONDS: Final = 4.5  # for one attempt, with every look that explains it
HANDSHAKE_SECONDS: Final = 3.3  # of them for what a softphone would do: SYN is repeated after one and three
SECURED: Final = ("tls", "https", "wss")
BY_PROXY: Final = ("https", "wss")
DECLINED: Final = (400, 401, 403, 404, 405, 426)  # no WebSocket at this page, or none without a sign-in
GATEWAY: Final = (502, 503, 504)  # a proxy that could not get there itself
FORBIDDEN: Final = (errno.EACCES, errno.EPERM, getattr(errno, "WSAEACCES", -1))

FIREWALL_ADVICE: Final = "Allow homecheck, and the softphone, in the firewall or security program of this computer."
FILTER_ADVICE: Final = (
    "Switch off VPNs and family filters and repeat the check, or try another network, such as your phone's."
)
PROXY_ADVICE: Final = (
    "Look at the proxy in this computer's network settings: sign in to it, or ask whoever runs it to allow this "
    "address."
)


@dataclass(frozen=True)
class Reached:
    """The target answered: after how many ms, and what the reader may want to know."""

    ms: float
    details: Details = field(default_factory=dict)


def attempt(
    target: Target, end: FarEnd, trust: ssl.SSLContext, proxy: Proxy | None = None, seconds: float = SECONDS
) -> Reached:
    """Try the target at one address, or through `proxy`, in `seconds` at most. `trust` holds the authorities.

    Raises ProbeError: ``target_refused``, ``target_silent``, ``target_unreachable``, ``target_broke_off``,
    ``target_tls``, ``target_certificate``, ``target_answer`` (server), ``no_route``, ``name_filtered``,
    ``proxy_silent``, ``proxy_refused`` (home_link), ``local_firewall`` (device).
    """
    began = time.monotonic()
    way = Way(end, proxy, began + seconds)
    with way.opened() as plain:
        if target.protocol not in SECURED:
            return Reached(_ms(began))
        with _secured(plain, way, trust, began + seconds * HANDSHAKE_SECONDS / SECONDS) as sock:
            details: Details = {"issuer": _issuer(sock), "tls": sock.version()}
            if target.protocol == "tls":
                return Reached(_ms(began), details)
            reply = _asked(sock, target, way)
            return Reached(_ms(began), {**details, **reply})


@dataclass(frozen=True)
class Way:
    """How connections to a target come about: where to, through which proxy, and until when."""

    end: FarEnd
    proxy: Proxy | None
    deadline: float

    @property
    def left(self) -> float:
        """Seconds until the deadline; never zero, which would mean for ever to a socket."""
        return max(self.deadline - time.monotonic(), 0.001)

    def opened(self) -> socket.socket:
        """Return a connection to the target, in plain TCP. Raises ProbeError."""
        return self._direct() if self.proxy is None else self._through(self.proxy)

    def _direct(self) -> socket.socket:
        try:
            return _connected(self.end, self.left)
        except OSError as error:
            raise stopped(self.end, error) from None

    def _through(self, proxy: Proxy) -> socket.socket:
        try:
            family, _, _, _, address = resolve(proxy.host, proxy.port)[0]
            sock = _connected(FarEnd("http", proxy.host, proxy.port, "", family, str(address[0])), self.left)
        except (OSError, ProbeError):
            raise _silent_proxy(proxy) from None
        with ExitStack() as unless_opened:
            unless_opened.callback(sock.close)
            try:
                sock.sendall(connect_request(self.end, proxy))
                reply, _ = read_head(sock, self.deadline, replace(self.end, host=proxy.host, port=proxy.port))
            except OSError:
                raise _silent_proxy(proxy) from None
            except ProbeError as error:
                raise of_target(error) from None
            if reply.status != 200:
                raise _not_passed(self.end, proxy, reply.status)
            unless_opened.pop_all()
        return sock


def connect_request(end: FarEnd, proxy: Proxy) -> bytes:
    """Return the request that has a proxy open a tunnel (RFC 9110 9.3.6)."""
    where = f"[{end.host}]:{end.port}" if ":" in end.host else f"{end.host}:{end.port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: Basic {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def stopped(end: FarEnd, error: OSError) -> ProbeError:
    """Return why no connection came about."""
    if error.errno in FORBIDDEN:
        message = f"a program on this computer forbids connections to {end.name}"
        return ProbeError("local_firewall", FIREWALL_ADVICE, message=message, at_fault="device")
    return of_target(failed_connection(end, error))


def of_target(error: ProbeError) -> ProbeError:
    """Return an error about the responder as one about a target: only its code says which."""
    at_fault: AtFault = error.at_fault
    code = error.code.replace("responder_", "target_")
    return ProbeError(code, error.advice, message=error.message, at_fault=at_fault)


def _connected(end: FarEnd, seconds: float) -> socket.socket:
    sock = socket.socket(end.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(end.socket_address())
    except OSError:
        sock.close()
        raise
    return sock


def _secured(plain: socket.socket, way: Way, trust: ssl.SSLContext, until: float) -> ssl.SSLSocket:
    """Return the connection with TLS on it, or say what stopped the handshake. Raises ProbeError."""
    plain.settimeout(max(until - time.monotonic(), 0.001))
    end = way.end
    try:
        return trust.wrap_socket(plain, server_hostname=end.host)
    except ssl.SSLCertVerificationError as error:
        raise _refused(error, way) from None
    except (TimeoutError, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise _cut_off(way, silent=isinstance(error, TimeoutError)) from None
    except ssl.SSLError as error:
        message = f"{end.name} makes no encrypted connection (TLS: {error.reason or error})"
        raise server_error("target_tls", message) from None
    except OSError as error:
        raise stopped(end, error) from None


def _refused(error: ssl.SSLCertVerificationError, way: Way) -> ProbeError:
    """Return why the certificate is not accepted, with the issuer's name from a second look at it."""
    if way.proxy is None:
        return of_target(refused_certificate(way.end, error, way.left))
    shown = None
    with suppress(OSError, ValueError, ProbeError), way.opened() as plain:
        plain.settimeout(way.left)
        shown = presented_certificate.shown_on(plain, way.end.host)
    return server_error("target_certificate", f"{way.end.name}: {presented_certificate.explanation(error, shown)}")


def _cut_off(way: Way, *, silent: bool) -> ProbeError:
    """Return why a handshake was cut off or ignored: filters do so when they read the target's name in it.

    It is one where the same address makes the handshake when no name is told, and refuses again when it is.
    """
    end = way.end
    if _is_name(end.host) and _handshake_works(way, None) and not _handshake_works(way, end.host):
        message = f"somebody on the way to {end.name} cuts connections off that tell its name"
        return ProbeError("name_filtered", FILTER_ADVICE, message=message, at_fault="home_link")
    if silent:
        return server_error("target_silent", f"{end.name} accepts connections and does not answer in TLS")
    return server_error("target_broke_off", f"{end.name} accepts connections and breaks them off")


def _handshake_works(way: Way, name: str | None) -> bool:
    """Tell whether a handshake comes about with this name or none, whatever the certificate."""
    with suppress(OSError, ValueError, ProbeError), way.opened() as plain:
        plain.settimeout(way.left)
        return presented_certificate.shown_on(plain, name) is not None
    return False


def _asked(sock: ssl.SSLSocket, target: Target, way: Way) -> Details:
    """Ask for the page, or for a WebSocket there, and return what was answered. Raises ProbeError."""
    end, page = way.end, target.path or "/"
    key = b64encode(os.urandom(16)).decode("ascii")
    upgrade = target.protocol == "wss"
    request = upgrade_request(end, page, key) if upgrade else request_head(end, "GET", page)
    try:
        sock.settimeout(way.left)
        sock.sendall(request)
        reply, _ = read_head(sock, way.deadline, end)
    except ProbeError as error:
        raise of_target(error) from None
    except TimeoutError:
        raise server_error("target_silent", f"{end.name} does not answer") from None
    except OSError as error:
        raise stopped(end, error) from None
    if not upgrade:
        return {"status": reply.status}
    if reply.status == 101 and reply.headers.get("sec-websocket-accept") == rfc_6455.accept_key(key):
        return {"status": reply.status, "opened": True}
    if reply.status not in DECLINED:
        raise server_error("target_answer", f"{end.name} opens no WebSocket (HTTP status {reply.status})")
    return {"status": reply.status, "opened": False}


def _silent_proxy(proxy: Proxy) -> ProbeError:
    message = f"the proxy that this computer is set to use does not answer ({proxy.name})"
    return ProbeError("proxy_silent", PROXY_ADVICE, message=message, at_fault="home_link")


def _not_passed(end: FarEnd, proxy: Proxy, status: int) -> ProbeError:
    if status in GATEWAY:
        return server_error("target_silent", f"the proxy that this computer uses cannot reach {end.name}")
    message = f"the proxy that this computer uses ({proxy.name}) refuses {end.name} (HTTP status {status})"
    return ProbeError("proxy_refused", PROXY_ADVICE, message=message, at_fault="home_link")


def _issuer(sock: ssl.SSLSocket) -> str | None:
    shown = presented_certificate.of_connection(sock)
    return None if shown is None else presented_certificate.issuer(shown)


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _ms(began: float) -> float:
    return round(1e3 * (time.monotonic() - began), 2)
