"""What a collector says that it has stored about this person: asked for with the device key, checked, and complete.

The answer comes in pages, of which only the first has everything but checks. It is shown and never judged, so every
value is a plain one, and no name of a column is known beforehand: a newer collector may store more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from homecheck.enrolment import JOSE, Enrolment, fetch_nonce
from homecheck.errors import DeliveryError, Refused
from homecheck.exchange import Http, exchange, one_line
from homecheck.result import Request
from homecheck.signing import RESULT_REQUEST, Signer, sign
from homecheck.strict_json import Record

VERSION: Final = 1
MOST_PAGES: Final = 200
PARTS: Final = (
    "devices", "invitations", "letters", "calls", "checks", "findings", "concerns", "results", "waivers", "events",
)  # fmt: skip
Value = float | int | str | bool | None
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Stored:
    """Everything about one person in one program, as of one moment; `parts` are lists of rows by their name."""

    issuer: str
    as_of: str
    program: Row
    person: Row
    parts: Mapping[str, tuple[Row, ...]]


def fetch_stored(enrolment: Enrolment, signer: Signer, http: Http) -> Stored:
    """Ask until everything is here. DeliveryError when the collector does not answer, or not like one."""
    first, more = _page(enrolment, signer, http, None)
    rows = {name: list(first.parts[name]) for name in PARTS}
    for _ in range(MOST_PAGES):
        if more is None:
            parts = {name: tuple(found) for name, found in rows.items()}
            return Stored(first.issuer, first.as_of, first.program, first.person, parts)
        page, more = _page(enrolment, signer, http, more)
        for name in PARTS:
            rows[name] += page.parts[name]
    raise DeliveryError(f"{_host(enrolment)} does not come to an end", "Tell the company that invited you.")


def _page(enrolment: Enrolment, signer: Signer, http: Http, after: str | None) -> tuple[Stored, str | None]:
    asked = Request(enrolment.collector, fetch_nonce(enrolment, http), "stored", after)
    body = sign(asked.to_bytes(), RESULT_REQUEST, signer)
    answer = exchange(http, "POST", f"{enrolment.collector}/v1/stored", body=body, content_type=JOSE)
    if answer.status != 200:
        problem = answer.problem()
        advice = problem.advice or "Ask the company that invited you: you have a right to an answer."
        raise DeliveryError(f"{_host(enrolment)} does not say what it has stored: {problem.detail}", advice)
    try:
        return _read(answer.members(), enrolment)
    except Refused as error:
        message = f"{_host(enrolment)} does not answer like a homecheck collector: {one_line(error.message)}"
        raise DeliveryError(message, "Tell the company that invited you.") from None


def _read(record: Record, enrolment: Enrolment) -> tuple[Stored, str | None]:
    if record.integer("v") != VERSION:
        raise Refused("schema", "this version of the format is not known here; update homecheck")
    parts = {name: tuple(_row(one) for one in record.records(name)) for name in PARTS}
    found = Stored(
        record.text("issuer"),
        record.text("as_of"),
        _row(record.record("program")),
        _row(record.record("person")),
        parts,
    )
    if (found.issuer, found.person.get("id")) != (enrolment.collector, enrolment.subject):
        raise Refused("other-person", "it speaks of another person, or for another collector")
    return found, record.text_or_none("more", max_length=100)


def _row(record: Record) -> Row:
    return {name: record.scalar(name) for name in record.names()}


def _host(enrolment: Enrolment) -> str:
    return urlsplit(enrolment.collector).netloc
