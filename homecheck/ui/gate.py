"""Who may see the guide: whoever opened an address of this program, in a browser on this computer.

The address holds a token that lets in once; it is exchanged for a cookie that no other site can use or read. Requests
must name our own address as their host, or a page of somebody else whose name points here could ask (DNS rebinding);
what changes something must come from our own pages. Where the kernel tells it, they must be the same user's (`peer`).
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from homecheck.ui.peer import allowed_users, is_allowed

TOKEN_BYTES: Final = 32
MOST_TOKENS: Final = 8  # addresses that were given out and not opened yet; older ones end


@dataclass
class Gate:
    """Tokens that let in once, and the cookie that they are exchanged for. `port` is part of the cookie's name."""

    port: int
    draw: Callable[[int], str] = secrets.token_urlsafe
    users: frozenset[int] | None = field(default_factory=allowed_users)
    cookie: str = field(init=False)
    _tokens: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.cookie = self.draw(TOKEN_BYTES)
        self._lock = threading.Lock()

    @property
    def origin(self) -> str:
        """The one address of the guide."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie_name(self) -> str:
        """The cookie's name; browsers share cookies among all ports of a host."""
        return f"homecheck_ui_{self.port}"

    def address(self) -> str:
        """Return a fresh address that lets in once."""
        token = self.draw(TOKEN_BYTES)
        with self._lock:
            self._tokens = [*self._tokens, token][-MOST_TOKENS:]
        return f"{self.origin}/enter/{token}"

    def spend(self, token: str) -> bool:
        """Tell whether a token lets in; it does not any more afterwards."""
        with self._lock:
            found = next((known for known in self._tokens if same(known, token)), None)
            if found is None:
                return False
            self._tokens.remove(found)
            return True

    def knows(self, cookie: str | None) -> bool:
        """Tell whether a cookie is ours."""
        return cookie is not None and same(self.cookie, cookie)

    def is_host(self, host: str | None) -> bool:
        """Tell whether a request names our own address as its host."""
        return host == f"127.0.0.1:{self.port}"

    def is_our_user(self, port: int | None) -> bool:
        """Tell whether a connection from that port of this computer may be the browser of who started the guide."""
        return port is not None and is_allowed(port, self.port, self.users)

    def is_from_here(self, origin: str | None, fetch_site: str | None) -> bool:
        """Tell whether a request that changes something comes from our own pages, by Origin and Sec-Fetch-Site."""
        return origin == self.origin and fetch_site in (None, "same-origin")


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing about them."""
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))
