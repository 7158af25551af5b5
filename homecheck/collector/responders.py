"""Meeting a responder: its key is fetched once, when an administrator names its address, and pinned."""

from __future__ import annotations

from homecheck.collector.setup import clean_url
from homecheck.errors import Refused, SetupError
from homecheck.exchange import NoAnswer, exchange, is_loopback, new_session
from homecheck.signing import PublicKey

SECONDS = 15.0


def clean_address(url: str, collector: str) -> str:
    """Return a responder's address as it stands in every document. SetupError for one that no candidate could use.

    `collector` is the address of the collector: agents let nobody elsewhere send them to their own computer.
    """
    address = clean_url(url)
    if is_loopback(address) and not is_loopback(collector):
        raise SetupError(
            f"{address} is this computer alone, and candidates reach the collector at {collector}",
            "Name the address at which they reach the responder, like https://measure.example.com:8443",
        )
    return address


def fetch_key(url: str) -> PublicKey:
    """Return the public key that the responder at `url` names. SetupError when there is none."""
    advice = "Give the address that `homecheck responder serve` prints."
    try:
        answer = exchange(new_session(), "GET", f"{url}/.well-known/homecheck", seconds=SECONDS)
    except NoAnswer as error:  # whose advice is for candidates, who can start no responder
        raise SetupError(
            error.message, f"Start the responder first, and let this computer reach it. {advice}"
        ) from None
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
