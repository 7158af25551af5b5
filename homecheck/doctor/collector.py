"""What answers at a collector's address: whether it is the one that this computer enrolled with, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlsplit

from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.route import SIGN_IN_REQUIRED
from homecheck.doctor.troubles import (
    CAPTIVE_PORTAL,
    CLOCK_OFF,
    CLOCK_WRONG,
    DEVICE_REFUSED,
    NOT_A_COLLECTOR,
    OTHER_COLLECTOR,
    PROGRAM_GONE,
    RESPONDER_UNREACHABLE,
)
from homecheck.enrolment import Enrolment, NoChallengeError, fetch_nonce
from homecheck.errors import DeliveryError, ProbeError, Refused
from homecheck.exchange import Answer, Http, NoAnswer, exchange, one_line
from homecheck.instruments import far_end
from homecheck.signing import POLICY, verify
from homecheck.strict_json import Record, parse_object

SECONDS: Final = 10.0
OFF_SECONDS: Final = 5.0  # HTTP dates have whole seconds, and servers renew them about once a second
FAR_OFF_SECONDS: Final = 60.0
WELL_KNOWN: Final = "/.well-known/homecheck"


def examine_answer(url: str, http: Http, clock: Callable[[], datetime]) -> Iterator[Diagnosis]:
    """Yield whether a collector answers at `url`, and how far this computer's clock is from its own."""
    host, before = urlsplit(url).netloc, clock()
    try:
        answer = exchange(http, "GET", f"{url}{WELL_KNOWN}", seconds=SECONDS)
    except NoAnswer as error:
        yield found("collector", NOT_A_COLLECTOR, error.message, error.advice)
        return
    middle = before + (clock() - before) / 2
    if is_sign_in_page(answer, url):
        yield found("sign-in page", CAPTIVE_PORTAL, f"{host}: a sign-in page answers in its place")
        return
    try:
        name = _name(answer)
    except Refused as error:
        text = f"{host}: no homecheck collector answers there (HTTP status {answer.status}: {one_line(error.message)})"
        yield found("collector", NOT_A_COLLECTOR, text)
        return
    yield ok("collector", f"{host}: the collector of {name} answers")
    yield from examine_clock(answer.headers.get("date", ""), host, middle)


def is_sign_in_page(answer: Answer, url: str) -> bool:
    """Tell whether an answer sends the reader to another host, or says that the network wants a sign-in."""
    try:
        to = urlsplit(answer.headers.get("location", "")).hostname
    except ValueError:
        to = None
    elsewhere = 300 <= answer.status < 400 and to is not None and to != urlsplit(url).hostname
    return elsewhere or answer.status == SIGN_IN_REQUIRED


def examine_clock(date: str, host: str, now: datetime) -> Iterator[Diagnosis]:
    """Yield whether `now`, in the middle of the exchange, is the time that the answer bears; nothing without one."""
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):  # the last: a year of twenty digits
        return
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    off = (now - theirs).total_seconds()
    text = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} {host}"
    if abs(off) > FAR_OFF_SECONDS:
        yield found("clock", CLOCK_WRONG, text)
    elif abs(off) > OFF_SECONDS:
        yield found("clock", CLOCK_OFF, text)
    else:
        yield ok("clock", f"within {OFF_SECONDS:.0f} s of {host}")


def examine_program(enrolment: Enrolment, http: Http) -> Iterator[Diagnosis]:
    """Yield whether the collector still has the program, signs with the pinned key, and knows this computer."""
    subject = f"program {enrolment.program}"
    wrong = _policy(subject, enrolment, http)
    if wrong is not None:
        yield wrong
        return
    try:
        fetch_nonce(enrolment, http)
    except NoChallengeError as error:
        trouble = DEVICE_REFUSED if error.is_about_this_computer else NOT_A_COLLECTOR
        yield found(subject, trouble, error.message, error.advice)
        return
    except DeliveryError as error:
        yield found(subject, NOT_A_COLLECTOR, error.message, error.advice)
        return
    yield ok(subject, f"{enrolment.collector_name} signs with the key from enrolment, and takes results from here")


def examine_responder(enrolment: Enrolment) -> Iterator[Diagnosis]:
    """Yield whether the far end of network measurements answers; nothing where the collector has named none."""
    if enrolment.responder_url is None:
        return
    try:
        there = far_end.find(enrolment.responder_url)
        far_end.call_for_json(there, "GET", WELL_KNOWN, seconds=SECONDS)
    except ProbeError as error:
        yield found("far end", RESPONDER_UNREACHABLE, error.message)
    else:
        yield ok("far end", f"{there.name} answers")


def _name(answer: Answer) -> str:
    """Return what the collector calls itself; Refused when it is none."""
    if answer.status != 200:
        raise Refused("status", answer.problem().detail)
    record = answer.members()
    if record.text("role") != "collector":
        raise Refused("role", f"it is a {one_line(record.text('role'))[:40]}")
    return one_line(record.text("name"))


def _policy(subject: str, enrolment: Enrolment, http: Http) -> Diagnosis | None:
    """Return what is wrong with the program's policy as the collector hands it out; None when nothing is."""
    url = f"{enrolment.collector}/v1/policies/{quote(enrolment.program_id, safe='')}"
    try:
        answer = exchange(http, "GET", url, seconds=SECONDS)
    except NoAnswer as error:
        return found(subject, NOT_A_COLLECTOR, error.message, error.advice)
    if answer.status == 404:
        return found(subject, PROGRAM_GONE, f"{enrolment.collector_name}: {answer.problem().detail}")
    if answer.status != 200:
        return found(subject, NOT_A_COLLECTOR, f"{enrolment.collector_name}: {answer.problem().detail}")
    try:
        signed = Record(parse_object(verify(answer.body, POLICY, enrolment.keys.get)), "policy")
        if signed.text("program") != enrolment.program_id:
            raise Refused("other-program", "its policy is for another program")
    except Refused as error:
        return found(subject, OTHER_COLLECTOR, f"{enrolment.collector}: {one_line(error.message)}")
    return None
