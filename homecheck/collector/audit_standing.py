"""How people stand, as lists and the fleet page show it: every column again from what was signed about the last check.

Nothing of it is an entry of the log, for it follows from signed bytes and the policy in force. Only since when somebody
fails also follows from their checks before; where retention has deleted the first of them, it may be an earlier moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from homecheck.appraisal import AttestationResult, Verdict
from homecheck.callback import is_confirmation
from homecheck.collector.audit_defect import Defect, differences
from homecheck.collector.overview import Overview, overview
from homecheck.collector.store import programs
from homecheck.collector.store.connection import Connection, Row, one_or_none
from homecheck.collector.store.erased_entries import ERASED
from homecheck.collector.store.monthly import PURGED
from homecheck.collector.store.overview import NOT_CHECKED, RANKS
from homecheck.collector.store.retention import limit_told
from homecheck.errors import PolicyError, Refused
from homecheck.evidence import Evidence
from homecheck.founded import observed
from homecheck.policy import Policy
from homecheck.signing import PublicKey
from homecheck.standards.rfc_3339 import from_text

SIGNED: Final = "what was signed"
JUDGED: Final = frozenset((Verdict.WARN, Verdict.PASS))  # end a time of failing
NEARLY: Final = 1e-9  # of a margin: another computer's last digit


@dataclass
class Standings:
    """Compares people with their last check; what programs have in common is read once."""

    db: Connection
    _policies: dict[tuple[str, str], Policy | None] = field(default_factory=dict)
    _keys: dict[str, PublicKey] | None = None
    _forgotten: dict[str, int] | None = None

    def check(self, row: Row, evidence: Evidence, newest: AttestationResult) -> Iterator[Defect]:
        """Yield in what a person's row, and what concerns them, is not what this evidence says, if it is their last."""
        person = one_or_none(
            self.db, "SELECT * FROM person WHERE id = ? AND latest = ?", row["person"], row["position"]
        )
        policy = self._judged_by(row["program"], newest.policy_digest)
        if person is None or policy is None:
            return  # what is wrong then is named elsewhere
        verdicts = [(one.quantity, one.verdict) for one in newest.findings]
        if len(verdicts) != len(policy.requirements) + len(policy.declarations):
            return
        seen = observed(evidence, self._responders().get)
        shown = overview(evidence, policy, verdicts, from_text(row["received_at"]), seen)
        said = _columns(shown)
        if not self._all_seen(row["position"], evidence, len(seen)):
            del said["region"]  # of a responder whose key is trusted no more
        yield from differences(f"person {person['id']}", person, said, SIGNED)
        yield from self._due(person, shown)
        yield from self._failing(person)
        yield from _concerns(self.db, person, shown)

    def _judged_by(self, program: str, digest: str) -> Policy | None:
        """Return a policy, or None where its row is not there as it was."""
        if (program, digest) not in self._policies:
            self._policies[program, digest] = self._policy(program, digest)
        return self._policies[program, digest]

    def _policy(self, program: str, digest: str) -> Policy | None:
        try:
            found = programs.policy_by_digest(self.db, program, digest)
        except (PolicyError, ValueError):
            return None
        return found if found is not None and found.digest == digest else None

    def _responders(self) -> dict[str, PublicKey]:
        if self._keys is None:
            try:
                self._keys = {one.key.kid: one.key for one in programs.responders(self.db)}
            except (Refused, ValueError):  # somebody edited a key, which is named elsewhere
                self._keys = {}
        return self._keys

    def _forgotten_before(self, program: str) -> int:
        """Return before when checks of a program were deleted for their age, in Unix seconds; 0: it never happened."""
        if self._forgotten is None:
            self._forgotten = {}
            for row in self.db.execute("SELECT program, detail FROM event WHERE kind = ?", (ERASED,)).fetchall():
                if (limit := limit_told(row["detail"])) is not None:
                    self._forgotten[row["program"]] = max(limit, self._forgotten.get(row["program"], 0))
            for row in self.db.execute("SELECT program, at FROM event WHERE kind = ?", (PURGED,)).fetchall():
                with suppress(ValueError):  # an edited time, which is named elsewhere
                    limit = int(from_text(row["at"]).timestamp())  # whatever its month, a check came before it went
                    self._forgotten[row["program"]] = max(limit, self._forgotten.get(row["program"], 0))
        return self._forgotten.get(program, 0)

    def _all_seen(self, position: int, evidence: Evidence, seen: int) -> bool:
        """Tell whether every statement that counted on arrival still bears the signature of somebody trusted."""
        sql = "SELECT responder, defect FROM observation WHERE position = ? ORDER BY ordinal"
        counted = self.db.execute(sql, (position,)).fetchall()
        pairs = zip(counted, evidence.observations, strict=False)
        return seen == sum(not row["defect"] and not is_confirmation(text) for row, text in pairs)

    def _due(self, person: Row, shown: Overview) -> Iterator[Defect]:
        """The next check is due by the policy in force, or by the one that was in force when the last one came."""
        now = one_or_none(
            self.db,
            "SELECT policy_version.digest FROM program JOIN policy_version"
            " ON policy_version.program = program.id AND policy_version.number = program.policy WHERE program.id = ?",
            person["program"],
        )
        current = None if now is None else self._judged_by(person["program"], now["digest"])
        rechecks = [shown.recheck, *([] if current is None else [current.recheck_every()])]
        due = [int(shown.received_at.timestamp()) + int(one.total_seconds()) for one in rechecks]
        if person["due"] not in due:
            yield from differences(f"person {person['id']}", person, {"due": due[-1]}, "its policy")

    def _failing(self, person: Row) -> Iterator[Defect]:
        try:
            since, ended = _failing_since(self.db, person["id"])
        except ValueError:  # a time that was edited into none: its own row is named for that
            return
        found = person["failing_since"]
        may_be_older = not ended and found is not None and found <= self._forgotten_before(person["program"])
        if found != since and not may_be_older:
            yield from differences(f"person {person['id']}", person, {"failing_since": since}, SIGNED)


def nothing_received(db: Connection) -> Iterator[Defect]:
    """Yield the people who are said to stand somehow, and of whom nothing is there; and what concerns nobody."""
    empty = "link = '' AND region = '' AND system = '' AND software = ''"
    times = "received IS NULL AND due IS NULL AND failing_since IS NULL AND hour IS NULL"
    sql = f"SELECT id FROM person WHERE latest IS NULL AND NOT (rank = ? AND {empty} AND {times}) ORDER BY id"  # noqa: S608
    for (person,) in db.execute(sql, (NOT_CHECKED,)).fetchall():
        yield Defect("changed", f"person {person}", "a check is shown, and none is there")
    sql = (
        "SELECT quantity, concern.person FROM concern LEFT JOIN person ON person.id = concern.person"
        " WHERE person.latest IS NULL ORDER BY 2, 1"
    )
    for quantity, person in db.execute(sql).fetchall():
        yield Defect("inserted", f"concern {quantity} of person {person}", "no check of theirs is there")


def _columns(shown: Overview) -> dict[str, object]:
    return {
        "rank": RANKS[shown.verdict],
        "received": int(shown.received_at.timestamp()),
        "link": shown.link,
        "region": shown.region,
        "system": shown.system,
        "software": shown.software,
        "hour": shown.hour,
    }


def _concerns(db: Connection, person: Row, shown: Overview) -> Iterator[Defect]:
    rows = db.execute("SELECT * FROM concern WHERE person = ? ORDER BY quantity", (person["id"],)).fetchall()
    found = {row["quantity"]: row for row in rows}
    expected = {one.quantity: one for one in shown.concerns}
    for quantity in sorted(found.keys() | expected.keys()):
        what = f"concern {quantity} of person {person['id']}"
        if quantity not in found:
            yield Defect("removed", what, f"the row is missing, {SIGNED} says {expected[quantity].verdict.word}")
        elif quantity not in expected:
            yield Defect("inserted", what, "it is plainly met, or not asked for")
        else:
            row, one = found[quantity], expected[quantity]
            margin = row["margin"] if _near(row["margin"], one.margin) else one.margin
            said = {"verdict": one.verdict.word, "margin": margin}
            said |= {"program": person["program"], "received": int(shown.received_at.timestamp())}
            yield from differences(what, row, said, SIGNED)


def _near(stored: float | None, said: float | None) -> bool:
    if stored is None or said is None:
        return stored is said
    return math.isclose(stored, said, rel_tol=NEARLY, abs_tol=NEARLY)


def _failing_since(db: Connection, person: str) -> tuple[int | None, bool]:
    """Return since when somebody fails, and whether a check that is there has ended an earlier time of failing.

    A check counts when it comes, and again each time that it is judged once more.
    """
    again: dict[str, list[tuple[int, str, str]]] = {}
    for row in db.execute(
        "SELECT * FROM event WHERE person = ? AND kind = 'judged-again' ORDER BY position", (person,)
    ):
        before, _, after = row["detail"].partition(", by ")[0].partition(" to ")
        again.setdefault(row["about"], []).append((row["position"] or 0, before, after))
    moments: list[tuple[int, str, int]] = []
    sql = "SELECT position, digest, received_at, verdict FROM evidence WHERE person = ? ORDER BY position"
    for row in db.execute(sql, (person,)):
        received, later = int(from_text(row["received_at"]).timestamp()), again.get(row["digest"], [])
        moments.append((row["position"], later[0][1] if later else row["verdict"], received))
        moments += [(position, after, received) for position, _, after in later]
    since, ended, words = None, False, {verdict.word: verdict for verdict in Verdict}
    for _, word, received in sorted(moments):
        verdict = words.get(word)
        if verdict is Verdict.FAIL:
            since = received if since is None else since
        elif verdict in JUDGED:
            since, ended = None, True
    return since, ended
