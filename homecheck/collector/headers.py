"""Security headers on every answer, and nothing cached that is not a static file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No script at all, nothing from elsewhere, no frame around it (OWASP ASVS 5.0: 3.4.3, 3.4.6).
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
FIXED: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
HSTS: Final = "max-age=31536000; includeSubDomains"

# As they are sent: every answer has them. ASGI wants names in lower case, so those of others are found by them.
_FIXED: Final = tuple((name.lower().encode(), value.encode()) for name, value in FIXED.items())
_NO_STORE: Final = ((b"cache-control", b"no-store"),)
_HSTS: Final = ((b"strict-transport-security", HSTS.encode()),)
CONSTANT: Final = (*_FIXED, *_NO_STORE, *_HSTS)  # the lines that are always the same
_NAMES: Final = frozenset(name for name, _ in (*_FIXED, *_HSTS))


def constant(*, secure: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Return the lines that an answer gets which brings none of them; `secure` when people come over TLS."""
    return (*_FIXED, *_NO_STORE, *(_HSTS if secure else ()))


@dataclass(frozen=True)
class SecurityHeaders:
    """Adds the headers to whatever `app` answers; `secure` when people come over TLS."""

    app: ASGIApp
    secure: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message["headers"])
                names = {name for name, _ in given}
                if not names.isdisjoint(_NAMES):  # ours are the ones that count
                    given = [(name, value) for name, value in given if name not in _NAMES]
                caching = () if b"cache-control" in names else _NO_STORE
                message["headers"] = [*given, *_FIXED, *caching, *(_HSTS if self.secure else ())]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
