"""Waivers: who may be excepted from what, for how long, and what a verdict comes to with them.

The verdict of a result stays what it is, and so do receipt and signed result: a waiver is the employer's later word
about a person, which can be revoked, not a measurement. Beside the verdict stands what it counts as. A waived finding
counts as a remark at most, so that nobody with a waiver is taken for somebody who passes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Final

from homecheck.appraisal import Verdict
from homecheck.collector.store import events, people, programs
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.evidence import Summary
from homecheck.collector.store.people import Person
from homecheck.collector.store.roster import PersonRow
from homecheck.collector.store.waivers import Waiver
from homecheck.durations import parse_duration
from homecheck.errors import SetupError
from homecheck.measurement import EARLIER
from homecheck.report.words import label
from homecheck.standards.rfc_3339 import to_text

LONGEST: Final = timedelta(days=366)
MAX_REASON: Final = 200  # characters
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WHEN: Final = "Write the last day, like 2027-03-03, or how long, like 30d; a year at most."


@dataclass(frozen=True)
class Asked:
    """What somebody wants to approve: for whom (a name within a program), which quantity, why, from when, till when."""

    program: str
    person: str
    quantity: str
    reason: str
    starts_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Effective:
    """What a verdict comes to. `waived` are the waivers that change something about it; without them both are equal."""

    verdict: Verdict
    counts_as: Verdict
    waived: tuple[Waiver, ...]
    left: tuple[str, ...]  # what is not met and not waived either

    @property
    def words(self) -> str:
        """Both in one line: ``fail, waived until 3 March 2027: waiting for the landline``."""
        if not self.waived:
            return self.verdict.word
        until = day_words(min(one.last_day for one in self.waived))
        reasons = "; ".join(dict.fromkeys(one.reason for one in self.waived))
        if not self.left:
            return f"{self.verdict.word}, waived until {until}: {reasons}"
        part = " and ".join(label(one.quantity) for one in self.waived)
        return f"{self.verdict.word}; {part}: waived until {until}: {reasons}"


def effective(
    verdict: Verdict, unmet: Iterable[tuple[str, Verdict]], waivers: Iterable[Waiver], now: datetime
) -> Effective:
    """Return what `verdict` counts as; `unmet` are the quantities that failed or could not be decided."""
    counting = {one.quantity: one for one in waivers if one.counts(now)}
    missed = tuple(unmet)
    used = tuple(dict.fromkeys(counting[quantity] for quantity, _ in missed if quantity in counting))
    left = [(quantity, found) for quantity, found in missed if quantity not in counting]
    if not used:
        return Effective(verdict, verdict, (), tuple(quantity for quantity, _ in left))
    counts_as = max((found for _, found in left), default=Verdict.WARN)
    return Effective(verdict, counts_as, used, tuple(quantity for quantity, _ in left))


def on_list(db: Connection, rows: Sequence[PersonRow], now: datetime) -> dict[str, Effective]:
    """Return by person what the verdicts on a list come to, of those who have a waiver."""
    found = store.of_people(db, [row.person.id for row in rows], now)
    return {
        row.person.id: effective(row.verdict, row.concerns, found[row.person.id], now)
        for row in rows
        if row.verdict is not None and row.person.id in found
    }


def of_check(db: Connection, person_id: str, check: Summary, now: datetime) -> Effective:
    """Return what the verdict of one of a person's checks comes to with the waivers that count now."""
    return effective(check.verdict, check.unmet, store.of_people(db, [person_id], now).get(person_id, []), now)


def grant(db: Connection, asked: Asked, *, by: By, now: datetime) -> Waiver:
    """Store a waiver that `by` approves at once, inside a transaction. SetupError says what is wrong with it."""
    who, reason = checked(db, asked, now)
    if programs.get(db, who.program).four_eyes:
        raise SetupError(f"in {who.program} one proposes a waiver and another approves it", "Propose it.")
    one = Waiver(secrets.token_hex(8), who, asked.quantity, reason, by.name, now, asked.starts_at, asked.expires_at)
    return enter(db, one, by, now)


def enter(db: Connection, one: Waiver, by: By, now: datetime) -> Waiver:
    """Store a waiver that was checked, with its event, inside a transaction."""
    store.add(db, one)
    _note(db, "waiver-granted", one, statement(one), by, now)
    return one


def checked(db: Connection, asked: Asked, now: datetime) -> tuple[Person, str]:
    """Return for whom a waiver is, and its reason, inside a transaction. SetupError says what is wrong with it."""
    reason = clean_reason(asked.reason)
    _check_times(asked.starts_at, asked.expires_at, now)
    who = _person(db, asked.program, asked.person)
    _check_quantity(db, asked)
    for other in store.of_person(db, who.id):
        overlaps = other.starts_at < asked.expires_at and asked.starts_at < other.expires_at
        if other.quantity == asked.quantity and other.state(now) in ("counts", "not yet") and overlaps:
            raise SetupError(
                f"{who.name} has a waiver for {other.quantity} until {day_words(other.last_day)} already",
                f"Revoke it first: homecheck collector waiver revoke {other.id}",
            )
    return who, reason


def revoke(db: Connection, waiver_id: str, reason: str, *, by: By, now: datetime) -> Waiver:
    """End a waiver now, inside a transaction; doing it twice is no error. SetupError when there is none."""
    one = store.find(db, waiver_id)
    if one is None:
        raise SetupError(f"there is no waiver {waiver_id!r:.60}", "See: homecheck collector waiver list")
    said = clean_reason(reason)
    if store.revoke(db, one.id, by.name, said, now):
        _note(db, "waiver-revoked", one, f"{one.quantity}: {said}", by, now)
    return one


def statement(one: Waiver) -> str:
    """Return what the event of a waiver says: everything that was approved, so that a row that says more is found."""
    return approved_words(one.quantity, one.starts_at, one.expires_at, one.reason)


def approved_words(quantity: str, starts_at: datetime, expires_at: datetime, reason: str) -> str:
    """Return a waiver in one line, as events tell it."""
    return f"{quantity}, {to_text(starts_at)} to {to_text(expires_at)}: {reason}"


def read_end(text: str, starts_at: datetime) -> datetime:
    """Return when a waiver ends: after the day that `text` names, or so long after its start. SetupError for others."""
    day = _day(text)
    try:
        return starts_at + parse_duration(text.strip()) if day is None else day + timedelta(days=1)
    except ValueError:
        raise SetupError(f"{text!r:.40} is no day and no duration", WHEN) from None
    except OverflowError:  # the last day of the year 9999, which people write for "always"
        raise SetupError(f"{text!r:.40} is more than a year away", WHEN) from None


def read_start(text: str, now: datetime) -> datetime:
    """Return the beginning of the day that `text` names; an empty text is now. SetupError for others."""
    if not text.strip():
        return now
    if (day := _day(text)) is None:
        raise SetupError(f"{text!r:.40} is no day", "Write it like 2027-01-15, or leave it away: from now on.")
    return day


def day_words(day: date) -> str:
    """Return a day as people read it: 3 March 2027."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def clean_reason(text: str) -> str:
    """Return a reason as it is stored. SetupError for what is none."""
    reason = " ".join(text.split())
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise SetupError(f"{reason!r:.60} is no reason", f"Write 1 to {MAX_REASON} printable characters: why?")
    return reason


def _check_times(starts_at: datetime, expires_at: datetime, now: datetime) -> None:
    if starts_at < now - timedelta(days=1):
        raise SetupError(f"{starts_at:%Y-%m-%d} is past", "A waiver counts from now on, or from a later day.")
    if expires_at <= max(starts_at, now):
        raise SetupError(f"it would end before it counts, on {expires_at:%Y-%m-%d %H:%M} UTC", WHEN)
    if expires_at - now > LONGEST:
        last = expires_at - timedelta(milliseconds=1)  # the day that was written: it ends when that is over
        raise SetupError(f"{last:%Y-%m-%d} is more than a year away", WHEN)


def _person(db: Connection, program: str, name: str) -> Person:
    programs.get(db, program)
    who = people.person_called(db, program, " ".join(name.split()))
    if who is None:
        raise SetupError(f"nobody in {program} is called {name!r:.80}", "The dashboard lists the names.")
    return who


def _check_quantity(db: Connection, asked: Asked) -> None:
    """Raise SetupError for a quantity that the program's policy does not judge: the waiver would never count."""
    known = sorted(one for one in programs.get(db, asked.program).policy.quantities() if not one.endswith(EARLIER))
    if asked.quantity not in known:
        near = get_close_matches(asked.quantity, known, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"It asks for {', '.join(known)}."
        raise SetupError(f"the policy of {asked.program} does not ask for {asked.quantity!r:.80}", advice)


def _note(db: Connection, kind: str, one: Waiver, detail: str, by: By, now: datetime) -> None:
    who = one.person
    events.note(db, now, kind, by, one.id, detail, program=who.program, person=who.id)
