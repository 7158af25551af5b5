"""Handing a check's evidence over: into the spool first, so that nothing measured is lost, then to its collector."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.errors import HomecheckError, StateError
from homecheck.exchange import Http
from homecheck.holder import collect
from homecheck.key_stores import read_key
from homecheck.shares import Judged
from homecheck.signing import digest
from homecheck.spool import put
from homecheck.upload import Delivery, deliver

PATIENCE_SECONDS: Final = 30.0  # somebody may be looking at it; what is not sent by then is sent later


def hand_over(
    home: Home,
    http: Http,
    judged: Judged,
    enrolment: Enrolment,
    say: Callable[[str], None],
    patience_seconds: float = PATIENCE_SECONDS,
) -> Judged:
    """Put one share into the spool and send it; return it with what became of it. `say` gets what else is to be told.

    It is kept on this computer until there is a receipt that counts.
    """
    try:
        name = put(home, judged.envelope, enrolment.program)
    except StateError as error:
        return replace(judged, delivery=_rescue(judged, enrolment, error))
    try:
        signer = read_key(home.keys / f"{enrolment.kid}.jwk")
        delivery = deliver(home, enrolment, signer, name, http, deadline_seconds=patience_seconds)
        if delivery.status == "accepted" and (
            why := collect(home, enrolment, signer, http, utc_now(), delivery.envelope)
        ):
            say(f"Your own copy of the result is not here yet: {why}")
    except HomecheckError as error:  # it waits in the spool, and what was measured is shown
        delivery = Delivery(enrolment.program, "waiting", name, message=error.message, advice=error.advice)
    return replace(judged, envelope=_sent(home, delivery, judged.envelope), delivery=delivery)


def _rescue(judged: Judged, enrolment: Enrolment, error: StateError) -> Delivery:
    """Keep evidence that does not fit where it belongs, and say where it is: nothing measured is lost."""
    name = digest(judged.envelope)
    try:
        with tempfile.NamedTemporaryFile(prefix="homecheck-", suffix=".jws", delete=False) as file:
            file.write(judged.envelope)
    except OSError:
        advice = f"{error.advice} Then run the check again: this one could not be kept anywhere."
        return Delivery(enrolment.program, "waiting", name, message=error.message, advice=advice)
    advice = f"{error.advice} This check is kept in {file.name}; then run: homecheck upload --from {file.name}"
    return Delivery(enrolment.program, "waiting", name, message=error.message, advice=advice)


def _sent(home: Home, delivery: Delivery, envelope: bytes) -> bytes:
    """Return the bytes that the collector has: others than `envelope` when it asked for a fresh signature."""
    if delivery.status != "accepted" or delivery.envelope == digest(envelope):
        return envelope
    return (home.receipts / f"{delivery.envelope.removeprefix('sha256:')}.jws").read_bytes()
