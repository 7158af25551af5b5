"""Evidence: the list, one with its findings, and its documents byte for byte."""

from __future__ import annotations

from typing import Final

from homecheck.collector import exhibit, results
from homecheck.collector.api.members import CHECK, COUNTS, PERSON, check, counts, person
from homecheck.collector.api.operation import (
    BOOLEAN,
    DIGEST,
    INTEGER,
    LIMITED,
    OF_PROGRAM,
    PERSON_ID,
    TEXT,
    VERDICT,
    Call,
    Json,
    Operation,
    Parameter,
    Reply,
    at,
    lists,
    moment,
    nullable,
    objects,
)
from homecheck.collector.body import JOSE
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right
from homecheck.collector.store import evidence as store
from homecheck.collector.store import findings as signed_findings
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Stored
from homecheck.collector.waivers import of_check
from homecheck.errors import Refused

PLAIN: Final = "text/plain"
JWKS: Final = "application/jwk-set+json"
_DIGEST: Final = Parameter("digest", "path", "The digest of the envelope.", DIGEST)
_FINDING: Final = objects(
    quantity=TEXT, verdict=VERDICT, severity=TEXT, explanation=TEXT, advice=TEXT, reason=TEXT, at_fault=nullable(TEXT),
    trust=TEXT,
)  # fmt: skip
_OBSERVATION: Final = objects(responder=nullable(TEXT), defect=TEXT)
_STANDING: Final = objects(quantity=TEXT, trust=TEXT, saw=TEXT, differs=BOOLEAN)
_RESULT: Final = objects(number=INTEGER, made_at=moment(), document=TEXT)


def list_evidence(call: Call) -> Json:
    """List evidence by its place in the log, the latest first."""
    query = call.query
    before = int(query["before"]) if "before" in query else None
    found = store.within(
        call.db, call.scope(), query.get("program", ""), query.get("person", ""), before=before, limit=call.limit + 1
    )
    shown = found[: call.limit]
    return {
        "evidence": [
            {
                **check(one),
                "position": one.position,
                "person": person(who),
            }
            for who, one in shown
        ],
        "next": shown[-1][1].position if len(found) > call.limit else None,
    }


def show_evidence(call: Call) -> Json:
    """Show one evidence, its signatures checked once more: findings, who has seen the same, and all that was signed.

    `defect` is not empty when the stored bytes are no longer what was received or signed.
    """
    stored = _seen(call)
    shown = exhibit.prepare(call.collector, call.db, stored)
    return {
        **check(stored.summary),
        **counts(of_check(call.db, stored.person.id, stored.summary, call.now), stored.summary.verdict),
        "defect": shown.defect,
        "observations": [{"responder": one.check.responder, "defect": one.check.defect} for one in shown.observed],
        "standings": [
            {"quantity": quantity, "trust": one.trust, "saw": one.saw, "differs": one.differs}
            for quantity, one in sorted(shown.standings.items())
        ],
        "id": stored.id,
        "person": person(stored.person),
        "position": stored.summary.position,
        "source_address": stored.source_address,
        "findings": _findings(call.db, stored),
        "envelope": stored.envelope.decode(),
        "receipt": stored.receipt.decode(),
        "results": [one.document.decode() for one in shown.results],
    }


def _findings(db: Connection, stored: Stored) -> list[Json]:
    """Return all findings in the policy's order; none where what was signed is damaged, as `defect` says."""
    try:
        found = signed_findings.newest(db, stored.summary.position).findings
    except Refused:
        return []
    return [{name: value for name, value in one.members().items() if name != "cause"} for one in found]


def envelope(call: Call) -> Reply:
    """Return the envelope as it was received."""
    return Reply(raw=_seen(call).envelope)


def receipt(call: Call) -> Reply:
    """Return the receipt as it was answered."""
    return Reply(raw=_seen(call).receipt)


def proof(call: Call) -> Reply:
    """Return the proof that the receipt is in the log of now."""
    found = exhibit.log_proof(call.collector, call.db, _seen(call))
    if not found:
        raise Problem("not-found", "the log does not hold this receipt any more")
    return Reply(raw=found.encode())


def keys(call: Call) -> Json:
    """Return the keys that the documents are checked with."""
    return exhibit.keys(call.collector, call.db, _seen(call))


def list_results(call: Call) -> Json:
    """List the signed results, the newest first."""
    made = results.every(call.db, call.collector, _seen(call))
    return {
        "results": [
            {"number": one.number, "made_at": at(one.made_at), "document": one.document.decode()} for one in made
        ]
    }


def _seen(call: Call) -> Stored:
    stored = store.find(call.db, call.path["digest"])
    if stored is None or not call.sees(stored.person.program):
        raise Problem("not-found", "no evidence of this digest was received here")
    return stored


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/evidence", "listEvidence", "Evidence, received last first", Right.READ, list_evidence,
        objects(
            evidence=lists(objects(**CHECK["properties"], position=INTEGER, person=PERSON)), next=nullable(INTEGER),
        ),
        (
            OF_PROGRAM,
            Parameter("person", "query", "Of one person.", PERSON_ID),
            Parameter("before", "query", "The `next` of the answer before.",
                      {"type": "integer", "minimum": 0, "maximum": 2**53}),
            LIMITED,
        ),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}", "showEvidence", "One evidence with its findings, and all that was signed",
        Right.READ, show_evidence,
        objects(
            **CHECK["properties"], **COUNTS, id=TEXT, person=PERSON, position=INTEGER, source_address=TEXT,
            defect=TEXT, observations=lists(_OBSERVATION), standings=lists(_STANDING),
            findings=lists(_FINDING), envelope=TEXT, receipt=TEXT, results=lists(TEXT),
        ),
        (_DIGEST,), refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}/envelope", "showEnvelope", "The envelope, byte for byte as it was received",
        Right.READ, envelope, TEXT, (_DIGEST,), media_type=JOSE, refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}/receipt", "showReceipt", "The receipt, byte for byte as it was answered",
        Right.READ, receipt, TEXT, (_DIGEST,), media_type=JOSE, refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}/proof", "showProof", "The proof that the log of now holds the receipt",
        Right.READ, proof, TEXT, (_DIGEST,), media_type=PLAIN, refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}/keys", "showKeys", "The keys that these documents are checked with",
        Right.READ, keys, objects(keys=lists({"type": "object"})), (_DIGEST,), media_type=JWKS, refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/evidence/{digest}/results", "listResults", "The signed results, the newest first", Right.READ,
        list_results, objects(results=lists(_RESULT)), (_DIGEST,), refusals=("not-found", "refused"),
    ),
)  # fmt: skip
