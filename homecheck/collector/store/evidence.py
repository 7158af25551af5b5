"""What was received: envelopes and receipts byte for byte, with the findings that lists and filters need."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.collector.store import events
from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.collector.store.people import Person
from homecheck.evidence import Evidence
from homecheck.receipt import Freshness
from homecheck.standards.rfc_3339 import from_text, to_text


@dataclass(frozen=True)
class ObservationCheck:
    """Whether one observation in the evidence is what a responder of ours signed, and of this check."""

    responder: str | None  # whose key verified it; None: nobody's
    defect: str = ""  # what is wrong with it


@dataclass(frozen=True)
class Arrival:
    """Evidence that was verified, with where and when it arrived."""

    envelope: bytes
    digest: str
    evidence: Evidence
    person: Person
    received_at: datetime
    source_address: str

    @property
    def clock_skew(self) -> float:
        """Seconds by which the device's clock is behind ours at the signature, plus the time on the way."""
        return self.received_at.timestamp() - self.evidence.iat


@dataclass(frozen=True)
class Judgement:
    """What this side found out about an arrival."""

    freshness: Freshness
    result: AttestationResult
    observations: tuple[ObservationCheck, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What `append` did: `receipt` is None when the id belongs to other bytes."""

    receipt: bytes | None
    created: bool


@dataclass(frozen=True)
class Summary:
    """One evidence in a list."""

    position: int
    digest: str
    received_at: datetime
    verdict: Verdict
    freshness: str
    policy_name: str
    policy_version: str
    clock_skew: float
    kid: str
    unmet: tuple[tuple[str, Verdict], ...] = ()  # quantities that failed or could not be decided


@dataclass(frozen=True)
class PersonRow:
    """One person on the list, with the evidence received last."""

    person: Person
    program_title: str
    latest: Summary | None


@dataclass(frozen=True)
class Stored:
    """Everything that is stored about one evidence."""

    summary: Summary
    person: Person
    id: str
    seq: int
    iat: int
    source_address: str
    policy_digest: str
    envelope: bytes
    receipt: bytes
    observations: tuple[ObservationCheck, ...]


@dataclass(frozen=True)
class Filter:
    """Which people a list shows. `verdict` may be ``none``: nothing received yet."""

    program: str = ""
    verdict: str = ""
    name: str = ""


UNMET: Final = (Verdict.FAIL.word, Verdict.INCONCLUSIVE.word)


def receipt_of(db: Connection, digest: str) -> bytes | None:
    """Return the receipt of these bytes, or None when they are new."""
    row = one_or_none(db, "SELECT receipt FROM evidence WHERE digest = ?", digest)
    return None if row is None else row["receipt"]


def digest_of_id(db: Connection, evidence_id: str) -> str | None:
    """Return the digest of the evidence with this id, or None."""
    row = one_or_none(db, "SELECT digest FROM evidence WHERE id = ?", evidence_id)
    return None if row is None else row["digest"]


def received_before(db: Connection, person_id: str, number: int) -> datetime | None:
    """Return when the last but `number` - 1 evidence of a person was received; None when there are fewer."""
    sql = "SELECT received_at FROM evidence WHERE person = ? ORDER BY position DESC LIMIT 1 OFFSET ?"
    row = one_or_none(db, sql, person_id, number - 1)
    return None if row is None else from_text(row["received_at"])


def append(db: Connection, arrival: Arrival, judgement: Judgement, sign: Callable[[int], bytes]) -> Kept:
    """Store one evidence at the next position and return its receipt, which `sign` makes for that position.

    To be called inside a transaction; the receipt is worth something only when that has been committed. Bytes that
    are known get the receipt that they have; an id that belongs to other bytes is an event and stores nothing.
    """
    if (receipt := receipt_of(db, arrival.digest)) is not None:
        return Kept(receipt, created=False)
    if (known := digest_of_id(db, arrival.evidence.id)) is not None:
        return note_conflict(db, arrival, known)
    _flag_repeated_seq(db, arrival)
    position = _next_position(db)
    receipt = sign(position)
    _insert(db, arrival, judgement, position, receipt)
    db.execute("UPDATE person SET latest = ? WHERE id = ?", (position, arrival.person.id))
    return Kept(receipt, created=True)


def note_conflict(db: Connection, arrival: Arrival, known: str) -> Kept:
    """Leave the trace of an id that arrived with other bytes, inside a transaction; nothing else is stored.

    It is about the evidence that is `known`: that is what somebody looks at, and its events are bounded in number,
    while every further forgery has a digest of its own.
    """
    detail = f"the same evidence id arrived with other bytes, {arrival.digest}"
    events.add(db, replace(_event(arrival, "id-conflict", detail), about=known))
    return Kept(None, created=False)


def _next_position(db: Connection) -> int:
    row = one_or_none(db, "UPDATE sequence SET next = next + 1 WHERE name = 'position' RETURNING next - 1 AS position")
    if row is None:
        raise LookupError("the sequence of positions is missing")
    return int(row["position"])


def _flag_repeated_seq(db: Connection, arrival: Arrival) -> None:
    evidence = arrival.evidence
    if one_or_none(db, "SELECT 1 FROM evidence WHERE kid = ? AND seq = ?", evidence.device.kid, evidence.seq):
        detail = f"sequence number {evidence.seq} was used before: a copied key, or a computer restored from a backup"
        events.add(db, _event(arrival, "seq-repeated", detail))


def _event(arrival: Arrival, kind: str, detail: str) -> events.Event:
    return events.Event(
        at=arrival.received_at,
        kind=kind,
        security=True,
        actor=arrival.evidence.device.kid,
        source_address=arrival.source_address,
        program=arrival.person.program,
        person=arrival.person.id,
        about=arrival.digest,
        detail=detail,
    )


def _insert(db: Connection, arrival: Arrival, judgement: Judgement, position: int, receipt: bytes) -> None:
    evidence, result = arrival.evidence, judgement.result
    row = {
        "position": position,
        "digest": arrival.digest,
        "id": evidence.id,
        "kid": evidence.device.kid,
        "program": arrival.person.program,
        "person": arrival.person.id,
        "seq": evidence.seq,
        "received_at": to_text(arrival.received_at),
        "iat": evidence.iat,
        "clock_skew": arrival.clock_skew,
        "finished_at": to_text(evidence.finished_at),
        "freshness": judgement.freshness,
        "source_address": arrival.source_address,
        "policy_digest": result.policy_digest,
        "policy_name": result.policy_name,
        "policy_version": result.policy_version,
        "verdict": result.verdict.word,
        "envelope": arrival.envelope,
        "receipt": receipt,
    }
    db.execute(
        "INSERT INTO evidence (position, digest, id, kid, program, person, seq, received_at, iat, clock_skew,"
        " finished_at, freshness, source_address, policy_digest, policy_name, policy_version, verdict,"
        " envelope, receipt)"
        " VALUES (:position, :digest, :id, :kid, :program, :person, :seq, :received_at, :iat, :clock_skew,"
        " :finished_at, :freshness, :source_address, :policy_digest, :policy_name, :policy_version, :verdict,"
        " :envelope, :receipt)",
        row,
    )
    db.executemany(
        "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(position, ordinal, *_finding_values(finding)) for ordinal, finding in enumerate(result.findings)],
    )
    db.executemany(
        "INSERT INTO observation VALUES (?, ?, ?, ?)",
        [(position, ordinal, one.responder, one.defect) for ordinal, one in enumerate(judgement.observations)],
    )


def _finding_values(finding: Finding) -> tuple[str | None, ...]:
    return (
        finding.quantity,
        finding.verdict.word,
        finding.severity,
        finding.explanation,
        finding.advice,
        finding.reason,
        finding.at_fault,
        finding.trust,
    )


def find(db: Connection, digest: str) -> Stored | None:
    """Return everything about the evidence of this digest, or None."""
    row = one_or_none(
        db,
        "SELECT evidence.*, person.name AS person_name FROM evidence JOIN person ON person.id = evidence.person"
        " WHERE digest = ?",
        digest,
    )
    if row is None:
        return None
    observations = db.execute(
        "SELECT responder, defect FROM observation WHERE position = ? ORDER BY ordinal", (row["position"],)
    )
    return Stored(
        summary=_with_unmet(db, [_summary(row)])[0],
        person=Person(row["person"], row["program"], row["person_name"]),
        id=row["id"],
        seq=row["seq"],
        iat=row["iat"],
        source_address=row["source_address"],
        policy_digest=row["policy_digest"],
        envelope=row["envelope"],
        receipt=row["receipt"],
        observations=tuple(ObservationCheck(one["responder"], one["defect"]) for one in observations),
    )


def of_person(db: Connection, person_id: str, *, limit: int, offset: int = 0) -> list[Summary]:
    """Return a person's evidence, received last first."""
    rows = db.execute(
        "SELECT position, digest, received_at, verdict, freshness, policy_name, policy_version, clock_skew, kid"
        " FROM evidence WHERE person = ? ORDER BY position DESC LIMIT ? OFFSET ?",
        (person_id, limit, offset),
    )
    return _with_unmet(db, [_summary(row) for row in rows])


def people(db: Connection, wanted: Filter, *, limit: int, offset: int = 0) -> list[PersonRow]:
    """Return the people that a filter lets through, by program and name, each with the evidence received last."""
    rows = db.execute(
        "SELECT person.id AS person_id, person.program AS program_id, person.name AS person_name, program.title,"
        " position, digest, received_at, verdict, freshness, policy_name, policy_version, clock_skew, kid"
        " FROM person JOIN program ON program.id = person.program"
        " LEFT JOIN evidence ON evidence.position = person.latest"
        " WHERE (:program = '' OR person.program = :program) AND (:name = '' OR instr(person.folded, :name) > 0)"
        " AND (:verdict = '' OR COALESCE(evidence.verdict, 'none') = :verdict)"
        " ORDER BY program.title, program.id, person.folded, person.id LIMIT :limit OFFSET :offset",
        {**_values(wanted), "limit": limit, "offset": offset},
    ).fetchall()
    summaries = _with_unmet(db, [_summary(row) for row in rows if row["position"] is not None])
    by_position = {summary.position: summary for summary in summaries}
    return [
        PersonRow(
            Person(row["person_id"], row["program_id"], row["person_name"]),
            row["title"],
            by_position.get(row["position"]),
        )
        for row in rows
    ]


def count_people(db: Connection, wanted: Filter) -> dict[str, int]:
    """Return how many people have which verdict (``none``: nothing received); the filter's own verdict is ignored."""
    rows = db.execute(
        "SELECT COALESCE(evidence.verdict, 'none') AS verdict, COUNT(*) AS number"
        " FROM person LEFT JOIN evidence ON evidence.position = person.latest"
        " WHERE (:program = '' OR person.program = :program) AND (:name = '' OR instr(person.folded, :name) > 0)"
        " GROUP BY 1",
        _values(wanted),
    )
    return {row["verdict"]: row["number"] for row in rows}


def _values(wanted: Filter) -> dict[str, str | int]:
    return {"program": wanted.program, "verdict": wanted.verdict, "name": wanted.name.casefold()}


def _summary(row: Row) -> Summary:
    return Summary(
        row["position"],
        row["digest"],
        from_text(row["received_at"]),
        Verdict.of(row["verdict"]),
        row["freshness"],
        row["policy_name"],
        row["policy_version"],
        row["clock_skew"],
        row["kid"],
    )


def _with_unmet(db: Connection, summaries: list[Summary]) -> list[Summary]:
    """Add to each what was not met, worst first."""
    unmet: dict[int, list[tuple[str, Verdict]]] = {}
    rows = db.execute(
        "SELECT position, quantity, verdict FROM finding"
        " WHERE position IN (SELECT value FROM json_each(?)) AND verdict IN (?, ?) ORDER BY position, ordinal",
        (json.dumps([summary.position for summary in summaries]), *UNMET),
    )
    for row in rows:
        unmet.setdefault(row["position"], []).append((row["quantity"], Verdict.of(row["verdict"])))
    return [
        replace(summary, unmet=tuple(sorted(unmet.get(summary.position, ()), key=lambda one: -one[1])))
        for summary in summaries
    ]
