"""How each person stands, for lists and the fleet page; of rows that are there it is read from their envelopes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from homecheck.appraisal import Verdict
from homecheck.collector.overview import Concern, Overview, overview
from homecheck.collector.store.migrations import before, run
from homecheck.errors import HomecheckError
from homecheck.evidence import Evidence
from homecheck.founded import observed
from homecheck.policy import read_policy
from homecheck.signing import EVIDENCE, PublicKey, verify
from homecheck.standards.rfc_3339 import from_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

revision: Final = "0009"
down_revision: Final = before(revision)

# Moments are Unix seconds here, so that a new policy can move all of them. An index for each order of the list.
_ADD: Final = """
-- rank: 0 fail, 1 inconclusive, 2 warn, 3 pass, 4 no check. received: when the evidence received last came. due: when
-- the next check is due. failing_since: when the first fail since the last pass came. hour: of the day, where they are.
ALTER TABLE person ADD COLUMN rank INTEGER NOT NULL DEFAULT 4;
ALTER TABLE person ADD COLUMN received INTEGER;
ALTER TABLE person ADD COLUMN due INTEGER;
ALTER TABLE person ADD COLUMN failing_since INTEGER;
ALTER TABLE person ADD COLUMN link TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN region TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN system TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN software TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN hour INTEGER;
CREATE INDEX person_by_rank ON person (rank, folded, id);
CREATE INDEX person_of_program ON person (program, rank, folded, id);
CREATE INDEX person_by_name ON person (folded, id);
CREATE INDEX person_by_due ON person (due, id);
CREATE INDEX person_due_of_program ON person (program, due);
CREATE INDEX person_by_received ON person (received, id);
CREATE INDEX person_by_failing ON person (failing_since, id);

-- What is not plainly met in the check received last: one row per person and quantity. Program and time of receipt
-- stand here as well, so that counting needs no look at a million people.
CREATE TABLE concern (
    person   TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    program  TEXT NOT NULL,
    received INTEGER NOT NULL,
    quantity TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    margin   REAL,  -- set where the value is near its limit: by how much of it, below 0 on the bad side
    PRIMARY KEY (person, quantity)
) STRICT, WITHOUT ROWID;
CREATE INDEX concern_by_quantity ON concern (quantity, verdict, person);
CREATE INDEX invite_open ON invite (expires_at) WHERE redeemed_at IS NULL;
"""

_REMOVE: Final = """
DROP INDEX invite_open;
DROP TABLE concern;
DROP INDEX person_by_failing;
DROP INDEX person_by_received;
DROP INDEX person_due_of_program;
DROP INDEX person_by_due;
DROP INDEX person_by_name;
DROP INDEX person_of_program;
DROP INDEX person_by_rank;
ALTER TABLE person DROP COLUMN hour;
ALTER TABLE person DROP COLUMN software;
ALTER TABLE person DROP COLUMN system;
ALTER TABLE person DROP COLUMN region;
ALTER TABLE person DROP COLUMN link;
ALTER TABLE person DROP COLUMN failing_since;
ALTER TABLE person DROP COLUMN due;
ALTER TABLE person DROP COLUMN received;
ALTER TABLE person DROP COLUMN rank;
"""

_EVIDENCE: Final = """
SELECT evidence.position, evidence.program,
    evidence.verdict, evidence.received_at, evidence.finished_at, evidence.kid, evidence.envelope,
    device.jwk, judged.members AS judged_by, now.members AS now
FROM evidence JOIN device ON device.kid = evidence.kid JOIN program ON program.id = evidence.program
JOIN policy_version AS now ON now.program = program.id AND now.number = program.policy
LEFT JOIN policy_version AS judged
    ON judged.program = program.id AND judged.digest = evidence.policy_digest
WHERE evidence.position = :position
ORDER BY judged.number DESC LIMIT 1
"""
_FINDINGS: Final = "SELECT quantity, verdict FROM finding WHERE position = :position ORDER BY ordinal"
_UPDATE: Final = """
UPDATE person SET rank = :rank, received = :received, due = :due, failing_since = :since,
    link = :link, region = :region, system = :system, software = :software, hour = :hour
WHERE id = :person
"""
_INSERT: Final = """
INSERT INTO concern (person, program, received, quantity, verdict, margin)
VALUES (:person, :program, :received, :quantity, :verdict, :margin)
"""
_RANKS: Final = {"fail": 0, "inconclusive": 1, "warn": 2, "pass": 3}


def upgrade() -> None:
    """Add the columns and fill them."""
    from alembic import op

    run(_ADD)
    fill(op.get_bind())


def downgrade() -> None:
    """Remove them; everything in them follows from the envelopes."""
    run(_REMOVE)


def fill(db: Connection) -> None:
    """Write how everybody stands of whom something was received; one envelope at a time is in memory."""
    from sqlalchemy import text

    jwks = db.execute(text("SELECT jwk FROM responder")).all()
    responders = {key.kid: key for key in (PublicKey.from_jwk(json.loads(jwk)) for (jwk,) in jwks)}
    for person, position in db.execute(text("SELECT id, latest FROM person WHERE latest IS NOT NULL")).all():
        at = {"position": position}
        if (row := db.execute(text(_EVIDENCE), at).mappings().first()) is None:
            continue
        findings = db.execute(text(_FINDINGS), at).all()
        verdicts = [(quantity, Verdict.of(verdict)) for quantity, verdict in findings]
        shown = _looked_at({**row}, verdicts, responders)
        db.execute(text(_UPDATE), {**_columns({**row}, shown), "since": _failing_since(db, person), "person": person})
        for one in shown.concerns:
            concern = {"quantity": one.quantity, "verdict": one.verdict.word, "margin": one.margin}
            received = int(shown.received_at.timestamp())
            db.execute(text(_INSERT), {"person": person, "program": row["program"], "received": received, **concern})


def _columns(row: Mapping[str, Any], shown: Overview) -> dict[str, Any]:
    received = int(shown.received_at.timestamp())
    recheck = read_policy(json.loads(row["now"]), "stored policy").recheck_every()
    return {
        "rank": _RANKS[row["verdict"]],
        "received": received,
        "due": received + int(recheck.total_seconds()),
        "link": shown.link,
        "region": shown.region,
        "system": shown.system,
        "software": shown.software,
        "hour": shown.hour,
    }


def _looked_at(
    row: Mapping[str, Any], verdicts: Sequence[tuple[str, Verdict]], responders: Mapping[str, PublicKey]
) -> Overview:
    """Return what the envelope says, or the verdicts alone where it, or its policy, is not there as it was."""
    received_at = from_text(row["received_at"])
    try:
        policy = read_policy(json.loads(row["judged_by"] or "{}"), "stored policy")
        key = PublicKey.from_jwk(json.loads(row["jwk"]))
        evidence = Evidence.from_bytes(verify(bytes(row["envelope"]), EVIDENCE, {key.kid: key}.get))
        return overview(evidence, policy, verdicts, received_at, observed(evidence, responders.get))
    except (HomecheckError, ValueError):  # somebody changed rows by hand
        concerns = {name: Concern(name, verdict) for name, verdict in verdicts if verdict is not Verdict.PASS}
        worst = Verdict.of(row["verdict"])
        return Overview(worst, received_at, timedelta(), "", "", "", "", received_at.hour, tuple(concerns.values()))


def _failing_since(db: Connection, person: str) -> int | None:
    """Return since when somebody fails, from all their checks: the first fail that no pass or warn came after."""
    from sqlalchemy import text

    since: int | None = None
    sql = text("SELECT verdict, received_at FROM evidence WHERE person = :person ORDER BY position")
    for verdict, received_at in db.execute(sql, {"person": person}):
        if verdict == "fail" and since is None:
            since = int(from_text(received_at).timestamp())
        elif verdict in ("pass", "warn"):
            since = None
    return since
