"""What was received: envelopes and receipts byte for byte, with the findings that lists and filters need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.collector.overview import Overview
from homecheck.collector.store import events, overview, results, tally
from homecheck.collector.store.connection import Asked, Connection, Row, insert_rows, marks, one_or_none
from homecheck.collector.store.months import month_of
from homecheck.collector.store.packing import packed, unpacked
from homecheck.collector.store.people import Person
from homecheck.collector.store.scope import Scope
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
    """What this side found out about an arrival; `shown` is for lists."""

    freshness: Freshness
    result: AttestationResult
    shown: Overview
    observations: tuple[ObservationCheck, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What `arrivals.append_all` did: `receipt` is None when the id belongs to other bytes."""

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
class Envelope:
    """What was received, byte for byte."""

    digest: str
    received_at: datetime
    envelope: bytes


def receipt_of(db: Connection, digest: str) -> bytes | None:
    """Return the receipt of these bytes, or None when they are new."""
    row = one_or_none(db, "SELECT receipt FROM evidence WHERE digest = ?", digest)
    return None if row is None else unpacked(row["receipt"])


def position_of(db: Connection, digest: str) -> int | None:
    """Return the place in the log of the evidence of this digest, or None."""
    row = one_or_none(db, "SELECT position FROM evidence WHERE digest = ?", digest)
    return None if row is None else int(row["position"])


def ask_known(db: Connection, ids: Sequence[str]) -> Asked[tuple[dict[str, bytes], dict[str, str]]]:
    """Ask for receipts by digest and digests by id, of evidence that is stored already under one of these ids.

    Nobody has to look for digests besides: bytes that are there already are there under the id that they hold.
    """
    found = db.ask(f"SELECT digest, id, receipt FROM evidence WHERE id IN ({marks(ids)})", ids)  # noqa: S608 - marks only

    def answer() -> tuple[dict[str, bytes], dict[str, str]]:
        rows = found.fetchall()
        return {row["digest"]: unpacked(row["receipt"]) for row in rows}, {row["id"]: row["digest"] for row in rows}

    return answer


def ask_received_before(db: Connection, people: Sequence[str], number: int) -> Asked[dict[str, datetime]]:
    """Ask when the last but `number` - 1 evidence of each person was received; who has fewer is left out."""
    rows = db.ask(
        "SELECT id, (SELECT received_at FROM evidence WHERE evidence.person = person.id"  # noqa: S608 - marks only
        f" ORDER BY position DESC LIMIT 1 OFFSET ?) AS earlier FROM person WHERE id IN ({marks(people)})",
        (number - 1, *people),
    )
    return lambda: {row["id"]: from_text(row["earlier"]) for row in rows if row["earlier"] is not None}


def note_conflict(db: Connection, arrival: Arrival, known: str) -> Kept:
    """Leave the trace of an id that arrived with other bytes, inside a transaction; nothing else is stored.

    It is about the evidence that is `known`: that is what somebody looks at, and its events are bounded in number,
    while every further forgery has a digest of its own.
    """
    detail = f"the same evidence id arrived with other bytes, {arrival.digest}"
    events.add(db, replace(event_of(arrival, "id-conflict", detail), about=known))
    return Kept(None, created=False)


def event_of(arrival: Arrival, kind: str, detail: str) -> events.Event:
    """Return what is noted about an arrival."""
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


def insert_all(db: Connection, rows: Sequence[EvidenceRow]) -> None:
    """Insert evidence that has its place in the log, with findings and observations, inside a transaction."""
    values = [row.values() for row in rows]
    columns = ", ".join(values[0])  # of this module's own
    insert_rows(db, f"evidence ({columns})", [tuple(one.values()) for one in values])
    judged = [(row.position, month_of(row.arrival.evidence.id), row.judgement) for row in rows]
    _insert_findings(db, [(at, month, one.result, one.observations) for at, month, one in judged])


@dataclass(frozen=True)
class EvidenceRow:
    """Evidence with its place in the log and its receipt."""

    arrival: Arrival
    judgement: Judgement
    position: int
    receipt: bytes

    def values(self) -> dict[str, object]:
        """Return the columns of its row."""
        arrival, evidence, result = self.arrival, self.arrival.evidence, self.judgement.result
        return {
            "position": self.position,
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
            "freshness": self.judgement.freshness,
            "source_address": arrival.source_address,
            "policy_digest": result.policy_digest,
            "policy_name": result.policy_name,
            "policy_version": result.policy_version,
            "verdict": result.verdict.word,
            "envelope": packed(arrival.envelope),
            "receipt": packed(self.receipt),
        }


def judged_again(
    db: Connection,
    stored: Stored,
    result: AttestationResult,
    observations: tuple[ObservationCheck, ...],
    shown: Overview,
) -> None:
    """Put another appraisal of somebody's latest evidence in the place of the one that lists show.

    Inside a transaction; the receipt stays.
    """
    position = stored.summary.position
    db.execute(
        "UPDATE evidence SET policy_digest = ?, policy_name = ?, policy_version = ?, verdict = ? WHERE position = ?",
        (result.policy_digest, result.policy_name, result.policy_version, result.verdict.word, position),
    )
    db.execute("DELETE FROM finding WHERE position = ?", (position,))
    db.execute("DELETE FROM observation WHERE position = ?", (position,))
    _insert_findings(db, [(position, results.month_at(db, position), result, observations)])
    with tally.kept(db, [stored.person.id]):
        overview.put(db, stored.person, shown)


def _insert_findings(
    db: Connection, judged: Sequence[tuple[int, int, AttestationResult, tuple[ObservationCheck, ...]]]
) -> None:
    """Insert what lists need of what was found: position and month of the evidence, and what hangs on these.

    Of the findings these are the few that were not met; all of them stand in what was signed (`store.findings`).
    """
    findings = [
        (position, ordinal, *finding_values(finding), month)
        for position, month, result, _ in judged
        for ordinal, finding in unmet_findings(result)
    ]
    columns = "position, ordinal, quantity, verdict, severity, explanation, advice, reason, at_fault, trust, month"
    insert_rows(db, f"finding ({columns})", findings)
    observations = [
        (position, ordinal, one.responder, one.defect, month)
        for position, month, _, checks in judged
        for ordinal, one in enumerate(checks)
    ]
    insert_rows(db, "observation (position, ordinal, responder, defect, month)", observations)


def unmet_findings(result: AttestationResult) -> list[tuple[int, Finding]]:
    """Return the findings that have a row of their own, each with its number: those that failed or are undecided."""
    return [(number, one) for number, one in enumerate(result.findings) if one.verdict > Verdict.WARN]


def finding_values(finding: Finding) -> tuple[str | None, ...]:
    """Return a finding as its row holds it, from `quantity` on."""
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
        summary=with_unmet(db, [summary_of(row)])[0],
        person=Person(row["person"], row["program"], row["person_name"]),
        id=row["id"],
        seq=row["seq"],
        iat=row["iat"],
        source_address=row["source_address"],
        policy_digest=row["policy_digest"],
        envelope=unpacked(row["envelope"]),
        receipt=unpacked(row["receipt"]),
        observations=tuple(ObservationCheck(one["responder"], one["defect"]) for one in observations),
    )


def of_person(db: Connection, person_id: str, *, limit: int, offset: int = 0) -> list[Summary]:
    """Return a person's evidence, received last first."""
    rows = db.execute(
        "SELECT position, digest, received_at, verdict, freshness, policy_name, policy_version, clock_skew, kid"
        " FROM evidence WHERE person = ? ORDER BY position DESC LIMIT ? OFFSET ?",
        (person_id, limit, offset),
    )
    return with_unmet(db, [summary_of(row) for row in rows])


def count_of_person(db: Connection, person_id: str) -> int:
    """Return how much evidence of a person is here."""
    return int(db.execute("SELECT COUNT(*) FROM evidence WHERE person = ?", (person_id,)).fetchone()[0])


def within(
    db: Connection, scope: Scope, program: str, person: str, *, before: int | None, limit: int
) -> list[tuple[Person, Summary]]:
    """Return evidence of a scope, received last first, each with whose it is; `before` is where the last page ended."""
    condition, names = scope.condition("evidence.program")
    asked = {
        "evidence.program = ?": program, "evidence.person = ?": person,
        "evidence.position < ?": "" if before is None else before,
    }  # fmt: skip
    conditions = {one: value for one, value in asked.items() if value != ""}
    # Places alone are sorted: SQLite has them in the index that leads to a program. The rest is looked up for a page.
    page = f"SELECT position AS one FROM evidence WHERE {' AND '.join([condition, *conditions])}"  # noqa: S608 - our words
    rows = db.execute(
        "SELECT evidence.position, digest, received_at, verdict, freshness, policy_name, policy_version, clock_skew,"  # noqa: S608
        " kid, evidence.person, evidence.program, person.name AS person_name"
        f" FROM ({page} ORDER BY evidence.position DESC LIMIT ?) AS page"
        " JOIN evidence ON evidence.position = page.one JOIN person ON person.id = evidence.person"
        " ORDER BY evidence.position DESC",
        (*names, *conditions.values(), limit),
    ).fetchall()
    whose = [Person(row["person"], row["program"], row["person_name"]) for row in rows]
    return list(zip(whose, with_unmet(db, [summary_of(row) for row in rows]), strict=True))


def envelopes_of(db: Connection, person_id: str, *, limit: int, earliest: bool = False) -> list[Envelope]:
    """Return a person's evidence as it was received: the last one first, or the `earliest` first."""
    order = "position" if earliest else "position DESC"
    rows = db.execute(
        f"SELECT digest, received_at, envelope FROM evidence WHERE person = ? ORDER BY {order} LIMIT ?",  # noqa: S608 - our words
        (person_id, limit),
    )
    return [Envelope(row["digest"], from_text(row["received_at"]), unpacked(row["envelope"])) for row in rows]


def verdicts_of(db: Connection, person_id: str) -> list[tuple[Verdict, datetime]]:
    """Return the verdicts of all checks of a person with when each was received, the oldest first."""
    rows = db.execute("SELECT verdict, received_at FROM evidence WHERE person = ? ORDER BY position", (person_id,))
    return [(Verdict.of(row["verdict"]), from_text(row["received_at"])) for row in rows]


def of_device(db: Connection, kid: str, *, limit: int) -> list[Summary]:
    """Return what one key has signed, received last first."""
    rows = db.execute(
        "SELECT position, digest, received_at, verdict, freshness, policy_name, policy_version, clock_skew, kid"
        " FROM evidence WHERE kid = ? ORDER BY position DESC LIMIT ?",
        (kid, limit),
    )
    return with_unmet(db, [summary_of(row) for row in rows])


def summary_of(row: Row) -> Summary:
    """Return what a row tells that has the columns of a list."""
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


def with_unmet(db: Connection, summaries: list[Summary]) -> list[Summary]:
    """Add to each what was not met, worst first."""
    unmet: dict[int, list[tuple[str, Verdict]]] = {}
    positions = [summary.position for summary in summaries]
    if not positions:
        return summaries
    rows = db.execute(
        "SELECT position, quantity, verdict FROM finding"  # noqa: S608 - marks only
        f" WHERE position IN ({marks(positions)}) ORDER BY position, ordinal",
        positions,
    )
    for row in rows:
        unmet.setdefault(row["position"], []).append((row["quantity"], Verdict.of(row["verdict"])))
    return [
        replace(summary, unmet=tuple(sorted(unmet.get(summary.position, ()), key=lambda one: -one[1])))
        for summary in summaries
    ]
