"""Everything that is stored about one person, in rows as the person reads them; nothing about anybody else.

Whoever did something at the company is "the company" here: its people have their own right not to be named.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from homecheck.collector.store import findings as signed_findings
from homecheck.collector.store.database import Connection, Row, one_or_none
from homecheck.errors import Refused
from homecheck.standards.rfc_3339 import from_text, to_text

COMPANY: Final = "the company"
Rows = list[dict[str, Any]]
MOST_EVENTS: Final = 300

_PERSON: Final = (  # what lists show of the latest check stands in the same row
    "SELECT id, name, created_at, phone, address AS mail_address, timezone, language, due, failing_since, link, region,"
    " system, software, hour FROM person LEFT JOIN contact ON contact.person = person.id WHERE id = ?"
)
_LETTERS: Final = "SELECT made_at, kind, about, attempts, state, error FROM letter WHERE person = ? ORDER BY made_at"
_WAIVERS: Final = (
    "SELECT quantity, reason, approved_at, starts_at, expires_at, revoked_at, revoked_reason FROM waiver"
    " WHERE person = ? ORDER BY approved_at"
)
_PROPOSALS: Final = (
    "SELECT quantity, reason, proposed_at, starts_at, expires_at, decision, decided_at, decision_reason FROM proposal"
    " WHERE person = ? ORDER BY proposed_at"
)
_CONCERNS: Final = "SELECT quantity, verdict, margin FROM concern WHERE person = ? ORDER BY quantity"
_DEVICES: Final = (
    "SELECT kid, key_store, software, enrolled_at, source_address, replaces, replaced_at, revoked_at, revoked_reason"
    " FROM device WHERE person = ? ORDER BY enrolled_at, kid"
)
_INVITATIONS: Final = "SELECT created_at, expires_at, redeemed_at, kid FROM invite WHERE person = ? ORDER BY created_at"
_CALLS: Final = (
    "SELECT requested_at, phone, state, attempts, answered_at, expires_at FROM callback WHERE person = ?"
    " ORDER BY requested_at"
)
_CHECKS: Final = (
    "SELECT position, digest, id, kid, seq, received_at, finished_at, clock_skew, freshness, source_address,"
    " policy_name, policy_version, verdict, length(envelope) AS stored_bytes, length(receipt) AS receipt_bytes"
    " FROM evidence WHERE person = ? AND position < ? ORDER BY position DESC LIMIT ?"
)
_FINDINGS: Final = ("quantity", "verdict", "severity", "explanation", "at_fault", "trust")
_RESULTS: Final = "SELECT number, made_at, length(document) AS bytes FROM result WHERE position = ? ORDER BY number"
_EVENTS: Final = (
    "SELECT at, kind, security, actor, source_address, about, detail, value_before, value_after FROM event"
    " WHERE person = ? ORDER BY id DESC LIMIT ?"
)


def person(db: Connection, person_id: str, days: int) -> dict[str, Any]:
    """Return the person's own row, and when it goes if nothing new comes; `days` is the program's retention."""
    row = one_or_none(db, _PERSON, person_id)
    if row is None:
        raise LookupError(person_id)
    members = _members(row)
    moments = {name: _from_unix(members[name]) for name in ("due", "failing_since")}
    return {**members, **moments, "kept_until": _kept_until(_last_sign(db, person_id, row["created_at"]), days)}


def devices(db: Connection, person_id: str) -> Rows:
    """Return the device keys."""
    return [_members(row) for row in db.execute(_DEVICES, (person_id,))]


def invitations(db: Connection, person_id: str) -> Rows:
    """Return the invitations; of their codes only a hash is stored, which says nothing."""
    return [_members(row) for row in db.execute(_INVITATIONS, (person_id,))]


def letters(db: Connection, person_id: str) -> Rows:
    """Return the letters that were written; their text is not stored."""
    return [_members(row) for row in db.execute(_LETTERS, (person_id,))]


def waivers(db: Connection, person_id: str) -> Rows:
    """Return the waivers that were approved for the person, then those that were proposed."""
    return [_members(row) for sql in (_WAIVERS, _PROPOSALS) for row in db.execute(sql, (person_id,))]


def concerns(db: Connection, person_id: str) -> Rows:
    """Return what lists show as not plainly met in the latest check."""
    return [_members(row) for row in db.execute(_CONCERNS, (person_id,))]


def calls(db: Connection, person_id: str, days: int) -> Rows:
    """Return the call-backs."""
    rows = db.execute(_CALLS, (person_id,)).fetchall()
    return [{**_members(row), "kept_until": _kept_until(row["expires_at"], days)} for row in rows]


def checks(db: Connection, person_id: str, days: int, *, before: int, at_most: int) -> Rows:
    """Return checks, the newest first, beginning before a place in the log."""
    rows = db.execute(_CHECKS, (person_id, before, at_most)).fetchall()
    return [{**_members(row), "kept_until": _kept_until(row["received_at"], days)} for row in rows]


def findings(db: Connection, check: dict[str, Any]) -> Rows:
    """Return what was found in one check; nothing of one whose signed documents are damaged."""
    try:
        found = [one.members() for one in signed_findings.newest(db, check["position"]).findings]
    except Refused:
        return []
    return [{"check": check["digest"], **{name: one[name] for name in _FINDINGS}} for one in found]


def results(db: Connection, check: dict[str, Any]) -> Rows:
    """Return the signed results of one check."""
    rows = db.execute(_RESULTS, (check["position"],)).fetchall()
    return [{"check": check["digest"], **_members(row)} for row in rows]


def events(db: Connection, person_id: str) -> Rows:
    """Return what happened around the person, the latest first."""
    own = {row["kid"] for row in db.execute("SELECT kid FROM device WHERE person = ?", (person_id,)).fetchall()}
    rows = db.execute(_EVENTS, (person_id, MOST_EVENTS)).fetchall()
    return [_event(row, own) for row in rows]


def _event(row: Row, own: set[str]) -> dict[str, Any]:
    members = {**_members(row), "security": bool(row["security"])}
    return members if row["actor"] in own else {**members, "actor": COMPANY, "source_address": ""}


def _last_sign(db: Connection, person_id: str, created_at: str) -> str:
    signs = (
        "SELECT MAX(received_at) FROM evidence WHERE person = ?",
        "SELECT MAX(expires_at) FROM invite WHERE person = ?",
        "SELECT MAX(enrolled_at) FROM device WHERE person = ?",
        "SELECT MAX(expires_at) FROM callback WHERE person = ?",
    )
    found = [db.execute(sql, (person_id,)).fetchone()[0] for sql in signs]
    return max(str(one) for one in (created_at, *found) if one is not None)


def _from_unix(seconds: int | None) -> str | None:
    return None if seconds is None else to_text(datetime.fromtimestamp(seconds, UTC))


def _kept_until(since: str, days: int) -> str:
    return to_text(from_text(since) + timedelta(days=days))


def _members(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - iterating a row gives its values
