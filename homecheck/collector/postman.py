"""Letters to people: invitations, and a reminder when a check-in is missed; by day, in their own time zone.

An invitation's code is made when its letter leaves, and is in no database: a letter that did not leave takes its
invitation back, and the next attempt makes another one. Reminders that are no longer needed are not sent.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homecheck import durable
from homecheck.collector import enrolment, letters, mail_server
from homecheck.collector.errand import Errand
from homecheck.collector.mail_server import MailServer, NotSent
from homecheck.collector.store import events, people, programs
from homecheck.collector.store import mail as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.mail import Contact, Letter, Missed
from homecheck.collector.withdrawing import withdraw

LOOK_EVERY: Final = timedelta(minutes=10)  # for missed check-ins
MOST_MISSED: Final = 500  # of one program; the others at the next look
AT_ONCE: Final = 20
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)  # before which nothing was received
CLAIM: Final = timedelta(minutes=5)
INVITE_LIFE: Final = timedelta(days=7)
AGAIN_AFTER: Final = timedelta(days=7)  # the second reminder, and the last one
DAY: Final = (time(8), time(20))  # local time in which letters leave
WAITS: Final = tuple(
    timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 720, 1_440)
)  # after the 1st, 2nd … attempt


def queue_invitation(db: Connection, who: people.Person, by: str, now: datetime) -> Letter:
    """Put an invitation by mail in, inside a transaction."""
    return _put(db, "invitation", who, "", by, now, now)


def note_missed(db: Connection, missed: Sequence[Missed], now: datetime) -> None:
    """Leave an event for each of some check-ins that were missed, and reminders, inside a transaction.

    Nothing for who was checked since this was found.
    """
    for one in missed:
        if store.latest_digest(db, one.person.id) != one.digest:
            continue
        detail = f"the last check came at {one.received_at:%Y-%m-%d %H:%M} UTC"
        events.add(
            db,
            Event(now, store.MISSED, False, "the postman", "", one.digest, detail, one.person.program, one.person.id),
        )
        if store.contact(db, one.person.id) is not None:
            for wait in (timedelta(0), AGAIN_AFTER):
                _put(db, "missed", one.person, one.digest, "the postman", now, now + wait)


def allowed_at(now: datetime, timezone: str) -> datetime:
    """Return when a letter may leave: now, or the next morning where somebody may be asleep."""
    try:
        zone = ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    local = now.astimezone(zone)
    morning = local.replace(hour=DAY[0].hour, minute=0, second=0, microsecond=0)
    if local.time() < DAY[0]:
        return morning.astimezone(UTC)
    if local.time() >= DAY[1]:
        return (morning + timedelta(days=1)).astimezone(UTC)
    return now


@dataclass
class Postman(Errand):
    """Looks for missed check-ins and sends what is due."""

    name = "letters"
    tick_seconds: float = 5.0
    tls: ssl.SSLContext | None = None

    def tick(self) -> None:
        """Look once."""
        now = self.collector.clock()
        if self.write(lambda db: store.turn(db, "next_look_for_missed", now, now + LOOK_EVERY)):
            self._look_for_missed(now)
        db = self.collector.readers()
        server = mail_server.configured(db)
        for letter in store.due(db, now, AT_ONCE) if server else ():
            if self.stopped.is_set() or server is None:
                break
            self._deliver(db, server, letter)

    def _look_for_missed(self, now: datetime) -> None:
        """Note what was missed, some at a time: after a holiday it is much, and uploads wait for each piece."""
        db = self.collector.readers()
        for program in programs.every(db):
            recheck = min(program.policy.recheck_every(), now - EPOCH)  # "never" may be longer than any calendar
            found = store.missed(db, program.id, now - recheck, MOST_MISSED)
            for at in range(0, len(found), AT_ONCE):
                if self.stopped.is_set():
                    return
                self.write(partial(note_missed, missed=found[at : at + AT_ONCE], now=now))

    def _deliver(self, db: Connection, server: MailServer, letter: Letter) -> None:
        now = self.collector.clock()
        contact = store.contact(db, letter.person.id)
        if contact is None or (letter.kind == "missed" and store.latest_digest(db, letter.person.id) != letter.about):
            self.write(lambda db: store.note_attempt(db, letter.id, "not-needed", None, ""))
            return
        morning = allowed_at(now, contact.timezone or self._zone(db, letter))
        if morning > now:
            self.write(lambda db: store.put_off(db, letter.id, morning))
        elif self.write(lambda db: store.claim(db, letter, now + CLAIM)):
            self._send(server, letter, contact, now)

    def _send(self, server: MailServer, letter: Letter, contact: Contact, now: datetime) -> None:
        code, text = self._written(letter, contact, now)
        password = durable.read(self.collector.keys_folder / mail_server.PASSWORD) or b""
        made = letters.letter(server.sender, contact.address, letter.id, now, text)
        try:
            mail_server.send(server, password.decode(), made, self.tls)
        except NotSent as error:
            reason, lasting = str(error), error.lasting
            self.write(lambda db: _note_failure(db, letter, code, reason, lasting, now))
        else:
            self.write(lambda db: store.note_attempt(db, letter.id, "sent", None, ""))

    def _written(self, letter: Letter, contact: Contact, now: datetime) -> tuple[str, tuple[str, str]]:
        """Return the invitation's code, if it is one, and the letter's subject and text."""
        url, who = self.collector.url, letter.person
        program = programs.get(self.collector.readers(), who.program)
        writer = letters.Writer(self.collector.name, url, contact.language or program.language)
        if letter.kind == "missed":
            last = store.latest_received(self.collector.readers(), who.id) or now
            return "", writer.missed(program, who.name, last)
        code = self.write(
            lambda db: enrolment.invite(db, who.program, who.name, INVITE_LIFE, now=now, by=By(letter.by))
        )
        address = f"{url}{enrolment.PATH}{code}"
        return code, writer.invitation(program, who.name, address, now + INVITE_LIFE)

    def _zone(self, db: Connection, letter: Letter) -> str:
        shift = programs.get(db, letter.person.program).policy.shift
        return shift.timezone if shift else ""


def _note_failure(db: Connection, letter: Letter, code: str, error: str, lasting: bool, now: datetime) -> None:
    if code and (invite := people.find_invite(db, code)) is not None:
        withdraw(db, invite, "its letter did not leave", by=By("the postman"), now=now)
    attempts = letter.attempts + 1
    again = None if lasting or attempts > len(WAITS) else now + WAITS[attempts - 1]
    store.note_attempt(db, letter.id, "waiting" if again else "given-up", again, error)
    if again is None:
        about, who = letter.id, letter.person
        events.add(db, Event(now, "letter-given-up", False, "the postman", "", about, error, who.program, who.id))


def _put(
    db: Connection, kind: store.Kind, who: people.Person, about: str, by: str, now: datetime, at: datetime
) -> Letter:
    one = Letter(f"letter_{secrets.token_hex(12)}", kind, who, now, by, about, 0, at, "waiting", "")
    store.put(db, one)
    return one
