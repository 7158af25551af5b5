"""Evidence that waits for its receipt: one file per envelope, named by its digest.

    spool/<digest>.jws         the signed bytes, exactly as they will be sent
    spool/<digest>.json        what is known about its delivery: program, attempts, last error
    spool/<digest>.lock        held by the process that is sending it
    spool/aside/<digest>.jws   evidence that no collector will ever take, beside a .json with the reason

The notes are written before the envelope, so an envelope always has notes unless somebody removed them; lost or damaged
notes cost the history of attempts and nothing else. Sequence numbers live here too: they are used up before signing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from homecheck import durable, signing
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.errors import Refused, StateError
from homecheck.file_lock import exclusive, held
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

KEEP: Final = timedelta(days=30)  # older evidence would be judged by a policy that nobody remembers
MAX_BYTES: Final = 50_000_000  # of everything in the spool
LOCK_PATIENCE_SECONDS: Final = 10.0

_ENVELOPE_NAME: Final = re.compile(r"([0-9a-f]{64})\.jws")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Notes:
    """What is known about the delivery of one envelope. `not_before` is set where the collector asked us to wait."""

    program: str = ""
    since: datetime | None = None
    attempts: int = 0
    error: str = ""
    advice: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """One envelope in the spool."""

    digest: str
    size: int  # bytes
    since: datetime
    notes: Notes

    @property
    def program(self) -> str:
        """The program that it is for; empty when its notes are lost."""
        return self.notes.program


@dataclass(frozen=True)
class Aside:
    """One envelope that was given up, and why."""

    digest: str
    program: str
    reason: str
    at: datetime | None


# Sequence numbers


def next_seq(home: Home, kid: str) -> int:
    """Return the key's next sequence number, from 1; on disk before it is returned, and never given twice.

    StateError when the file is damaged: starting again would look like a copied key.
    """
    if not _KID.fullmatch(kid):
        raise ValueError(f"{kid!r:.60} is no key's name")
    path = home.seq / kid
    durable.make_folder(home.seq)
    with held(home.seq / f"{kid}.lock", LOCK_PATIENCE_SECONDS):
        last = durable.read(path)
        last = b"0" if last is None else last
        if not re.fullmatch(rb"\d{1,15}\n?", last):
            raise StateError(f"{path}: this file is damaged", "Ask for a new invitation, and enrol again with it.")
        number = int(last) + 1
        durable.write(path, b"%d\n" % number)
        return number


# Envelopes


def put(home: Home, envelope: bytes, program: str, now: datetime | None = None) -> str:
    """Keep `envelope` until its receipt is there, and return its digest; it is on disk when this returns.

    The same bytes again change nothing. StateError names the path when they cannot be written.
    """
    now = now or utc_now()
    make_room(home, len(envelope), now)
    name = signing.digest(envelope)
    if not envelope_path(home, name).exists():
        write_notes(home, name, Notes(program, now))
        durable.write(envelope_path(home, name), envelope)
    return name


def waiting(home: Home) -> tuple[Waiting, ...]:
    """Return what waits, oldest first. Files that are not the spool's own are left alone."""
    found = []
    for path in durable.files(home.spool):
        if match := _ENVELOPE_NAME.fullmatch(path.name):
            name = f"sha256:{match[1]}"
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue  # delivered by another process just now
            notes = read_notes(home, name)
            since = notes.since or datetime.fromtimestamp(facts.st_mtime, UTC)
            found.append(Waiting(name, facts.st_size, since, notes))
    return tuple(sorted(found, key=lambda one: (one.since, one.digest)))


def read_envelope(home: Home, name: str) -> bytes | None:
    """Return the bytes of an envelope, None when it is not here (any more).

    Refused with the reason ``corrupt`` when they are no longer the bytes that were put there.
    """
    data = durable.read(envelope_path(home, name))
    if data is not None and signing.digest(data) != name:
        raise Refused("corrupt", f"{envelope_path(home, name)}: the file was changed or cut short on this computer")
    return data


def remove(home: Home, name: str) -> None:
    """Forget an envelope: its receipt is stored, or other bytes took its place."""
    durable.remove(envelope_path(home, name))
    durable.remove(_notes_path(home, name))


def set_aside(home: Home, name: str, reason: str, now: datetime | None = None) -> None:
    """Keep an envelope apart that no collector will take, with the reason, so that it never blocks the others."""
    notes = read_notes(home, name)
    members = {"program": notes.program, "reason": reason, "at": to_text(now or utc_now())}
    aside = _aside(home)
    durable.write(aside / f"{_hex(name)}.json", serialize(members))
    source = envelope_path(home, name)
    try:
        source.replace(aside / source.name)
    except OSError as error:
        raise StateError(f"{source}: cannot move this file aside: {error.strerror}", durable.ADVICE) from None
    durable.remove(_notes_path(home, name))


def aside(home: Home) -> tuple[Aside, ...]:
    """Return what was set aside, newest first."""
    found = []
    for path in durable.files(_aside(home)):
        if match := _ENVELOPE_NAME.fullmatch(path.name):
            found.append(_read_aside(home, match[1]))
    return tuple(sorted(found, key=lambda one: (one.at is not None, one.at), reverse=True))


@contextmanager
def claim(home: Home, name: str) -> Iterator[bool]:
    """Hold an envelope inside the block, so that no two processes send it; yields False when another one has it."""
    durable.make_folder(home.spool)
    mine = False
    try:
        with exclusive(_lock_path(home, name)) as mine:
            yield mine
    finally:
        if mine and not envelope_path(home, name).exists():
            _remove_lock(home, name)  # nothing is left that it could protect


# Notes on delivery


def read_notes(home: Home, name: str) -> Notes:
    """Return the notes on an envelope; empty ones when they are lost or damaged."""
    data = durable.read(_notes_path(home, name))
    if data is None:
        return Notes()
    try:
        record = Record(parse_object(data), "notes")
        return Notes(
            program=record.text("program"),
            since=from_text(record.text("since")),
            attempts=record.integer("attempts"),
            error=record.text("error", max_length=4000),
            advice=record.text("advice", max_length=4000),
            not_before=from_text(record.text("not_before")) if not record.is_null("not_before") else None,
        )
    except (Refused, ValueError):
        return Notes()


def write_notes(home: Home, name: str, notes: Notes) -> None:
    """Replace the notes on an envelope."""
    members = {
        "program": notes.program,
        "since": to_text(notes.since or utc_now()),
        "attempts": notes.attempts,
        "error": notes.error,
        "advice": notes.advice,
        "not_before": to_text(notes.not_before) if notes.not_before else None,
    }
    durable.write(_notes_path(home, name), serialize(members))


def note_attempt(home: Home, name: str, error: str, advice: str, not_before: datetime | None) -> None:
    """Add one failed attempt to the notes on an envelope that still waits."""
    notes = read_notes(home, name)
    changed = replace(notes, attempts=notes.attempts + 1, error=error, advice=advice, not_before=not_before)
    write_notes(home, name, changed)


def note_error(home: Home, name: str, error: str, advice: str) -> None:
    """Say in the notes on an envelope why it was not even tried."""
    write_notes(home, name, replace(read_notes(home, name), error=error, advice=advice))


# Room


def make_room(home: Home, needed: int, now: datetime) -> tuple[str, ...]:
    """Drop what is too old, then what is superseded, until `needed` further bytes fit. Returns the digests dropped.

    First goes what was set aside, then evidence of a program for which newer evidence waits; the newest of each program
    stays until it is `KEEP` old. The gap in the sequence numbers tells the collector how much it did not see.
    """
    dropped = []
    _remove_leftovers(home, now)
    for one in waiting(home):
        if now - one.since > KEEP:
            dropped.append(_drop(home, one.digest))
    for path in durable.files(_aside(home)):
        given_up = _modified(path)
        if given_up and (now - given_up > KEEP or used_bytes(home) + needed > MAX_BYTES):
            durable.remove(path)
    queue = list(waiting(home))
    while queue and used_bytes(home) + needed > MAX_BYTES:
        one = queue.pop(0)
        if one.program and any(newer.program == one.program for newer in queue):
            dropped.append(_drop(home, one.digest))
    return tuple(dropped)


def used_bytes(home: Home) -> int:
    """Return how many bytes of evidence wait or are set aside."""
    sizes = []
    for path in (*durable.files(home.spool), *durable.files(_aside(home))):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue  # another process has just finished with it
    return sum(sizes)


def dropped_count(home: Home) -> int:
    """Return how many envelopes were dropped unsent since the enrolments began."""
    data = durable.read(home.spool / "dropped") or b"0"
    return int(data) if re.fullmatch(rb"\d{1,15}\n?", data) else 0


def _drop(home: Home, name: str) -> str:
    durable.write(home.spool / "dropped", b"%d\n" % (dropped_count(home) + 1))
    remove(home, name)
    return name


def _remove_leftovers(home: Home, now: datetime) -> None:
    """Remove what a crash left behind: temporary files, notes and locks without envelope. Young ones may be in use."""
    for path in durable.files(home.spool):
        orphan = path.suffix in (".json", ".lock") and not path.with_suffix(".jws").exists()
        made = _modified(path) if path.suffix == durable.TEMPORARY or orphan else None
        if made and now - made > timedelta(hours=1):
            durable.remove(path)


# Names of files


def envelope_path(home: Home, name: str) -> Path:
    """Return where an envelope waits."""
    return home.spool / f"{_hex(name)}.jws"


def _notes_path(home: Home, name: str) -> Path:
    return home.spool / f"{_hex(name)}.json"


def _lock_path(home: Home, name: str) -> Path:
    return home.spool / f"{_hex(name)}.lock"


def _aside(home: Home) -> Path:
    return home.spool / "aside"


def _hex(name: str) -> str:
    match = re.fullmatch(r"sha256:([0-9a-f]{64})", name)
    if not match:
        raise ValueError(f"{name!r:.80} is no digest")
    return match[1]


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _remove_lock(home: Home, name: str) -> None:
    """Remove the lock's file. Whoever holds it meanwhile finds no envelope; on Windows it then stays for later."""
    try:
        _lock_path(home, name).unlink(missing_ok=True)
    except PermissionError:
        return


def _read_aside(home: Home, digits: str) -> Aside:
    data = durable.read(_aside(home) / f"{digits}.json")
    try:
        record = Record(parse_object(data or b""), "aside")
        return Aside(f"sha256:{digits}", record.text("program"), record.text("reason"), from_text(record.text("at")))
    except (Refused, ValueError):
        return Aside(f"sha256:{digits}", "", "the note with the reason is damaged", None)
