"""Erasing one person, with a signed proof that it was done.

The proof names nobody: an opaque id, places in the log, two checkpoints. It is kept beside the keys and so apart from
the database, because a database that is restored from an older backup must have its people erased again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from homecheck import durable
from homecheck.checkpoint import open_checkpoint
from homecheck.collector import setup
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.store import erased_entries, log, people, programs
from homecheck.collector.store import erasure as store
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Person
from homecheck.erasure import Erasure, verify_erasure
from homecheck.errors import Refused, SetupError
from homecheck.signing import ERASURE

FOLDER: Final = "erasures"
PERSON_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
AGAIN: Final = "restore"  # who erases again what an older backup brought back


@dataclass(frozen=True)
class Erased:
    """How many entries of the log were erased, the signed proof, and whether older pages were overwritten as well."""

    entries: int
    overwritten: bool
    proof: bytes
    file: Path


def erase_person(database: Database, program_id: str, name: str, by: str, now: datetime) -> Erased:
    """Erase one person from one program. SetupError when nobody of this name is there."""
    collector = setup.load(database)  # first: without its keys nothing could be proven afterwards
    with opened(database) as db:
        programs.get(db, program_id)
        who = people.person_called(db, program_id, " ".join(name.split()))
        if who is None:
            raise SetupError(f"nobody in {program_id} is called {name!r:.80}", "The dashboard lists the names.")
        return _erase(collector, db, who, by, now)


def erase_again(collector: Collector, db: Connection, now: datetime) -> int:
    """Erase those who are here although a proof beside the keys says that they were erased; return how many."""
    back = [who for who in map(partial(people.person, db), _erased(collector.keys_folder)) if who is not None]
    for who in back:
        file = collector.keys_folder / FOLDER / f"{who.id}.jws"
        _check_proof(collector, file, who)
        _erase(collector, db, who, AGAIN, now)
    return len(back)


def _check_proof(collector: Collector, file: Path, who: Person) -> None:
    """SetupError for a file that anybody could have put there: it erases nobody."""
    try:
        proof = verify_erasure(durable.read(file) or b"", collector.public_keys().get)
        if proof.person != who.id:
            raise Refused("other-person", "this is the proof of somebody else's erasure")
    except Refused as error:
        raise SetupError(f"{file}: {error.message}", "Move it away if you know why it is so.") from None


def proven(collector: Collector, person: str) -> tuple[Erasure, bytes] | None:
    """Return the proof that somebody was erased, read and as it was signed; None where there is none, or no good one.

    `person` is an opaque id, or anything that somebody has typed into an address.
    """
    if not PERSON_ID.fullmatch(person) or people.person(collector.readers(), person) is not None:
        return None  # who is here, after an older backup, is erased again at the next start
    signed = durable.read(collector.keys_folder / FOLDER / f"{person}.jws")
    if signed is None:
        return None
    try:
        found = verify_erasure(signed, collector.public_keys().get)
    except Refused:
        return None
    return (found, signed) if found.person == person else None


def back_again(db: Connection, keys_folder: Path) -> int:
    """Return how many people are here of whom a proof beside the keys says that they were erased."""
    return sum(people.person(db, one) is not None for one in _erased(keys_folder))


def _erased(keys_folder: Path) -> list[str]:
    return sorted(file.stem for file in (keys_folder / FOLDER).glob("*.jws"))


def erase_while_serving(collector: Collector, who: Person, by: By, now: datetime) -> Erased:
    """Erase one person through the writer. Problem when they are gone already.

    The journal is in use then: older pages are overwritten when the collector is next stopped.
    """
    before = collector.log.checkpoint(collector.readers())

    def work(db: Connection) -> list[int]:
        if people.person(db, who.id) is None:
            raise Problem("not-found", "there is no such person here")
        db.leave_no_trace()
        return store.erase(db, who, by, now)

    entries = collector.writer.submit(work).result()
    proof, file = _prove(collector, collector.readers(), who, now, entries, before)
    return Erased(len(entries), False, proof, file)


def _erase(collector: Collector, db: Connection, who: Person, by: str, now: datetime) -> Erased:
    db.leave_no_trace()
    before = collector.log.checkpoint(db)
    with transaction(db):
        entries = store.erase(db, who, By(by), now)
    proof, file = _prove(collector, db, who, now, entries, before)
    return Erased(len(entries), db.empty_journal(), proof, file)


def _prove(
    collector: Collector, db: Connection, who: Person, now: datetime, entries: list[int], before: str
) -> tuple[bytes, Path]:
    """Return the signed proof, and where it is kept."""
    proof = collector.sign(_document(collector, db, who, now, entries, before).to_bytes(), ERASURE)
    file = collector.keys_folder / FOLDER / f"{who.id}.jws"
    durable.write(file, proof)
    return proof, file


def _document(
    collector: Collector, db: Connection, who: Person, now: datetime, entries: list[int], before: str
) -> Erasure:
    """Return the proof, to be made after the commit: a log must never sign what it may have to take back."""
    key, after = collector.log.key, collector.log.checkpoint(db)
    first, second = (open_checkpoint(note, key).size for note in (before, after))
    growth = log.proof_of_growth(db, first, second)
    return Erasure(collector.url, who.program, who.id, now, erased_entries.ranges(entries), key, before, after, growth)
