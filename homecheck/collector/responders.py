"""Meeting a responder: its key is fetched once, when an administrator names its address, and pinned."""

from __future__ import annotations

from homecheck.errors import Refused, SetupError
from homecheck.exchange import exchange, new_session
from homecheck.signing import PublicKey

SECONDS = 15.0


def fetch_key(url: str) -> PublicKey:
    """Return the public key that the responder at `url` names. NoAnswer or SetupError when there is none."""
    answer = exchange(new_session(), "GET", f"{url}/.well-known/homecheck", seconds=SECONDS)
    advice = "Give the address that `homecheck responder serve` prints."
    if answer.status != 200:
        raise SetupError(f"{url}: HTTP status {answer.status}; no responder answers there", advice)
    try:
        record = answer.members()
        if record.text("role") != "responder":
            raise SetupError(f"{url}: this is a {record.text('role')!r:.40}, no responder", advice)
        jwk = record.record("jwk")
        return PublicKey.from_jwk({name: jwk.text(name) for name in jwk.names()})
    except Refused as error:
        raise SetupError(f"{url}: no responder answers there: {error.message}", advice) from None
