"""`collector verify-log`: walk the whole database and name what is not as it was when it was written.

    every check    receipt and envelope are genuine, and every column says what they say   audit_rows, audit_results
    every entry    its leaf is that of its row, and no row stands outside the log          here
    other rows     say what the events in the log tell of them    audit_people, audit_devices, audit_policies,
                                                                  audit_waivers, audit_access, audit_credentials,
                                                                  audit_outside
    how people     follows from their last check                  audit_standing
    stand
    erasures       take what they name, and nothing else is gone                           audit_erasures
    the tree       leads to what was signed while it grew                                  audit_tree
    the order      of time is that of the log                                              time_order

Who has the database and all of the collector's keys can begin another log. Checkpoints that lie elsewhere tell: with
every agent, with an auditor, and beside the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from homecheck.checkpoint import Checkpoint
from homecheck.collector import (
    audit_access,
    audit_credentials,
    audit_devices,
    audit_erasures,
    audit_outside,
    audit_people,
    audit_policies,
    audit_rows,
    audit_standing,
    audit_waivers,
)
from homecheck.collector.audit_defect import Defect, Wrong
from homecheck.collector.audit_erasures import Erasures
from homecheck.collector.audit_policies import JudgedBy
from homecheck.collector.audit_rows import name_of
from homecheck.collector.audit_tree import TreeAudit
from homecheck.collector.store import events, log
from homecheck.collector.store.connection import Connection, Row, one_moment, one_or_none
from homecheck.collector.store.log import Entry
from homecheck.collector.store.log_begin import BEGAN, gap_statement
from homecheck.collector.time_order import out_of_order
from homecheck.receipt import Receipt
from homecheck.signed_note import NoteKey
from homecheck.signing import PublicKey
from homecheck.tlog_proof import salted_leaf

SLACK_SECONDS: Final = 60.0  # a time is taken before the wait for the one who writes


@dataclass(frozen=True)
class Trusted:
    """What an audit believes without asking the database: keys, and checkpoints that were kept, by where from."""

    collector: Mapping[str, PublicKey]
    log: NoteKey | None  # None: the log has never signed
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What was found. `root` is None where entries are missing; `older` entries are older than the log itself."""

    size: int
    root: bytes | None
    counts: Mapping[str, int]
    older: int
    defects: tuple[Defect, ...]


def audit(db: Connection, trusted: Trusted) -> Audit:
    """Walk the whole database as it is at this moment; it may be served meanwhile."""
    with one_moment(db):
        walk = _Walk(db, trusted)
        walk.run()
        root = walk.tree.grown.root() if walk.tree.grown else None
        return Audit(walk.size, root, walk.counts, walk.older, tuple(walk.defects))


@dataclass(frozen=True)
class _Dated:
    """When an entry was made, as it says itself; entries of one `group` ascend."""

    group: str
    what: str
    position: int
    seconds: float


class _Walk:
    """One walk from the first entry to the last."""

    def __init__(self, db: Connection, trusted: Trusted) -> None:
        self.db, self.trusted = db, trusted
        self.defects: list[Defect] = []
        self.counts = dict.fromkeys(("receipt", "event", "gap", "erased"), 0)
        self.dated: list[_Dated] = []
        self.tree = TreeAudit(db, trusted.checkpoints)
        self.enrolled = audit_devices.read_documents(db, self.defects)
        self.devices = {kid: one.key for kid, one in self.enrolled.items()}
        self.erasures = Erasures.of(db)
        self.standings = audit_standing.Standings(db)
        self.judged_again = audit_rows.judged_again(db)
        self.judged_by: set[JudgedBy] = set()
        self.size = log.state(db)[0]  # and more, where more entries are there
        began = one_or_none(db, "SELECT position FROM event WHERE kind = ? ORDER BY position", BEGAN)
        self.older = int(began["position"] or 0) if began else 0
        self.gaps_before = audit_rows.first_event(db, self.older)
        self.mismatched = -1  # the last entry whose leaf is not that of its row

    def run(self) -> None:
        """Look at every position where anything stands, in order, at what is missing between, and at the whole."""
        expected = 0
        (entries,) = self.db.execute("SELECT COALESCE(MAX(position), -1) + 1 FROM log_entry").fetchone()
        self.size = max(self.size, entries)
        for position in _positions(self.db):
            self._missing(expected, min(position, self.size))
            self._position(position)
            expected = position + 1
        self._missing(expected, self.size)
        self.defects += self.tree.end(entries)
        self.defects += _disorder(self.dated)
        self.defects += audit_rows.events_without_place(self.db)
        self.defects += self.erasures.defects
        self.defects += audit_erasures.left_behind(self.db)
        self.defects += audit_devices.devices(self.db, self.enrolled)
        self.defects += audit_people.people(self.db)
        self.defects += audit_people.invitations(self.db, self.enrolled)
        self.defects += audit_policies.programs(self.db, self.judged_by)
        self.defects += audit_policies.responders(self.db)
        self.defects += audit_rows.last_received(self.db)
        self.defects += audit_standing.nothing_received(self.db)
        self.defects += audit_rows.miscounted(self.db)
        self.defects += audit_waivers.unlike_their_events(self.db)
        self.defects += audit_waivers.proposals_unlike_their_events(self.db)
        self.defects += audit_access.users(self.db)
        self.defects += audit_access.tokens(self.db)
        self.defects += audit_credentials.passwords(self.db)
        self.defects += audit_credentials.second_factors(self.db)
        self.defects += audit_credentials.recovery_codes(self.db)
        self.defects += audit_outside.webhooks(self.db)
        self.defects += audit_outside.contacts(self.db)

    def _missing(self, first: int, end: int) -> None:
        if first < end:
            what = f"entry {first}" if end - first == 1 else f"entries {first} to {end - 1}"
            message = f"missing, with what was there; {audit_rows.when(self.db, first, end - 1)}"
            self._wrong("removed", what, message, first)
            self.tree.lose()

    def _position(self, position: int) -> None:
        row, event = audit_rows.evidence_at(self.db, position), audit_rows.event_at(self.db, position)
        checked = self._genuine(row) if row is not None else None
        found = log.entry(self.db, position)
        if found is None:
            self._outside(position, row or event)
            return
        of = {log.RECEIPT: row, log.EVENT: event}.get(found.kind)
        for other in (row, event):
            if other is not None and other is not of:
                self._wrong("inserted", name_of(other), f"entry {position} is of something else", position)
        if found.salt is None:
            self._erased(position, of)
        else:
            self._entry(found, of, checked)
        logged = checked[0].logged if checked is not None and of is row else None
        if logged is not None:
            explained = self.tree.proven <= self.mismatched < position
            self.defects += self.tree.prove(logged.proof, explained=explained)
        self.defects += self.tree.grow(position, found.leaf)

    def _genuine(self, row: Row) -> tuple[Receipt, bytes] | None:
        """Return the receipt in a row and its entry, if it is this log's and of this place; say what is wrong."""
        again = self.judged_again[row["digest"]]
        checked = audit_rows.check_evidence(self.db, row, self.trusted.collector.get, self.devices.get, again)
        self.defects += checked.defects
        self.judged_by |= checked.judged_by
        if checked.evidence is not None and checked.newest is not None and not checked.defects:
            self.defects += self.standings.check(row, checked.evidence, checked.newest)
        receipt = checked.receipt
        if receipt is None or receipt.position != row["position"]:
            return None
        if receipt.logged is not None and receipt.logged.key != self.trusted.log:
            message = f"the receipt was given by another log, {receipt.logged.key.vkey}"
            self._wrong("checkpoint", name_of(row), message, row["position"])
            return None
        return receipt, checked.entry

    def _outside(self, position: int, row: Row | None) -> None:
        """Say what is wrong with a row where the log has no entry."""
        self.tree.lose()
        if row is None:  # gone since the positions were read: nothing reads past this transaction
            return
        if position < self.size:
            self._wrong("removed", name_of(row), f"its entry {position} in the log is missing", position)
        else:
            self._wrong("inserted", name_of(row), f"it stands at {position}; the log ends before {self.size}", position)

    def _entry(self, found: Entry, of: Row | None, checked: tuple[Receipt, bytes] | None) -> None:
        """Hold an entry against what it is of."""
        position = found.position
        self.counts[found.kind] += 1
        if found.kind == log.GAP:
            self._gap(found)
        elif of is None:
            self._gone(found)
        elif found.kind == log.EVENT:
            self._event(found, of)
        elif checked is not None:
            receipt, entry = checked
            self._leaf(found, entry, name_of(of))
            self._date(name_of(of), found, receipt.received_at)

        if of is not None and self.erasures.cover(position):
            message = f"an event says that entry {position} was erased, and it is there"
            self._wrong("inserted", name_of(of), message, position)

    def _gap(self, found: Entry) -> None:
        """A gap was left by a check of before the log: they were entered first, and nothing is about it."""
        position = found.position
        self._leaf(found, gap_statement(position), f"entry {position}")
        if position >= self.gaps_before:
            message = "it is said to be a gap from before there was a log, and stands where none can be"
            self._wrong("inserted", f"entry {position}", message, position)
        elif about := audit_rows.rows_about(self.db, position):
            message = f"it is said to be a gap, and there is something about it: {about}"
            self._wrong("inserted", f"entry {position}", message, position)

    def _gone(self, found: Entry) -> None:
        """An entry with its salt, and without its row."""
        position, what = found.position, f"entry {found.position} ({found.kind})"
        if self.erasures.cover(position):
            message = "it was erased, and its salt is still there: with a copy of the row it can be proven"
            self._wrong("changed", what, message, position)
        else:
            when = audit_rows.when(self.db, position, position)
            self._wrong("removed", what, f"its row is missing; {when}", position)

    def _event(self, found: Entry, row: Row) -> None:
        try:
            event = events.from_row(row)
        except ValueError as error:
            self._wrong("changed", name_of(row), str(error), found.position)
            return
        self._leaf(found, events.statement(event), name_of(row))
        self._date(name_of(row), found, event.at)

    def _erased(self, position: int, of: Row | None) -> None:
        self.counts["erased"] += 1
        if of is not None:
            self._wrong(
                "inserted", name_of(of), f"the salt of entry {position} is gone, and its row is there", position
            )
        elif not self.erasures.cover(position):
            when = audit_rows.when(self.db, position, position)
            self._wrong(
                "removed", f"entry {position}", f"its data is gone without an erasure on record; {when}", position
            )

    def _leaf(self, found: Entry, statement: bytes, what: str) -> None:
        if found.salt is not None and salted_leaf(found.salt, statement) != found.leaf:
            self._wrong("changed", what, "this is not what was entered into the log", found.position)
            self.mismatched = found.position

    def _date(self, what: str, found: Entry, at: datetime) -> None:
        group = found.kind if found.position < self.older else ""
        self.dated.append(_Dated(group, what, found.position, at.timestamp()))

    def _wrong(self, wrong: Wrong, what: str, message: str, position: int) -> None:
        self.defects.append(Defect(wrong, what, message, position))


def _positions(db: Connection) -> list[int]:
    sql = (
        "SELECT position FROM log_entry UNION SELECT position FROM evidence"
        " UNION SELECT position FROM event WHERE position IS NOT NULL ORDER BY position"
    )
    return [int(row[0]) for row in db.execute(sql)]


def _disorder(dated: list[_Dated]) -> Iterator[Defect]:
    """Yield the entries whose time does not fit to their place; those older than the log were entered kind by kind."""
    groups: dict[str, list[_Dated]] = {}
    for one in dated:
        groups.setdefault(one.group, []).append(one)
    for group in groups.values():
        for at in out_of_order([one.seconds for one in group], SLACK_SECONDS):
            message = "its time does not fit between those beside it: dated back or forward, or our clock was wrong"
            yield Defect("time", group[at].what, message, group[at].position)
