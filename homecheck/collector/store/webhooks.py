"""Whose servers are told what happens here, and the messages that wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from homecheck.collector.store.database import Connection, Row
from homecheck.standards.rfc_3339 import from_text, to_text

Standing = Literal["on", "gone", "removed"]
State = Literal["waiting", "delivered", "given-up"]
KEPT_DAYS: Final = 7  # a message is kept after its end, so that people can see what became of it


@dataclass(frozen=True)
class Webhook:
    """One receiver. `program` None: of all programs. `generation` counts its secrets, `rotated_at` is when the last
    one was made, None while it has its first. `position` is the next entry of the log that it has not been told of."""

    id: str
    url: str
    program: str | None
    kinds: tuple[str, ...]
    created_at: datetime
    created_by: str
    generation: int
    rotated_at: datetime | None
    position: int
    standing: Standing


@dataclass(frozen=True)
class Message:
    """One message to one receiver; `next_at` is when it is tried next, None when it is not."""

    id: str
    webhook: str
    kind: str
    made_at: datetime
    body: bytes
    attempts: int
    next_at: datetime | None
    state: State
    status: int | None
    error: str


@dataclass(frozen=True)
class Outstanding:
    """What waits for one receiver. `refused` of the `waiting` messages were tried and not taken; `since` is when the
    oldest of those was made and `error` why it was not taken, None and empty where there is none."""

    waiting: int
    refused: int
    since: datetime | None
    error: str


@dataclass(frozen=True)
class Happened:
    """What one entry of the log is of, as far as receivers are told. `person` is the opaque id; there is no name."""

    position: int
    kind: str
    at: str
    program: str | None
    person: str | None
    about: str
    verdict: str | None = None
    before: str | None = None


def add(db: Connection, one: Webhook) -> None:
    """Add a receiver."""
    db.execute(
        "INSERT INTO webhook (id, url, program, kinds, created_at, created_by, generation, rotated_at, position,"
        " standing) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.id, one.url, one.program, " ".join(one.kinds), to_text(one.created_at), one.created_by, one.generation,
            None, one.position, one.standing,
        ),
    )  # fmt: skip


def every(db: Connection) -> list[Webhook]:
    """Return all receivers that were not removed, the oldest first."""
    rows = db.execute("SELECT * FROM webhook WHERE standing <> 'removed' ORDER BY created_at, id")
    return [_webhook(row) for row in rows]


def find(db: Connection, webhook_id: str) -> Webhook | None:
    """Return one receiver that was not removed, or None."""
    row = db.execute("SELECT * FROM webhook WHERE id = ? AND standing <> 'removed'", (webhook_id,)).fetchone()
    return None if row is None else _webhook(row)


def rotate(db: Connection, webhook_id: str, now: datetime) -> None:
    """Begin another secret."""
    db.execute(
        "UPDATE webhook SET generation = generation + 1, rotated_at = ? WHERE id = ?", (to_text(now), webhook_id)
    )


def end(db: Connection, webhook_id: str, standing: Standing) -> None:
    """Send nothing more; what waits is given up. One that was removed meanwhile stays removed."""
    db.execute("UPDATE webhook SET standing = ? WHERE id = ? AND standing <> 'removed'", (standing, webhook_id))
    db.execute(
        "UPDATE message SET state = 'given-up', next_at = NULL, error = ? WHERE webhook = ? AND state = 'waiting'",
        (f"the receiver is {standing}", webhook_id),
    )


def log_size(db: Connection) -> int:
    """Return how many entries the log has."""
    return int(db.execute("SELECT size FROM log_state").fetchone()[0])


def happened(db: Connection, first: int, most: int) -> tuple[list[Happened], int]:
    """Return what the next `most` entries of the log from `first` are of, and the position behind the last of them.

    Entries whose data was erased are of nothing.
    """
    end_position = min(first + most, log_size(db))
    found = [*_receipts(db, first, end_position), *_events(db, first, end_position)]
    return sorted(found, key=lambda one: one.position), max(first, end_position)


def queue(db: Connection, webhook: Webhook, messages: Sequence[Message], position: int) -> bool:
    """Put messages in and remember how far the log was read, once: False when another worker was there first."""
    sql = "UPDATE webhook SET position = ? WHERE id = ? AND position = ? AND standing = 'on'"
    if db.execute(sql, (position, webhook.id, webhook.position)).rowcount != 1:
        return False
    for one in messages:
        put(db, one)
    return True


def put(db: Connection, one: Message) -> None:
    """Put one message in."""
    db.execute(
        "INSERT INTO message (id, webhook, kind, made_at, body, attempts, next_at, state, status, error)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, 'waiting', NULL, '')",
        (one.id, one.webhook, one.kind, to_text(one.made_at), one.body, to_text(one.next_at or one.made_at)),
    )


def due(db: Connection, webhook_id: str, now: datetime, most: int) -> list[Message]:
    """Return the messages whose time has come, those that wait longest first."""
    sql = "SELECT * FROM message WHERE webhook = ? AND state = 'waiting' AND next_at <= ? ORDER BY next_at, id LIMIT ?"
    return [_message(row) for row in db.execute(sql, (webhook_id, to_text(now), most))]


def claim(db: Connection, one: Message, until: datetime) -> bool:
    """Take a message for an attempt, so that no other worker sends it meanwhile; False when one has it already."""
    sql = "UPDATE message SET next_at = ? WHERE id = ? AND state = 'waiting' AND next_at = ?"
    return bool(db.execute(sql, (to_text(until), one.id, to_text(one.next_at or one.made_at))).rowcount == 1)


def put_back(db: Connection, claimed: Sequence[Message]) -> None:
    """Have messages that were claimed wait as before, where no attempt was noted meanwhile: they are due at once."""
    sql = "UPDATE message SET next_at = ? WHERE id = ? AND state = 'waiting' AND attempts = ?"
    db.executemany(sql, [(to_text(one.next_at or one.made_at), one.id, one.attempts) for one in claimed])


def note_attempt(
    db: Connection, message_id: str, state: State, next_at: datetime | None, status: int | None, error: str
) -> None:
    """Remember how an attempt ended; what was given up meanwhile, with its receiver, stays so."""
    db.execute(
        "UPDATE message SET attempts = attempts + 1, state = ?, next_at = ?, status = ?, error = ?"
        " WHERE id = ? AND state = 'waiting'",
        (state, to_text(next_at) if next_at else None, status, error, message_id),
    )


def find_message(db: Connection, webhook_id: str, message_id: str) -> Message | None:
    """Return one message to a receiver, or None."""
    row = db.execute("SELECT * FROM message WHERE webhook = ? AND id = ?", (webhook_id, message_id)).fetchone()
    return None if row is None else _message(row)


def begin_again(db: Connection, message_id: str, now: datetime) -> None:
    """Let a message wait again, and be sent now."""
    db.execute("UPDATE message SET state = 'waiting', next_at = ? WHERE id = ?", (to_text(now), message_id))


def recent(db: Connection, webhook_id: str, most: int) -> list[Message]:
    """Return the latest messages to one receiver, the latest first."""
    sql = "SELECT * FROM message WHERE webhook = ? ORDER BY made_at DESC, id DESC LIMIT ?"
    return [_message(row) for row in db.execute(sql, (webhook_id, most))]


def outstanding(db: Connection, webhook_id: str) -> Outstanding:
    """Return what waits for one receiver."""
    waits = "FROM message WHERE webhook = ? AND state = 'waiting'"
    count = db.execute(
        f"SELECT COUNT(*) AS waiting, COUNT(CASE WHEN attempts > 0 THEN 1 END) AS refused {waits}", (webhook_id,)
    ).fetchone()
    oldest = db.execute(
        f"SELECT made_at, error {waits} AND attempts > 0 ORDER BY made_at, id LIMIT 1", (webhook_id,)
    ).fetchone()
    since, error = (from_text(oldest["made_at"]), oldest["error"]) if oldest else (None, "")
    return Outstanding(count["waiting"], count["refused"], since, error)


def forget(db: Connection, before: datetime) -> int:
    """Delete messages that have ended and were made before a moment; return how many."""
    sql = "DELETE FROM message WHERE state <> 'waiting' AND made_at < ?"
    return int(db.execute(sql, (to_text(before),)).rowcount)


def _receipts(db: Connection, first: int, end_position: int) -> list[Happened]:
    rows = db.execute(
        "SELECT position, received_at, program, person, digest, verdict,"
        " (SELECT earlier.verdict FROM evidence AS earlier WHERE earlier.person = evidence.person"
        "  AND earlier.position < evidence.position ORDER BY earlier.position DESC LIMIT 1) AS before"
        " FROM evidence WHERE position >= ? AND position < ?",
        (first, end_position),
    )
    return [
        Happened(
            row["position"], "evidence.received", row["received_at"], row["program"], row["person"], row["digest"],
            row["verdict"], row["before"],
        )
        for row in rows
    ]  # fmt: skip


def _events(db: Connection, first: int, end_position: int) -> list[Happened]:
    rows = db.execute(
        "SELECT position, kind, security, at, program, person, about FROM event WHERE position >= ? AND position < ?",
        (first, end_position),
    )
    return [
        Happened(
            row["position"], ("security." if row["security"] else "event.") + row["kind"], row["at"], row["program"],
            row["person"], row["about"],
        )
        for row in rows
    ]  # fmt: skip


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=row["id"],
        url=row["url"],
        program=row["program"],
        kinds=tuple(row["kinds"].split()),
        created_at=from_text(row["created_at"]),
        created_by=row["created_by"],
        generation=row["generation"],
        rotated_at=from_text(row["rotated_at"]) if row["rotated_at"] else None,
        position=row["position"],
        standing=row["standing"],
    )


def _message(row: Row) -> Message:
    return Message(
        id=row["id"],
        webhook=row["webhook"],
        kind=row["kind"],
        made_at=from_text(row["made_at"]),
        body=bytes(row["body"]),
        attempts=row["attempts"],
        next_at=from_text(row["next_at"]) if row["next_at"] else None,
        state=row["state"],
        status=row["status"],
        error=row["error"],
    )
