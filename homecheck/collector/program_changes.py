"""Programs added and changed, each with its event, inside a transaction."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.collector import credential_digests, etags
from homecheck.collector.problems import Problem
from homecheck.collector.store import events, programs
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.programs import PolicyVersion, Program
from homecheck.errors import SetupError
from homecheck.locale import LANGUAGES, SOURCE
from homecheck.policy import Policy

ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
MAX_TITLE: Final = 200  # characters
MAX_PURPOSE: Final = 1_000
LONGEST: Final = 3_660  # days
ADDED: Final = "program-added"  # kinds of events, here and below
CHANGED: Final = "program-changed"
FOUR_EYES: Final = "four-eyes"  # whether a waiver needs two people


@dataclass(frozen=True)
class Description:
    """What people read of a program, and how many days its results are kept."""

    title: str
    purpose: str
    retention_days: int
    language: str = SOURCE  # of letters to people who have not asked for another

    @classmethod
    def of(cls, program: Program) -> Description:
        """Return how a program is described."""
        return cls(program.title, program.purpose, program.retention_days, program.language)

    def shown(self) -> str:
        """Return what an event says of it besides its words, of which two descriptions can have the same."""
        told = [self.title, self.purpose, self.retention_days, self.language]
        return credential_digests.shown(json.dumps(told, default=repr).encode())  # whatever somebody has put into a row

    @property
    def words(self) -> str:
        """What a description says, in one line."""
        language = "" if self.language == SOURCE else f"; letters in {LANGUAGES.get(self.language, self.language)}"
        return f"{self.title}; kept {self.retention_days} days{language}; {self.purpose}"

    def check(self) -> None:
        """SetupError for what nobody could read, or no promise of days."""
        for name, text, most in (("title", self.title, MAX_TITLE), ("purpose", self.purpose, MAX_PURPOSE)):
            if not text.strip() or len(text) > most or not text.isprintable():
                raise SetupError(f"{name}: {text!r:.60}", f"Write 1 to {most} printable characters.")
        if not 1 <= self.retention_days <= LONGEST:
            raise SetupError(f"retention: {self.retention_days} days", f"Choose 1 to {LONGEST} days.")
        if self.language not in LANGUAGES:
            raise SetupError(f"language: {self.language!r:.20}", f"Letters are written in {', '.join(LANGUAGES)}.")


def add(db: Connection, program: Program, *, by: By, now: datetime) -> None:
    """Add a program with its first policy. SetupError when its id is taken or is none."""
    check_id(program.id)
    programs.add(db, program)
    policy, described = program.policy, Description.of(program)
    detail = f"{described.shown()}; policy {policy.name} {policy.version} {policy.digest}"
    events.note(db, now, ADDED, by, program.id, detail, program=program.id, after=described.words)


def check_id(program_id: str) -> None:
    """SetupError for what is no id of a program."""
    if not ID.fullmatch(program_id):
        raise SetupError(f"id: {program_id!r:.80} is no id", "Small letters, digits, - and _ between them, at most 64.")


def begin(
    db: Connection,
    program_id: str,
    described: Description,
    policy: Policy,
    source: str,
    *,
    four_eyes: bool = False,
    by: By,
    now: datetime,
) -> Program:
    """Add a program and return it; `source` is its policy's text. Problem when its id is taken, SetupError: none."""
    check_id(program_id)
    described.check()
    if programs.find(db, program_id) is not None:
        raise Problem("exists", f"there is a program {program_id!r:.70} already")
    first = PolicyVersion(1, now, by.name, policy, source)
    title, purpose, days = described.title, described.purpose, described.retention_days
    made = Program(program_id, title, purpose, days, now, first, language=described.language)
    add(db, made, by=by, now=now)
    return set_four_eyes(db, program_id, four_eyes, by=by, now=now)


def tag(program: Program) -> str:
    """Return the entity tag of what a program is described with."""
    names = ("title", "purpose", "retention_days", "language", "four_eyes")
    return etags.etag({name: getattr(program, name) for name in names})


def change(db: Connection, program_id: str, wanted: Description, *, by: By, now: datetime) -> Program:
    """Describe a program otherwise, and return it. A shorter retention deletes within the hour what is older."""
    wanted.check()
    before = programs.get(db, program_id)
    was = Description.of(before)
    if wanted != was:
        programs.describe(db, program_id, wanted.title, wanted.purpose, wanted.retention_days, wanted.language)
        said = {"before": was.words, "after": wanted.words}
        events.note(db, now, CHANGED, by, program_id, wanted.shown(), program=program_id, **said)
    return programs.get(db, program_id)


def set_four_eyes(db: Connection, program_id: str, wanted: bool, *, by: By, now: datetime) -> Program:
    """Say whether one proposes a waiver and another approves it, inside a transaction; twice is no error."""
    if programs.get(db, program_id).four_eyes != wanted:
        programs.set_four_eyes(db, program_id, wanted)
        events.note(db, now, FOUR_EYES, by, program_id, program=program_id, after="on" if wanted else "off")
    return programs.get(db, program_id)
