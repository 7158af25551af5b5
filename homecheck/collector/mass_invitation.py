"""Inviting everybody on a list: all of them, or nobody gets an address.

The list was checked whole before. It is worked off in short transactions, because uploads wait while one lasts. Only
when all of them are durable are the codes, which are in no table, told once, as CSV. What ends it before tells nobody
anything: the invitations that were made end by themselves, and the same list can be sent again.

Each invitation has its event, as if it had been made alone, and one more tells of the list.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from homecheck import csv_safe
from homecheck.collector import contacts, letters, postman
from homecheck.collector.enrolment import CODE_BYTES, PATH, invited_detail
from homecheck.collector.invitation_list import Entry
from homecheck.collector.problems import Problem
from homecheck.collector.store import events, mail, people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.mail import Contact
from homecheck.collector.store.people import Invite, Person
from homecheck.collector.store.writer import Writer
from homecheck.signing import base64url
from homecheck.standards.rfc_3339 import to_text

MAX_TOKEN: Final = 64  # characters
AT_ONCE: Final = 100  # lines in a transaction: 20 to 40 ms of CPU
HEADER: Final = ("name", "email", "phone", "program", "language", "address", "valid_until")


@dataclass(frozen=True)
class Preview:
    """What inviting a list would do: how many by program, and how many of them are here already."""

    by_program: tuple[tuple[str, int], ...]
    known: int
    new_numbers: int  # people here already whose number on file would become another one


@dataclass(frozen=True)
class Order:
    """Who invites a list, named `token` so that it is sent once, and until when the invitations are good."""

    token: str
    by: By
    now: datetime
    valid: timedelta
    letters: bool = False  # whoever has a mail address gets a letter, and their address is told to nobody else


def preview(db: Connection, entries: Sequence[Entry]) -> Preview:
    """Return what inviting these would do."""
    counts: dict[str, int] = {}
    known = new_numbers = 0
    for program, part in _parts(entries):
        counts[program] = counts.get(program, 0) + len(part)
        here = people.called(db, program, [one.name for one in part])
        known += len(here)
        new_numbers += sum(bool(one.phone) and one.name in here and here[one.name][1] != one.phone for one in part)
    return Preview(tuple(sorted(counts.items())), known, new_numbers)


def steps(entries: Sequence[Entry], order: Order) -> Iterator[Callable[[Connection], dict[int, str]]]:
    """Yield what is to be done, each in a transaction of its own; together they return the codes by line.

    The first raises Problem when this list was sent before.
    """
    yield partial(_begin, entries=entries, order=order)
    for program, part in _parts(entries):
        yield partial(_invite, program=program, part=part, order=order)


def send(writer: Writer, entries: Sequence[Entry], order: Order) -> dict[int, str]:
    """Invite everybody on a list through the writer, and return the codes by line. Problem: it was sent before."""
    codes: dict[int, str] = {}
    for step in steps(entries, order):
        codes |= writer.submit(step).result()
    return codes


def check_token(token: str) -> str:
    """Return the name of a list, as somebody else has chosen it. Problem for what is none."""
    if not (token.isascii() and token.isalnum()) or len(token) > MAX_TOKEN:
        raise Problem("bad-request", f"a list's name has 1 to {MAX_TOKEN} letters and digits")
    return token


def _begin(db: Connection, entries: Sequence[Entry], order: Order) -> dict[int, str]:
    """Tell that a list is worked off."""
    if events.happened(db, "invited-list", order.token):
        raise Problem("list-used", "these people were invited already; each address was shown once")
    names = sorted({one.program for one in entries})
    detail = f"{len(entries)} people to {', '.join(names)}, valid until {to_text(order.now + order.valid)}"
    program = names[0] if len(names) == 1 else None
    events.note(db, order.now, "invited-list", order.by, order.token, detail, program=program)
    return {}


def _invite(db: Connection, program: str, part: Sequence[Entry], order: Order) -> dict[int, str]:
    """Invite some people to one program."""
    who = _people(db, program, part, order)
    by_mail = [one for one in part if order.letters and one.email]
    _queue_letters(db, [(who[one.name], one) for one in by_mail], order)
    told = [one for one in part if one not in by_mail]
    codes = {one.line: base64url(secrets.token_bytes(CODE_BYTES)) for one in told}
    until = order.now + order.valid
    made = [Invite(people.secret_hash(codes[one.line]), who[one.name], until, None, None) for one in told]
    people.add_invites(db, made, order.now, order.by.name)
    events.add_all(db, [_told(one, order) for one in made])
    return codes


def _queue_letters(db: Connection, lines: Sequence[tuple[Person, Entry]], order: Order) -> None:
    """Put an invitation by mail in for each; the postman makes it when its letter leaves, by day where they live."""
    noted = []
    for who, line in lines:
        before = mail.contact(db, who.id) or Contact(line.email)
        language = contacts.nearest_language(line.language) if line.language else before.language
        contact = Contact(line.email, before.timezone, language)
        mail.set_contact(db, who.id, contact)
        postman.queue_invitation(db, who, order.by.name, order.now)
        noted.append(_event(letters.ON_FILE, who, letters.contact_detail(who.id, contact), order))
    events.add_all(db, noted)


def as_csv(entries: Iterable[Entry], codes: dict[int, str], url: str, valid_until: datetime) -> Iterator[str]:
    """Yield the list with the address of each invitation, line by line; it is empty where a letter brings it."""
    yield csv_safe.row(HEADER)
    for one in entries:
        code = codes.get(one.line)
        told = (f"{url}{PATH}{code}", to_text(valid_until)) if code else ("", "")
        yield csv_safe.row((one.name, one.email, one.phone, one.program, one.language, *told))


def new_token() -> str:
    """Return the name of a list that is about to be sent."""
    return secrets.token_hex(12)


def _parts(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the list in parts of one program each."""
    for program in sorted({one.program for one in entries}):
        rest = (one for one in entries if one.program == program)
        while part := list(islice(rest, AT_ONCE)):
            yield program, part


def _people(db: Connection, program: str, part: Sequence[Entry], order: Order) -> dict[str, Person]:
    """Return the people of a part by name, those who are new stored before."""
    known = people.called(db, program, [one.name for one in part])
    new = [(Person.new(program, one.name), one.phone) for one in part if one.name not in known]
    people.add_people(db, new, order.now)
    numbers = [
        (known[one.name][0], one.phone)
        for one in part
        if one.phone and one.name in known and people.set_phone(db, known[one.name][0].id, one.phone)
    ]
    events.add_all(db, [_number_event(who, phone, order) for who, phone in (*numbers, *new) if phone])
    return {name: who for name, (who, _) in known.items()} | {who.name: who for who, _ in new}


def _number_event(who: Person, phone: str, order: Order) -> Event:
    return _event("phone-on-file", who, f"ends with {phone[-2:]}", order)


def _told(made: Invite, order: Order) -> Event:
    """Return the event of an invitation, in the words of one that was made alone."""
    who, detail = made.person, invited_detail(to_text(made.expires_at), made.code_sha256)
    return _event("invited", who, detail, order)


def _event(kind: str, who: Person, detail: str, order: Order) -> Event:
    by = order.by
    return Event(order.now, kind, False, by.name, by.source_address, who.name, detail, who.program, who.id, by.token)
