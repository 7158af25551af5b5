"""How a person can be reached: the number on file for call-backs, and the address that letters go to."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homecheck.collector import letters, mail_server
from homecheck.collector.store import events, mail, people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.mail import Contact
from homecheck.collector.store.people import Person
from homecheck.errors import SetupError
from homecheck.locale import LANGUAGES

FORGOTTEN: Final = "mail-forgotten"  # the kind of event that ends what `letters.ON_FILE` tells of


def put_number(db: Connection, who: Person, number: str, *, by: By, now: datetime) -> None:
    """Put a number (E.164, as `enrolment.clean_number` returns it) on file, inside a transaction; again is no event."""
    if people.set_phone(db, who.id, number):
        detail = f"ends with {number[-2:]}"
        events.note(db, now, "phone-on-file", by, who.name, detail, program=who.program, person=who.id)


def put_mail(db: Connection, who: Person, contact: Contact, *, by: By, now: datetime) -> None:
    """Remember where a person gets mail, inside a transaction. SetupError for no address, time zone or language.

    The event does not tell the address, which it outlives: only a part of its digest.
    """
    mail_server.check_address(contact.address)
    checked_zone(contact.timezone)
    checked_language(contact.language)
    if mail.contact(db, who.id) != contact:
        mail.set_contact(db, who.id, contact)
        detail = letters.contact_detail(who.id, contact)
        events.note(db, now, letters.ON_FILE, by, who.name, detail, program=who.program, person=who.id)


def forget_mail(db: Connection, who: Person, *, by: By, now: datetime) -> None:
    """Forget where a person gets mail, inside a transaction; no letter leaves any more. Twice is no error."""
    if mail.forget_contact(db, who.id):
        events.note(db, now, FORGOTTEN, by, who.name, program=who.program, person=who.id)


def checked_zone(name: str) -> str:
    """Return the name of a time zone, or nothing for nothing. SetupError for what is none."""
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SetupError(f"{name!r:.60} is no time zone", "Write it like Europe/Stockholm.") from None


def checked_language(name: str) -> str:
    """Return the name of a language that letters are written in, or nothing for nothing. SetupError for any other."""
    if name and name not in LANGUAGES:
        raise SetupError(f"no letter is written in {name!r:.20}", f"There are {', '.join(LANGUAGES)}.")
    return name


def nearest_language(tag: str) -> str:
    """Return the language of ours that a list's tag means (``sv-FI`` is sv); nothing where there is none."""
    name = tag.casefold().partition("-")[0]
    return name if name in LANGUAGES else ""
