"""Telling other servers what happens here, by Standard Webhooks: nothing is lost, nobody waits for a slow receiver.

The log is the source: it holds every receipt and every event in one order, durably. Each receiver has a position in
it. What stands behind that becomes messages, in one transaction with the new position, so that a crash loses none and
makes none twice. A message may be sent twice when the collector is killed at the wrong moment; its ``webhook-id`` is
the same then. Messages say what happened to whom by opaque ids and addresses of the dashboard: no name, no value.

Secrets are not stored. They follow from a secret beside the keys, the receiver's id and a number that rotation raises.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from random import SystemRandom
from typing import Final

from homecheck import __version__
from homecheck.collector.errand import Errand, log
from homecheck.collector.outside import Network
from homecheck.collector.pages import EVENT_WORDS
from homecheck.collector.post import Answer, check_url, post
from homecheck.collector.store import events, programs
from homecheck.collector.store import webhooks as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By, Event
from homecheck.collector.store.failures import Busy, NotStored
from homecheck.collector.store.webhooks import Happened, Message, Webhook
from homecheck.errors import SetupError
from homecheck.standards import standard_webhooks
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import serialize

RECEIVED: Final = "evidence.received"
CHANGED: Final = "verdict.changed"
TEST: Final = "test"
DEFAULT_KINDS: Final = (RECEIVED, CHANGED, "security.*")
_OF_EVENTS: Final = (f"{part}.{kind}" for part in ("event", "security") for kind in EVENT_WORDS)
KINDS: Final = frozenset({RECEIVED, CHANGED, TEST, *_OF_EVENTS})  # of all messages that there can be
OVERLAP: Final = timedelta(hours=24)  # how long messages bear a signature under the old secret as well
ENTRIES_AT_ONCE: Final = 500
MESSAGES_AT_ONCE: Final = 50
RECEIVERS_AT_ONCE: Final = 8
TURN_SECONDS: Final = 15.0  # after which one receiver makes room for the others, however much waits for it
PATIENCE_SECONDS: Final = 1.0  # at the end, with messages that are on their way: most receivers need a tenth of it
MOST: Final = 50  # receivers that are told something: each of them costs every event a message
CLAIM: Final = timedelta(minutes=2)  # after which another worker may try what one has taken and not ended
LONGEST_WAIT: Final = timedelta(hours=24)
JITTER: Final = 0.1
GONE: Final = 410  # the receiver wants nothing more
GONE_DETAIL: Final = f"the receiver answered {GONE}"
ADDED: Final = "webhook-added"  # kinds of events
ROTATED: Final = "webhook-rotated"
REMOVED: Final = "webhook-removed"
GIVEN_UP: Final = "webhook-given-up"
RESENT: Final = "webhook-resent"

_COUNT = itertools.count()  # parts what one tick of the clock has made; whole only within one process, which is enough


def add(
    db: Connection,
    url: str,
    program: str | None,
    kinds: Sequence[str],
    by: By,
    now: datetime,
    inside: Sequence[Network],
) -> Webhook:
    """Add a receiver, inside a transaction. It is told what happens from now on. SetupError for what it cannot be."""
    check_url(url, inside)
    _check_kinds(kinds)
    if program is not None:
        programs.get(db, program)
    if sum(one.standing == "on" for one in store.every(db)) >= MOST:
        raise SetupError(f"there are {MOST} receivers already", "Remove one first, or let one of them pass it on.")
    one = Webhook(
        id=f"wh_{secrets.token_hex(8)}",
        url=url,
        program=program,
        kinds=tuple(kinds),
        created_at=now,
        created_by=by.name,
        generation=1,
        rotated_at=None,
        position=store.log_size(db),
        standing="on",
    )
    store.add(db, one)
    events.note(db, now, ADDED, by, one.id, f"{url} {' '.join(kinds)}", program=program)
    return one


def _check_kinds(patterns: Sequence[str]) -> None:
    """Raise SetupError for a pattern that no message will ever match: its receiver would wait for good."""
    for pattern in patterns:
        if not any(fnmatchcase(kind, pattern) for kind in KINDS):
            advice = (
                f"There are {RECEIVED}, {CHANGED}, security.KIND and event.KIND, like event.invited; * stands for any."
            )
            raise SetupError(f"kinds: nothing here is called {pattern!r:.60}", advice)


def find(db: Connection, webhook_id: str) -> Webhook:
    """Return a receiver; SetupError when there is none."""
    found = store.find(db, webhook_id)
    if found is None:
        raise SetupError(f"there is no webhook {webhook_id!r:.60}", "See: homecheck collector webhook list")
    return found


def rotate(db: Connection, webhook_id: str, by: By, now: datetime) -> Webhook:
    """Give a receiver another secret, inside a transaction; for a day messages are signed under both."""
    one = find(db, webhook_id)
    store.rotate(db, one.id, now)
    events.note(db, now, ROTATED, by, one.id, program=one.program)
    return find(db, webhook_id)


def remove(db: Connection, webhook_id: str, by: By, now: datetime) -> None:
    """Remove a receiver, inside a transaction; what waits for it is given up."""
    one = find(db, webhook_id)
    store.end(db, one.id, "removed")
    events.note(db, now, REMOVED, by, one.id, one.url, program=one.program)


def send_test(db: Connection, webhook_id: str, url: str, now: datetime) -> Message:
    """Put a message in that says nothing, inside a transaction."""
    one = find(db, webhook_id)
    message = _message(one, TEST, now, {"collector": url})
    store.put(db, message)
    return message


def resend(db: Connection, webhook_id: str, message_id: str, by: By, now: datetime) -> Message:
    """Have a message that was not taken sent once more, now, inside a transaction; its id stays, and so does its count.

    SetupError for one that was taken, is tried soon in any case, or is not there.
    """
    one, message = find(db, webhook_id), store.find_message(db, webhook_id, message_id)
    if message is None:
        raise SetupError(f"there is no message {message_id!r:.60} to {one.id}", "They are kept for a week.")
    if one.standing != "on":
        raise SetupError(f"the receiver is {one.standing}: it is told nothing more", "Add it again.")
    if message.state == "delivered":
        raise SetupError("the receiver has taken this message", "Nothing to do.")
    if not may_be_resent(one, message, now):
        raise SetupError("this message is tried soon in any case", "Look again in two minutes.")
    store.begin_again(db, message.id, now)
    events.note(db, now, RESENT, by, one.id, message.id, program=one.program)
    return replace(message, state="waiting", next_at=now)


def may_be_resent(webhook: Webhook, message: Message, now: datetime) -> bool:
    """Tell whether a message can be sent once more: it was not taken, and is not on its way at this moment."""
    if webhook.standing != "on" or message.state == "delivered":
        return False
    return message.next_at is None or message.next_at > now + CLAIM


def secret_of(key: bytes, webhook: Webhook, generation: int | None = None) -> bytes:
    """Return the secret that messages to a receiver are signed with."""
    told = f"homecheck webhook {webhook.id} {generation or webhook.generation}"
    return hmac.digest(key, told.encode(), hashlib.sha256)


def live_secrets(key: bytes, webhook: Webhook, now: datetime) -> list[bytes]:
    """Return the secrets to sign with, the newest first."""
    found = [secret_of(key, webhook)]
    if live_until(webhook, now) is not None:
        found.append(secret_of(key, webhook, webhook.generation - 1))
    return found


def live_until(webhook: Webhook, now: datetime) -> datetime | None:
    """Return until when messages are signed under the secret before as well; None where they are not."""
    end = webhook.rotated_at + OVERLAP if webhook.rotated_at is not None else now
    return end if now < end else None


@dataclass
class Courier(Errand):
    """Reads the log on and sends what is due; a slow receiver takes one thread at a time, and only for its turn."""

    name = "webhooks"
    tick_seconds: float = 1.0
    tls: ssl.SSLContext | None = None
    seconds: float = 15.0
    turn_seconds: float = TURN_SECONDS
    _turns: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(RECEIVERS_AT_ONCE))
    _serving: dict[str, threading.Thread] = field(default_factory=dict)  # by receiver
    _under_way: dict[str, Message] = field(default_factory=dict)  # by receiver
    _failing: dict[str, str] = field(default_factory=dict)  # why a receiver took nothing, as the log has it

    def stop(self) -> None:
        """End after the messages that are on their way and soon there; the others wait for the next start.

        The threads of those end with the process, or when their receiver or their time is at its end.
        """
        super().stop()
        end = time.monotonic() + PATIENCE_SECONDS
        for thread in list(self._serving.values()):
            thread.join(max(0.0, end - time.monotonic()))
        if left := list(self._under_way.values()):
            log.info("webhooks: %d messages are not there yet, and are sent again at the next start", len(left))
            try:
                self.write(lambda db: store.put_back(db, left))
            except (Busy, NotStored) as error:  # then they are due when their claims end
                log.error("webhooks: %s", error)

    def tick(self) -> None:
        """Look once."""
        db = self.collector.readers()
        for webhook in store.every(db):
            if webhook.standing != "on":
                continue
            self._read_on(db, webhook)
            if webhook.id not in self._serving and store.due(db, webhook.id, self.collector.clock(), 1):
                # Nothing waits for a daemon at the end of the process, however long its receiver hangs.
                thread = threading.Thread(target=self._serve, args=(webhook,), name="webhook", daemon=True)
                self._serving[webhook.id] = thread
                thread.start()

    def _read_on(self, db: Connection, webhook: Webhook) -> None:
        """Make messages of what has happened since."""
        entries, position = store.happened(db, webhook.position, ENTRIES_AT_ONCE)
        if position == webhook.position:
            return
        messages = [
            _message(webhook, kind, self.collector.clock(), self._data(one), one.at)
            for one in entries
            for kind in kinds_of(one)
            if _wants(webhook, kind, one.program)
        ]
        self.write(lambda db: store.queue(db, webhook, messages, position))

    def _data(self, one: Happened) -> dict[str, object]:
        data: dict[str, object] = {"collector": self.collector.url, "position": one.position}
        if one.program is not None:
            data["program"] = one.program
        if one.person is not None:
            data |= {"person": one.person, "person_url": f"{self.collector.url}/people/{one.person}"}
        if one.verdict is None:
            return data | {"about": one.about}
        data |= {"evidence": one.about, "evidence_url": f"{self.collector.url}/evidence/{one.about}"}
        return data | {"verdict": one.verdict, "verdict_before": one.before}

    def _serve(self, webhook: Webhook) -> None:
        """Send what is due to one receiver, in its turn, and whatever becomes of it make room for the next."""
        try:
            with self._turns:
                self.do(lambda: self._send_due(webhook))
        finally:
            del self._serving[webhook.id]

    def _send_due(self, webhook: Webhook) -> None:
        """Send what is due to one receiver; after a failure, or when its turn is over, the rest waits for the next."""
        if self.stopped.is_set():
            return
        end = time.monotonic() + self.turn_seconds
        for message in store.due(self.collector.readers(), webhook.id, self.collector.clock(), MESSAGES_AT_ONCE):
            if self.stopped.is_set() or not self._attempt(webhook, message) or time.monotonic() >= end:
                break

    def _attempt(self, webhook: Webhook, message: Message) -> bool:
        now = self.collector.clock()
        if not self.write(lambda db: store.claim(db, message, now + CLAIM)):
            return True  # another worker has it
        self._under_way[webhook.id] = message
        try:
            answer = self._post(webhook, message, now)
            self.write(lambda db: _note(db, webhook, message, answer, self.collector.clock()))
        finally:
            del self._under_way[webhook.id]
        self._tell(webhook, answer)
        return answer.taken

    def _post(self, webhook: Webhook, message: Message, now: datetime) -> Answer:
        keys = live_secrets(self.collector.keys.challenge_secret, webhook, now)
        signed = standard_webhooks.headers(keys, message.id, int(now.timestamp()), message.body)
        head = {"Content-Type": "application/json", "User-Agent": f"homecheck/{__version__}", **signed}
        return post(webhook.url, message.body, head, self.collector.inside, self.tls, self.seconds)

    def _tell(self, webhook: Webhook, answer: Answer) -> None:
        """Say in the collector's own log when a receiver begins to take nothing, or something again."""
        if answer.taken:
            if self._failing.pop(webhook.id, None):
                log.info("webhooks: %s takes messages again", webhook.id)
        elif self._failing.get(webhook.id) != (error := why_not(answer)):
            self._failing[webhook.id] = error
            then = "it is told nothing more" if answer.status == GONE else "it is tried again later"
            log.warning("webhooks: %s has not taken a message, %s: %s", webhook.id, then, error)


def kinds_of(one: Happened) -> tuple[str, ...]:
    """Return the kinds of messages that one entry makes: a receipt may have changed the verdict as well."""
    return (one.kind, CHANGED) if one.verdict is not None and one.verdict != one.before else (one.kind,)


def why_not(answer: Answer) -> str:
    """Return why a message was not taken."""
    if answer.status is not None and 300 <= answer.status < 400:
        return f"the receiver answered {answer.status}, and redirects are not followed"
    return answer.error or f"the receiver answered {answer.status}"


def next_try(attempts: int, answer: Answer, now: datetime) -> datetime | None:
    """Return when a message that was not taken is tried again after its attempt number `attempts`; None: never."""
    if attempts > len(standard_webhooks.SCHEDULE) or answer.status == GONE:
        return None
    planned = timedelta(seconds=standard_webhooks.SCHEDULE[attempts - 1])
    wait = planned * SystemRandom().uniform(1 - JITTER, 1 + JITTER)
    return now + max(wait, min(_asked_to_wait(answer, now), LONGEST_WAIT))


def _asked_to_wait(answer: Answer, now: datetime) -> timedelta:
    """Return what Retry-After (RFC 9110 section 10.2.3) asks for: seconds, or a date; nothing for anything else."""
    text = (answer.retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        return max(parsedate_to_datetime(text) - now, timedelta(0))
    except (ValueError, TypeError, OverflowError):  # no date, or one without its zone
        return timedelta(0)


def _note(db: Connection, webhook: Webhook, message: Message, answer: Answer, now: datetime) -> None:
    if answer.taken:
        store.note_attempt(db, message.id, "delivered", None, answer.status, "")
        store.forget(db, now - timedelta(days=store.KEPT_DAYS))
        return
    error = why_not(answer)
    again = next_try(message.attempts + 1, answer, now)
    store.note_attempt(db, message.id, "waiting" if again else "given-up", again, answer.status, error)
    if again is None:
        events.add(db, Event(now, GIVEN_UP, False, "the courier", "", webhook.id, error, webhook.program))
    if answer.status == GONE:
        store.end(db, webhook.id, "gone")


def _message(webhook: Webhook, kind: str, now: datetime, data: dict[str, object], at: str | None = None) -> Message:
    body = serialize({"type": kind, "timestamp": at or to_text(now), "data": data})
    return Message(_next_id(), webhook.id, kind, now, body, 0, now, "waiting", None, "")


def _next_id() -> str:
    """Return an id that sorts behind those made before it by this process, so that messages leave in their order."""
    return f"msg_{time.time_ns():016x}{next(_COUNT) % 0x10000:04x}{secrets.token_hex(6)}"


def _wants(webhook: Webhook, kind: str, program: str | None) -> bool:
    if webhook.program is not None and program != webhook.program:
        return False
    return any(fnmatchcase(kind, pattern) for pattern in webhook.kinds)
