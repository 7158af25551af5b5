"""Whether anything answers at an address: the proxy or the name, then a connection; and who answers in its place."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from homecheck.doctor.diagnosis import Diagnosis, Trouble, found, ok
from homecheck.doctor.troubles import (
    CAPTIVE_PORTAL,
    NAME_SERVICE,
    NAME_UNKNOWN,
    NO_CONNECTION,
    NO_NETWORK,
    PROXY_KIND,
    PROXY_SCRIPT,
    PROXY_UNREACHABLE,
)
from homecheck.doctor.way import SECONDS, Proxy, Way
from homecheck.errors import ProbeError
from homecheck.instruments import plain_http, proxies
from homecheck.instruments.far_end import FarEnd, connect, named, resolve

WEB_PORT: Final = 80
SIGN_IN_REQUIRED: Final = 511  # RFC 6585 6
PROXY_SCHEMES: Final = ("http", "https")
TROUBLES: Final[dict[str, Trouble]] = {
    "no_route": NO_NETWORK,
    "dns_failed": NAME_SERVICE,
    "responder_unknown": NAME_UNKNOWN,
}


def examine_proxy_script(script: Callable[[], str] = proxies.script) -> Iterator[Diagnosis]:
    """Yield that a script decides about proxies, or that one is of another kind, where this system tells."""
    kind = script()
    if kind == proxies.SOCKS:
        yield found("proxy", PROXY_SCRIPT, "the system's settings name a SOCKS proxy, which homecheck does not take")
    elif kind:
        yield found("proxy", PROXY_SCRIPT, f"the system's settings name a script for proxies ({kind})")


def examine_route(way: Way) -> Iterator[Diagnosis]:
    """Yield whether a connection comes about."""
    if way.proxy is not None:
        yield _proxy(way.proxy)
        return
    try:
        addresses = _addresses(way)
    except ProbeError as error:
        yield found("name", TROUBLES.get(error.code, NO_CONNECTION), error.message)
        return
    yield ok("name", f"{way.host}: this name leads to {', '.join(dict.fromkeys(one.address for one in addresses))}")
    yield _connection(way, addresses)


def examine_portal(way: Way, port: int = WEB_PORT) -> Iterator[Diagnosis]:
    """Yield that a sign-in page answers for everybody: asked in plain HTTP, it sends the reader elsewhere.

    Asked only after something else has failed: a collector's own web server sends nobody to another domain.
    """
    if way.proxy is not None:
        return
    try:
        answer = plain_http.ask(_addresses(way)[0], port)
    except ProbeError:
        return  # no page, and so no sign-in page; what failed before is what counts
    if answer.elsewhere or answer.status == SIGN_IN_REQUIRED:
        message = f"{way.host}: a sign-in page answers in its place (HTTP status {answer.status})"
        yield found("sign-in page", CAPTIVE_PORTAL, message)


def _proxy(proxy: Proxy) -> Diagnosis:
    if proxy.scheme not in PROXY_SCHEMES:
        return found("proxy", PROXY_KIND, f"{proxy.shown}: {proxy.scheme or 'no'} proxy")
    try:
        socket.create_connection((proxy.host, proxy.port), SECONDS).close()
    except (OSError, UnicodeError) as error:
        return found("proxy", PROXY_UNREACHABLE, f"{proxy.shown}: {_why(error)}")
    return ok("proxy", f"{proxy.shown} answers; connections go through it")


def _addresses(way: Way) -> list[FarEnd]:
    """Return the addresses of the server. Raises ProbeError."""
    base = named(way.url)
    return [
        replace(base, scheme="http", family=family, address=str(address[0]))
        for family, _, _, _, address in resolve(base.host, base.port)
    ]


def _connection(way: Way, addresses: list[FarEnd]) -> Diagnosis:
    last = ""
    for one in addresses:
        try:
            connect(one, SECONDS).close()
        except ProbeError as error:
            if error.code in TROUBLES:
                return found("connection", TROUBLES[error.code], error.message)
            last = error.message
            continue
        return ok("connection", f"{way.name} answers")
    return found("connection", NO_CONNECTION, last)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
