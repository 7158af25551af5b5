"""What was found about a piece of evidence: every signed result of it, and each finding that lists and pages show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from homecheck.appraisal import AttestationResult, Finding
from homecheck.collector.audit_defect import Wrong
from homecheck.collector.store import results
from homecheck.collector.store.connection import Connection, Row
from homecheck.collector.store.evidence import finding_values, unmet_findings
from homecheck.collector.store.results import StoredResult
from homecheck.errors import Refused
from homecheck.receipt import Receipt
from homecheck.result import Result, verify_result
from homecheck.signing import KeyLookup
from homecheck.standards.rfc_3339 import to_text

Say = Callable[[Wrong, str], None]
COLUMNS: Final = ("quantity", "verdict", "severity", "explanation", "advice", "reason", "at_fault", "trust")


@dataclass(frozen=True)
class Judgements:
    """All that was signed about one piece of evidence; lists must show `newest` (None: it cannot be told).

    `subjects` are the people whom the results are about.
    """

    newest: AttestationResult | None
    every: tuple[AttestationResult, ...]
    subjects: frozenset[str]


def check_results(
    db: Connection, row: Row, receipt: Receipt, keys: KeyLookup, judged_again: int, say: Say
) -> Judgements:
    """Check all results of a row's evidence; events say that it was judged once more `judged_again` times.

    The first result says what the receipt says. Evidence of before there were results may have none.
    """
    try:
        stored = results.every(db, row["position"])[::-1]
    except ValueError as error:  # a time that is none
        say("changed", f"its results: made_at: {error}")
        return Judgements(None if judged_again else receipt.result, (receipt.result,), frozenset())
    numbers = [one.number for one in stored]
    if numbers != list(range(judged_again + 1)) and (numbers or judged_again):
        named = " ".join(map(str, numbers)) or "none"
        say("removed", f"of its results, 0 to {judged_again} by the events, are there: {named}")
    good = {one.number: found for one in stored if (found := _genuine(one, receipt, keys, say)) is not None}
    newest: AttestationResult | None = receipt.result
    if judged_again:
        newest = good[judged_again].findings if judged_again in good else None
    every = (receipt.result, *(one.findings for one in good.values()))
    return Judgements(newest, every, frozenset(one.subject for one in good.values()))


def _genuine(stored: StoredResult, receipt: Receipt, keys: KeyLookup, say: Say) -> Result | None:
    """Return what a stored result says, if it is genuine and of this evidence; say what is wrong."""
    what = f"the result {stored.number}"
    try:
        result = verify_result(stored.document, keys)
    except Refused as error:
        say("signature", f"{what} is not genuine ({error.reason}): {error.message}")
        return None
    if (result.evidence, result.number) != (receipt.envelope, stored.number):
        say("changed", f"{what} is the one with the number {result.number} of {result.evidence}")
        return None
    if result.number == 0 and result.findings != receipt.result:
        say("changed", "the first result does not say what the receipt says")
    if result.appraised_at != stored.made_at:
        say(
            "changed",
            f"{what}: made_at: the row says {to_text(stored.made_at)}, it says {to_text(result.appraised_at)}",
        )
    return result


def check_findings(db: Connection, position: int, signed: AttestationResult, say: Say) -> None:
    """Say which of the findings that were not met are not what was signed, and in which column."""
    rows = db.execute("SELECT * FROM finding WHERE position = ? ORDER BY ordinal", (position,)).fetchall()
    found, expected = {row["ordinal"]: row for row in rows}, dict(unmet_findings(signed))
    for ordinal in sorted(found.keys() | expected.keys()):
        for message in _finding(found.get(ordinal), expected.get(ordinal)):
            say("changed", f"finding {ordinal}: {message}")


def _finding(row: Row | None, signed: Finding | None) -> Iterator[str]:
    if signed is None:
        yield "it was not signed"
    elif row is None:
        yield f"{signed.quantity}: its row is missing"
    else:
        for column, said in zip(COLUMNS, finding_values(signed), strict=True):
            if row[column] != said:
                shown = f"the row says {row[column]!r:.80}, what was signed says {said!r:.80}"
                yield f"{signed.quantity}: {column}: {shown}"
