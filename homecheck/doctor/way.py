"""The way to a server: its address, and the proxy that stands before it as `requests` would choose it."""

from __future__ import annotations

import base64
import http.client
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies, select_proxy

from homecheck.exchange import is_loopback
from homecheck.instruments.far_end import named

SECONDS: Final = 8.0
TUNNEL_FAILED: Final = "Tunnel connection failed"  # http.client's words before the proxy's status


@dataclass(frozen=True)
class Proxy:
    """A proxy as it is set. `scheme` is empty for one whose address cannot be read."""

    scheme: str
    host: str
    port: int
    credentials: str = ""  # name:password; never shown

    @property
    def shown(self) -> str:
        """How messages call it."""
        return f"{self.host}:{self.port}"

    @classmethod
    def read(cls, url: str) -> Proxy:
        """Return the proxy that a setting names; without a scheme it is taken for http, as requests does."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 1080)
        except ValueError:
            return cls("", "(unreadable)", 0)
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
        return cls(parts.scheme if parts.hostname else "", parts.hostname or "(unreadable)", port, credentials)


@dataclass(frozen=True)
class Way:
    """Where a base address leads, and through which proxy (None: directly)."""

    url: str
    scheme: str
    host: str
    port: int
    proxy: Proxy | None

    @classmethod
    def to(cls, url: str) -> Way:
        """Return the way to a base address. Raises ProbeError ``bad_address`` for what is none."""
        there = named(url)
        set_proxy = None if is_loopback(url) else select_proxy(url, get_environ_proxies(url))
        return cls(url, there.scheme, there.host, there.port, Proxy.read(set_proxy) if set_proxy else None)

    @property
    def name(self) -> str:
        """How messages call the server."""
        return f"{self.host}:{self.port}"

    def certificate(self, context: ssl.SSLContext) -> bytes | None:
        """Return the certificate (DER) that is shown at its end, through the proxy.

        Raises OSError (of which ssl.SSLError is one), http.client.HTTPException, or ValueError for a name that a
        certificate cannot bear.
        """
        self.host.encode("idna")  # ssl would find out only with an open connection, and leave it open
        first = self.proxy or self
        connection = http.client.HTTPSConnection(first.host, first.port, timeout=SECONDS, context=context)
        if self.proxy is not None:
            connection.set_tunnel(self.host, self.port, _authorization(self.proxy))
        try:
            connection.connect()
            assert isinstance(connection.sock, ssl.SSLSocket)
            return connection.sock.getpeercert(binary_form=True)
        finally:
            connection.close()


def _authorization(proxy: Proxy) -> dict[str, str]:
    if not proxy.credentials:
        return {}
    return {"Proxy-Authorization": "Basic " + base64.b64encode(proxy.credentials.encode()).decode()}
