"""Programs, the policies they have had, and the responders whose observations count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from homecheck.collector.store import overview
from homecheck.collector.store.connection import Asked, marks
from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.scope import Scope
from homecheck.errors import SetupError
from homecheck.listed import listed
from homecheck.policy import Policy, read_policy
from homecheck.signing import PublicKey
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import canonical


@dataclass(frozen=True)
class PolicyVersion:
    """A policy as a program published it; `number` counts from 1 per program.

    `source` is the text that it was read from, with its comments; empty where that was not kept.
    """

    number: int
    published_at: datetime
    published_by: str
    policy: Policy
    source: str = ""


@dataclass(frozen=True)
class Program:
    """One line of work: what people are invited to, and what they are measured against now."""

    id: str
    title: str
    purpose: str
    retention_days: int
    created_at: datetime
    current: PolicyVersion
    four_eyes: bool = False  # an exception is proposed by one and approved by another
    language: str = "en"  # of letters to people who have not asked for another

    @property
    def policy(self) -> Policy:
        """The current policy."""
        return self.current.policy


@dataclass(frozen=True)
class Responder:
    """A far end that this collector trusts, with its pinned key."""

    url: str
    key: PublicKey
    added_at: datetime


_PROGRAM: Final = """
    SELECT program.*, number, members, published_at, published_by, source
    FROM program JOIN policy_version ON policy_version.program = program.id AND policy_version.number = program.policy
"""


def add(db: Connection, program: Program) -> None:
    """Store a new program with its first policy. SetupError when the id is taken."""
    if one_or_none(db, "SELECT 1 FROM program WHERE id = ?", program.id):
        raise SetupError(
            f"the program {program.id!r} exists already",
            f"Change its policy: homecheck collector program policy {program.id} --policy NAME",
        )
    db.execute(
        "INSERT INTO program (id, title, purpose, retention_days, created_at, policy, four_eyes, language)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            program.id, program.title, program.purpose, program.retention_days, to_text(program.created_at), 0,
            int(program.four_eyes), program.language,
        ),
    )  # fmt: skip
    publish(db, program.id, program.current)


def describe(db: Connection, program: str, title: str, purpose: str, retention_days: int, language: str) -> None:
    """Change what people read of a program, in which language, and how long its results are kept."""
    sql = "UPDATE program SET title = ?, purpose = ?, retention_days = ?, language = ? WHERE id = ?"
    db.execute(sql, (title, purpose, retention_days, language, program))


def set_four_eyes(db: Connection, program: str, wanted: bool) -> None:
    """Say whether a waiver needs two people."""
    db.execute("UPDATE program SET four_eyes = ? WHERE id = ?", (int(wanted), program))


def publish(db: Connection, program: str, version: PolicyVersion) -> PolicyVersion:
    """Make a policy the current one of `program`; older ones stay as history. `version.number` is given here."""
    row = one_or_none(db, "SELECT COALESCE(MAX(number), 0) + 1 FROM policy_version WHERE program = ?", program)
    number = int(row[0]) if row else 1
    policy = version.policy
    db.execute(
        "INSERT INTO policy_version (program, number, name, version, digest, members, published_at, published_by,"
        " source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            program, number, policy.name, policy.version, policy.digest, canonical(policy.members()).decode(),
            to_text(version.published_at), version.published_by, version.source,
        ),
    )  # fmt: skip
    db.execute("UPDATE program SET policy = ? WHERE id = ?", (number, program))
    overview.new_recheck(db, program, policy.recheck_every())
    return replace(version, number=number)


def find(db: Connection, program: str) -> Program | None:
    """Return the program, or None."""
    row = one_or_none(db, f"{_PROGRAM} WHERE program.id = ?", program)
    return None if row is None else _program(row)


def get(db: Connection, program: str) -> Program:
    """Return the program. SetupError names those that there are."""
    found = find(db, program)
    if found is None:
        names = listed([one.id for one in every(db)]) or "none yet"
        raise SetupError(
            f"there is no program {program!r:.60}; there are: {names}", "See: homecheck collector program list"
        )
    return found


def ask_for(db: Connection, programs: Sequence[str]) -> Asked[dict[str, Program]]:
    """Ask for programs by their ids."""
    rows = db.ask(f"{_PROGRAM} WHERE program.id IN ({marks(programs)})", programs)
    return lambda: {one.id: one for one in map(_program, rows)}


def every(db: Connection) -> list[Program]:
    """Return all programs by title, for who runs the collector; `within` is for visitors."""
    return [_program(row) for row in db.execute(f"{_PROGRAM} ORDER BY program.title, program.id")]


def within(db: Connection, scope: Scope) -> list[Program]:
    """Return the programs that somebody sees, by title."""
    condition, values = scope.condition("program.id")
    return [_program(row) for row in db.execute(f"{_PROGRAM} WHERE {condition} ORDER BY title, program.id", values)]


def history(db: Connection, program: str) -> list[PolicyVersion]:
    """Return all policies that the program has had, newest first."""
    rows = db.execute("SELECT * FROM policy_version WHERE program = ? ORDER BY number DESC", (program,))
    return [_version(row) for row in rows]


def policy_by_digest(db: Connection, program: str, digest: str) -> Policy | None:
    """Return the policy that evidence was judged by."""
    row = one_or_none(db, "SELECT members FROM policy_version WHERE program = ? AND digest = ?", program, digest)
    return None if row is None else _policy(row["members"])


def pin_responder(db: Connection, responder: Responder) -> None:
    """Trust a responder's key from now on; an earlier key of the same address is replaced."""
    db.execute(
        "INSERT INTO responder (url, kid, jwk, added_at) VALUES (?, ?, ?, ?) ON CONFLICT (url) DO UPDATE"
        " SET kid = excluded.kid, jwk = excluded.jwk, added_at = excluded.added_at",
        (responder.url, responder.key.kid, json.dumps(responder.key.jwk()), to_text(responder.added_at)),
    )


def remove_responder(db: Connection, url: str) -> bool:
    """Trust a responder no longer; tell whether it was known."""
    return db.execute("DELETE FROM responder WHERE url = ?", (url,)).rowcount > 0


def responders(db: Connection) -> list[Responder]:
    """Return the responders by address."""
    rows = db.execute("SELECT * FROM responder ORDER BY url")
    return [Responder(row["url"], _key(row["jwk"]), from_text(row["added_at"])) for row in rows]


def _program(row: Row) -> Program:
    return Program(
        row["id"], row["title"], row["purpose"], row["retention_days"], from_text(row["created_at"]), _version(row),
        bool(row["four_eyes"]), row["language"],
    )  # fmt: skip


def _version(row: Row) -> PolicyVersion:
    policy, at = _policy(row["members"]), from_text(row["published_at"])
    return PolicyVersion(row["number"], at, row["published_by"], policy, row["source"])


@lru_cache(maxsize=64)
def _policy(members: str) -> Policy:
    return read_policy(json.loads(members), "stored policy")


@lru_cache(maxsize=64)
def _key(jwk: str) -> PublicKey:
    return PublicKey.from_jwk(json.loads(jwk))
