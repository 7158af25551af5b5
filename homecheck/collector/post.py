"""One HTTP request to somebody else's server, who may be slow, broken or hostile.

It goes to an address that was judged (`outside`), follows no redirect, uses no proxy, reads no more than the head of
the answer, and is over after `SECONDS` whatever the other side does.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from homecheck.collector.outside import LookUp, Network, NotAllowed, addresses_of
from homecheck.errors import SetupError

SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
MOST_ADDRESSES: Final = 3  # of one name that are tried, in CONNECT_SECONDS together
MAX_URL: Final = 1_000


@dataclass(frozen=True)
class Answer:
    """What came of it: a status, or None and the reason why there is none."""

    status: int | None
    retry_after: str | None = None
    error: str = ""

    @property
    def taken(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str, inside: Sequence[Network]) -> SplitResult:
    """Return the parts of a receiver's address. SetupError for one that no message may be sent to, as far as it tells.

    Plain http is for the operator's own networks: nobody on the way reads along there.
    """
    advice = "Write it like https://receiver.example.com/homecheck"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SetupError(f"{url:.100}: {error}", advice) from None
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise SetupError("the address is too long, or has characters that addresses do not have", advice)
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.password or parts.fragment:
        raise SetupError(f"{url:.100}: no address of a receiver", advice)
    if parts.scheme == "http" and not inside:
        raise SetupError(f"{url:.100}: it is not encrypted", "Use https.")
    return parts


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    inside: Sequence[Network] = (),
    tls: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
    look_up: LookUp = socket.getaddrinfo,
) -> Answer:
    """Send `body` and return what came of it. Never raises for what the other side does."""
    try:
        parts = check_url(url, inside)
        addresses = addresses_of(parts.hostname or "", _port(parts), inside, look_up)
    except (SetupError, NotAllowed) as error:
        return Answer(None, error=str(error))
    except (OSError, UnicodeError) as error:
        return Answer(None, error=f"{urlsplit(url).hostname}: {getattr(error, 'strerror', None) or error}")
    connection = _connection(parts, addresses, tls, seconds)
    late = threading.Event()  # the timer's thread still runs for a moment after it has cut the connection off
    timer = threading.Timer(seconds, _end, [connection, late])
    timer.daemon = True  # a process that ends need not wait for it
    timer.start()
    try:
        connection.request("POST", _target(parts), body, dict(headers))
        answer = connection.getresponse()
        if late.is_set():  # a head that was cut off looks like a short one
            raise TimeoutError
        return Answer(answer.status, answer.headers.get("Retry-After"))
    except TimeoutError:
        return Answer(None, error="no answer in time")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, error="no answer in time" if late.is_set() else f"{type(error).__name__}: {error}"[:200])
    finally:
        timer.cancel()
        _cut_off(connection)


class _Connection(http.client.HTTPConnection):
    """Connects to one of the addresses that were judged; the name is for the Host header and the certificate."""

    def __init__(
        self, parts: SplitResult, addresses: Sequence[str], tls: ssl.SSLContext | None, seconds: float
    ) -> None:
        super().__init__(parts.hostname or "", _port(parts), timeout=min(seconds, CONNECT_SECONDS))
        self.addresses, self.tls, self.seconds = addresses, tls, seconds

    def connect(self) -> None:
        """Open the connection, to the first address that takes it. OSError is that of the last one."""
        self.sock = self._reached()
        self.sock.settimeout(self.seconds)
        if self.tls is not None:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.host)

    def _reached(self) -> socket.socket:
        *others, last = self.addresses[:MOST_ADDRESSES]
        share = (self.timeout or CONNECT_SECONDS) / (len(others) + 1)  # whoever cuts us off must find a socket
        for address in others:
            with suppress(OSError):
                return socket.create_connection((address, self.port), share)
        return socket.create_connection((last, self.port), share)


def _connection(
    parts: SplitResult, addresses: Sequence[str], tls: ssl.SSLContext | None, seconds: float
) -> _Connection:
    encrypted = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
    return _Connection(parts, addresses, encrypted, seconds)


def _end(connection: _Connection, late: threading.Event) -> None:
    """Say that time is over, then cut the connection off: whoever reads its end must find the word."""
    late.set()
    _cut_off(connection)


def _cut_off(connection: _Connection) -> None:
    """End the connection, also under a thread that waits for it."""
    sock = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            sock.close()


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
