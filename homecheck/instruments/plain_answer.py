"""One tiny exchange in plain HTTP, to see who else takes part in it: both ends' words, without sockets.

    GET /v1/plain/NONCE HTTP/1.1          padded to REQUEST_BYTES
    -> homecheck NONCE SHA256             of the request's head as it arrived, in hexadecimal digits

A sign-in page answers in the responder's place and does not know the nonce's answer; a proxy passes the answer on, but
writes the request anew or puts its name beside the answer. The answer is never longer than the request.
"""

from __future__ import annotations

import hashlib
import http.client
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from homecheck import __version__
from homecheck.instruments import received_http

PATH: Final = "/v1/plain/"
REQUEST_BYTES: Final = 400
MOST_HEAD_BYTES: Final = 2_048
NONCE: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_REQUEST: Final = re.compile(
    rb"GET " + re.escape(PATH.encode("ascii")) + rb"(" + NONCE.pattern + rb") HTTP/1\.[01]\r\n"
)
# What proxies and caches write beside an answer (RFC 9110 7.6.3, RFC 9111 5.1, and habit).
PROXY_HEADERS: Final = ("via", "x-cache", "x-cache-lookup", "age", "x-squid-error", "proxy-connection", "forwarded")


@dataclass(frozen=True)
class Plain:
    """What an answer says. `genuine`: it is the responder's own; `elsewhere`: it sends the reader to another host."""

    status: int
    genuine: bool
    changed: bool  # the request arrived otherwise than it was sent
    proxy_headers: tuple[str, ...]
    elsewhere: bool


def request(host: str, port: int, nonce: str) -> bytes:
    """Return the head to send."""
    name = f"[{host}]" if ":" in host else host
    lines = (
        f"GET {PATH}{nonce} HTTP/1.1",
        f"Host: {name}:{port}",
        f"User-Agent: homecheck/{__version__}",
        "Accept: text/plain",
        "Connection: close",
    )
    head = "\r\n".join(lines) + "\r\nX-Padding: "
    return (head + "0" * (REQUEST_BYTES - len(head) - 4) + "\r\n\r\n").encode("ascii")


def answer(head: bytes) -> bytes | None:
    """Return the answer to a request's head; None for one that is not to be answered."""
    asked = _REQUEST.match(head)
    if asked is None:
        return None
    body = b"homecheck " + asked[1] + b" " + hashlib.sha256(head).hexdigest().encode("ascii") + b"\n"
    lines = (
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: %d" % len(body),
        b"Cache-Control: no-store",
        b"Connection: close",
    )
    reply = b"\r\n".join(lines) + b"\r\n\r\n" + body
    return reply if len(reply) <= len(head) else None


def read(reply: bytes, sent: bytes) -> Plain | None:
    """Return what `reply` to the head `sent` says; None when it is no HTTP answer."""
    response = received_http.response_in(reply)
    try:
        response.begin()
        body = _whole_or_part(response)
    except (http.client.HTTPException, ValueError, OverflowError):  # the last: of an endless length
        return None
    asked = _REQUEST.match(sent)
    words = body.split()
    genuine = asked is not None and len(words) == 3 and words[:2] == [b"homecheck", asked[1]]
    return Plain(
        response.status,
        genuine,
        genuine and words[2] != hashlib.sha256(sent).hexdigest().encode("ascii"),
        tuple(name for name in PROXY_HEADERS if response.getheader(name) is not None),
        _elsewhere(response.getheader("Location"), sent),
    )


def _whole_or_part(response: http.client.HTTPResponse) -> bytes:
    """Return the body, as far as it was taken: a long page is not ours, whatever its end."""
    try:
        return response.read()
    except http.client.IncompleteRead as error:
        return error.partial


def _elsewhere(location: str | None, sent: bytes) -> bool:
    """Tell whether a redirect leads to a host of another domain than that of the one that was asked.

    A far end whose web server sends people to its company's pages is no sign-in page.
    """
    if location is None:
        return False
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return True
    asked = re.search(rb"\r\nHost: (.*):\d+\r\n", sent)
    return host is not None and asked is not None and _domain(host) != _domain(asked[1].decode("ascii").strip("[]"))


def _domain(host: str) -> str:
    """Return the last two labels of a name, and an address as it is. That of example.co.uk is too wide, and no harm."""
    labels = host.lower().rstrip(".").split(".")
    return host.lower() if ":" in host or labels[-1].isdecimal() else ".".join(labels[-2:])
