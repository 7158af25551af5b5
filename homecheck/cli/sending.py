"""Sending a check's evidence: after the person has agreed, and never losing it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Final

from homecheck.cli.check_session import Judged, Session
from homecheck.cli.showing import report_text
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.errors import HomecheckError, StateError
from homecheck.keys import read_key_file
from homecheck.signing import digest
from homecheck.spool import put
from homecheck.upload import Delivery, deliver, deliver_waiting

PATIENCE_SECONDS: Final = 30.0  # somebody may be looking at it; what is not sent by then is sent later


def send(session: Session, judged: Judged) -> Judged:
    """Send one share if the person wants it sent, and what waits from earlier; return what became of it."""
    enrolment = judged.enrolment
    if enrolment is None or session.options.no_upload:
        return judged
    if session.person and not session.options.yes:
        session.out.print(f"\nThis would be sent to {enrolment.collector_name}, for {enrolment.title}:", markup=False)
        session.out.print(report_text(judged, everything=True))
        if not session.person.ask(f"Send it to {enrolment.collector_name}?"):
            return judged
    try:
        name = put(session.home, judged.envelope, enrolment.program)
    except StateError as error:
        return replace(judged, delivery=_rescue(judged, enrolment, error))
    session.out.print(f"Sending to {enrolment.collector_name} …", markup=False)
    try:
        signer = read_key_file(session.home.keys / f"{enrolment.kid}.jwk")
        delivery = deliver(session.home, enrolment, signer, name, session.http, deadline_seconds=PATIENCE_SECONDS)
    except HomecheckError as error:  # it waits in the spool, and what was measured is shown
        delivery = Delivery(enrolment.program, "waiting", name, message=error.message, advice=error.advice)
    if delivery.status == "accepted":  # else what waits would only wait once more
        _send_waiting(session)
    return replace(judged, envelope=_sent(session.home, delivery, judged.envelope), delivery=delivery)


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


def _send_waiting(session: Session) -> None:
    """Try what waits from earlier checks once more; whatever happens to it, this check's result is shown."""
    try:
        for delivery in deliver_waiting(session.home, session.http):
            session.out.print(
                f"From an earlier check, {delivery.program}: {delivery.status}. {delivery.message}", markup=False
            )
    except HomecheckError as error:
        session.out.print(f"What waits from earlier checks could not be sent: {error.message}", markup=False)
