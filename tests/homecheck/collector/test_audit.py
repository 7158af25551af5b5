"""A database edited by hand, in every way that somebody with a shell could think of: it is found and named.

The template has two people's evidence and events between them; every test gets a copy with its keys.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from homecheck.checkpoint import open_checkpoint
from homecheck.clock import utc_now
from homecheck.collector import administration, erasing, keys, setup
from homecheck.collector.audit import Audit, Trusted, audit
from homecheck.collector.store import erased_entries, events, log, settings
from homecheck.collector.store.database import Connection, opened, transaction
from homecheck.collector.store.events import Event
from homecheck.collector.store.packing import unpacked
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError
from homecheck.keys import SoftwareKey
from homecheck.receipt import Receipt, entry_of
from homecheck.signed_note import NoteKey
from homecheck.signing import ENROLMENT, EVIDENCE, RECEIPT, decode_base64url, digest, sign, verify
from homecheck.standards.rfc_6962 import Frontier
from homecheck.strict_json import serialize
from homecheck.tlog_proof import salted_leaf
from tests.live_collector import in_thread
from tests.people import FAILS

# What stands in the template: 0 set-up, 1 program-added, 2 invited, 3 key-enrolled, 4 invited, 5 key-enrolled,
# 6 and 7 evidence, 8 user-added, 9 evidence, 10 user-removed, 11 evidence, 12 device-revoked.
RECEIPTS = (6, 7, 9, 11)
SIZE = 13


def next_second() -> None:
    """Wait, so that no two checks are of one second: what is told of an edit is then always the same."""
    time.sleep(1 - time.time() % 1 + 0.01)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    with in_thread(folder) as site:
        one, other = site.worker(name="Åsa Öberg"), site.worker(FAILS)
        assert one.check().status_code == 201
        next_second()
        assert other.check().status_code == 201
        for worker in (one, other):
            assert worker.ask("result").ok  # it is made when somebody asks
        administration.add_user(site.database, "bo", "viewer", "a test", utc_now())
        next_second()
        assert one.check().status_code == 201
        assert one.ask("result").ok
        administration.remove_user(site.database, "bo", "a test", utc_now())
        next_second()
        assert one.check().status_code == 201
        administration.revoke_device(site.database, other.key.public.kid, "a test", utc_now())
    with opened(SqliteDatabase(folder / "collector.db")) as db:
        assert tuple(row[0] for row in db.execute("SELECT position FROM evidence ORDER BY position")) == RECEIPTS
        assert log.frontier(db).size == SIZE
    return folder


@dataclass
class Case:
    """A copy of the template."""

    database: SqliteDatabase
    db: Connection

    @property
    def folder(self) -> Path:
        return self.database.path.parent / "collector.keys"

    def trusted(self, **checkpoints: str) -> Trusted:
        """Return the collector's own keys."""
        key = settings.read(self.db).log_key
        assert key is not None
        signer = keys.read(self.folder).signer.public
        vkey = NoteKey.from_vkey(key)
        return Trusted(
            {signer.kid: signer}, vkey, {name: open_checkpoint(note, vkey) for name, note in checkpoints.items()}
        )

    def audit(self, **checkpoints: str) -> Audit:
        return audit(self.db, self.trusted(**checkpoints))

    def edit(self, sql: str, *values: object) -> None:
        """Change rows past the collector; something must really have changed."""
        self.db.execute("PRAGMA foreign_keys=OFF")
        assert self.db.execute(sql, values).rowcount > 0

    def rebuild(self) -> None:
        """Compute the whole tree again from the leaves, as somebody would who hides what was done to them."""
        leaves = [one.leaf for one in log.entries(self.db)]
        frontier = Frontier()
        self.db.execute("DELETE FROM log_node")
        for leaf in leaves:
            frontier, filled = frontier.append(leaf)
            self.db.executemany("INSERT INTO log_node VALUES (?, ?, ?)", [(f.level, f.number, f.hash) for f in filled])
        self.db.execute("UPDATE log_state SET size = ?, frontier = ?", (frontier.size, b"".join(frontier.hashes)))

    def digest(self, position: int) -> str:
        row = self.db.execute("SELECT digest FROM evidence WHERE position = ?", (position,)).fetchone()
        return str(row["digest"])


@pytest.fixture
def case(template: Path, tmp_path: Path) -> Iterator[Case]:
    shutil.copytree(template, tmp_path / "copy")
    database = SqliteDatabase(tmp_path / "copy" / "collector.db")
    with opened(database) as db:
        yield Case(database, db)


def test_a_database_that_nobody_touched_is_good(case: Case) -> None:
    found = case.audit()
    assert found.defects == ()
    assert (found.size, found.older, dict(found.counts)) == (
        SIZE, 0, {"receipt": 4, "event": 9, "gap": 0, "erased": 0},
    )  # fmt: skip
    assert case.audit(kept=setup.load(case.database).log.checkpoint(case.db)).defects == ()


EDITS: dict[str, tuple[str, tuple[str, ...]]] = {
    # what was done: (SQL, and for each defect its word, its position and a part of its message)
    "the envelope was changed": (
        "UPDATE evidence SET envelope = CAST(envelope || 'A' AS BLOB) WHERE position = 7",
        (
            "signature 7 the envelope is not genuine", "digest 7 the stored envelope has",
            "digest 7 the receipt was given",
        ),
    ),
    "the envelope of another check": (
        "UPDATE evidence SET envelope = (SELECT envelope FROM evidence WHERE position = 6) WHERE position = 9",
        (
            "digest 9 the stored envelope has", "digest 9 the receipt was given", "changed 9 id: ", "changed 9 seq: ",
            "changed 9 iat: ", "changed 9 finished_at: ",
        ),
    ),
    "the receipt was changed": (
        "UPDATE evidence SET receipt = CAST(substr(receipt, 1, 99) AS BLOB) WHERE position = 7",
        ("signature 7 the receipt is not genuine",),
    ),
    "the receipt of another check": (
        "UPDATE evidence SET receipt = (SELECT receipt FROM evidence WHERE position = 6) WHERE position = 9",
        ("digest 9 the receipt was given", "changed 9 the result 0 is the one",
         "changed 9 position: ", "changed 9 id: ", "changed 9 received_at: ", "changed 9 clock_skew: "),
    ),
    "the result of another check": (
        "UPDATE result SET document = (SELECT document FROM result WHERE position = 6) WHERE position = 9",
        ("changed 9 the result 0 is the one",),
    ),
    "a result was changed": (
        "UPDATE result SET document = CAST(replace(document, '.ey', '.eY') AS BLOB) WHERE position = 7",
        ("signature 7 the result 0 is not genuine",),
    ),
    "a key is said to have been replaced": (
        "UPDATE device SET replaced_at = '2026-01-01T00:00:00.000Z' WHERE revoked_at IS NULL",
        ("changed None replaced: the row says 2026-01-01T00:00:00.000Z, the event in the log says never",),
    ),
    "the digest was changed": (
        f"UPDATE evidence SET digest = 'sha256:{'0' * 64}' WHERE position = 7", ("digest 7 the stored envelope has",),
    ),
    "a verdict was painted green": (
        "UPDATE evidence SET verdict = 'pass' WHERE position = 7",
        ("changed 7 verdict: the row says 'pass', what was signed says 'fail'",),
    ),
    "a finding was painted green": (
        "UPDATE finding SET verdict = 'pass' WHERE position = 7 AND quantity = 'network.download'",
        ("changed 7 finding 0: network.download: verdict: the row says 'pass', what was signed says 'fail'",),
    ),
    "a finding was taken away": (
        "DELETE FROM finding WHERE position = 7 AND quantity = 'network.download'",
        ("changed 7 finding 0: network.download: its row is missing",),
    ),
    "it was dated back": (
        "UPDATE evidence SET received_at = '2020-01-01T00:00:00.000Z' WHERE position = 7",
        ("changed 7 received_at: the row says '2020-01-01T00:00:00.000Z', what was signed says '20",),
    ),
    "it was moved to another person": (
        "UPDATE evidence SET person = (SELECT person FROM evidence WHERE position = 6) WHERE position = 7",
        ("changed 7 person: ", "changed None the lists show the entry 7, the newest is None"),
    ),
    "the order of checks was changed": (
        "UPDATE evidence SET seq = 99 WHERE position = 6", ("changed 6 seq: the row says 99, what was signed says 1",),
    ),
    "a check was removed": (
        "DELETE FROM evidence WHERE position = 7",
        ("removed 7 its row is missing; made after 20", "changed None the lists show the entry 7, the newest is None"),
    ),
    "the newest check was removed": (
        "DELETE FROM evidence WHERE position = 11",
        ("removed 11 its row is missing; made after 20", "changed None the lists show the entry 11, the newest is 9"),
    ),
    "a check was removed from the log alone": (
        "DELETE FROM log_entry WHERE position = 7", ("removed 7 its entry 7 in the log is missing",),
    ),
    "an event was removed": (
        "DELETE FROM event WHERE position = 8", ("removed 8 its row is missing; made after 20",),
    ),
    "an event was changed": (
        "UPDATE event SET detail = 'role auditor' WHERE position = 8", ("changed 8 this is not what was entered",),
    ),
    "an event was dated back": (
        "UPDATE event SET at = '2020-01-01T00:00:00.000Z' WHERE position = 8",
        ("changed 8 this is not what was entered", "time 8 its time does not fit"),
    ),
    "an event was blotted": (
        "UPDATE event SET at = 'yesterday' WHERE position = 8", ("changed 8 'yesterday' is not like",),
    ),
    "an event was inserted without a place": (
        "INSERT INTO event (at, kind, security, actor, source_address, about, detail)"
        " SELECT at, kind, security, actor, source_address, about, detail FROM event WHERE position = 8",
        ("inserted None it has no place in the log",),
    ),
    "an event was inserted behind the end": (
        "INSERT INTO event (at, kind, security, actor, source_address, about, detail, position)"
        " SELECT at, kind, security, actor, source_address, about, detail, 13 FROM event WHERE position = 8",
        ("inserted 13 it stands at 13; the log ends before 13", "removed 13 the row is gone"),  # it adds a user
    ),
    "an event was inserted at the place of a check": (
        "INSERT INTO event (at, kind, security, actor, source_address, about, detail, position)"
        " SELECT at, kind, security, actor, source_address, about, detail, 7 FROM event WHERE position = 8",
        ("inserted 7 entry 7 is of something else",),
    ),
    "a check was inserted far away": (
        "INSERT INTO evidence (position, digest, id, kid, program, person, seq, received_at, iat, clock_skew,"
        " finished_at, freshness, source_address, policy_digest, policy_name, policy_version, verdict, envelope,"
        " receipt)"
        " SELECT 1000000000000, 'd', 'i', kid, program, person, seq, received_at, iat, clock_skew,"
        " finished_at, freshness, source_address, policy_digest, policy_name, policy_version, verdict, envelope,"
        " receipt FROM evidence WHERE position = 7",
        (
            "digest 1000000000000 the stored envelope has", "changed 1000000000000 position: ",
            "changed 1000000000000 id: ", "changed 1000000000000 id: ",
            *(f"changed 1000000000000 finding {ordinal}: " for ordinal in range(4)),
            "inserted 1000000000000 it stands at 1000000000000; the log ends before 13",
            "changed None the lists show the entry 7, the newest is 1000000000000",
        ),
    ),
    "a leaf was changed": (
        "UPDATE log_entry SET leaf = zeroblob(32) WHERE position = 7",
        ("changed 7 this is not what was entered", *("tree None it does not follow",) * 3),
    ),
    "a salt was changed": (
        "UPDATE log_entry SET salt = zeroblob(32) WHERE position = 8", ("changed 8 this is not what was entered",),
    ),
    "a salt was taken away": (
        "UPDATE log_entry SET salt = NULL WHERE position = 8",
        ("inserted 8 the salt of entry 8 is gone, and its row is there",),
    ),
    "an entry became one of another kind": (
        "UPDATE log_entry SET kind = 'gap' WHERE position = 8",
        ("inserted 8 entry 8 is of something else", "changed 8 this is not what was entered",
         "inserted 8 it is said to be a gap from before there was a log"),
    ),
    "a subtree was changed": (
        "UPDATE log_node SET hash = zeroblob(32) WHERE level = 1 AND number = 0", ("tree None it does not follow",),
    ),
    "a subtree was removed": (
        "DELETE FROM log_node WHERE level = 2 AND number = 1",
        ("tree None it does not follow", "tree None 9 are stored, 10 belong to 13 entries"),
    ),
    "the log's size was made smaller": (
        "UPDATE log_state SET size = 7", ("tree None it says 7 entries, 13 are there",),
    ),
    "the log's size was made larger": (
        "UPDATE log_state SET size = 1000000000000",
        ("removed 13 missing, with what was there; made after 20",),
    ),
    "the log's frontier was changed": (
        "UPDATE log_state SET frontier = zeroblob(96)",
        ("tree None it says 13 entries, 13 are there; or it says another",),
    ),
    "the log's state was removed": ("DELETE FROM log_state", ("tree None it says 0 entries, 13 are there",)),
    "all subtrees were removed": (
        "DELETE FROM log_node", (*("tree None it does not follow",) * 10, "tree None 0 are stored, 10 belong to 13"),
    ),
    "a revoked key was made good again": (
        "UPDATE device SET revoked_at = NULL WHERE revoked_at IS NOT NULL",
        ("changed None revoked: the row says never, the event in the log says 20",),
    ),
    "a key was revoked behind the log's back": (
        "UPDATE device SET revoked_at = '2026-01-01T00:00:00.000Z' WHERE revoked_at IS NULL",
        ("changed None revoked: the row says 2026-01-01T00:00:00.000Z, the event in the log says never",),
    ),
    "the lists show an older check": (
        "UPDATE person SET latest = 6 WHERE latest = 11",
        (
            "changed None received: the row says 1", "changed None due: the row says 1",
            "changed None the lists show the entry 6, the newest is 11",
        ),
    ),
}  # fmt: skip


def said(found: Audit) -> list[str]:
    return [f"{one.wrong} {one.position} {one.message}" for one in found.defects]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_and_named(case: Case, name: str) -> None:
    sql, expected = EDITS[name]
    case.edit(sql)
    found = said(case.audit())
    assert len(found) == len(expected), found
    for one, begin in zip(found, expected, strict=True):
        assert one.startswith(begin)


def test_a_row_is_named_by_its_digest_and_id(case: Case) -> None:
    name = case.digest(7)
    case.edit("UPDATE evidence SET verdict = 'pass' WHERE position = 7")
    (defect,) = case.audit().defects
    (evidence_id,) = case.db.execute("SELECT id FROM evidence WHERE position = 7").fetchone()
    assert defect.what == f"evidence {name} (id {evidence_id})"


# Those who know how the log works


def test_two_checks_that_changed_their_places_are_both_named(case: Case) -> None:
    case.edit("UPDATE evidence SET position = -position WHERE position IN (6, 7)")
    case.edit("UPDATE evidence SET position = 13 + position WHERE position < 0")
    found = case.audit().defects
    assert {one.position for one in found if "position: the row says" in one.message} == {6, 7}


def test_a_check_that_is_removed_with_its_entry_and_everything_behind_it_moved_up_is_missed(case: Case) -> None:
    case.edit("DELETE FROM evidence WHERE position = 7")
    case.edit("DELETE FROM log_entry WHERE position = 7")
    for table in ("log_entry", "evidence", "event"):
        for position in range(8, SIZE):
            case.db.execute(f"UPDATE {table} SET position = position - 1 WHERE position = ?", (position,))
    case.db.execute("UPDATE person SET latest = (SELECT MAX(position) FROM evidence WHERE person = person.id)")
    case.rebuild()
    found = said(case.audit())
    assert any(one.startswith("changed 8 position: the row says 8, what was signed says 9") for one in found)
    assert any(one.startswith("changed 10 position: the row says 10, what was signed says 11") for one in found)


def test_an_event_that_is_written_anew_with_its_leaf_and_the_whole_tree_contradicts_the_next_receipt(
    case: Case,
) -> None:
    """Everything in the database fits together again; only the path that a receipt carries does not."""
    case.edit("UPDATE event SET detail = 'role auditor' WHERE position = 8")
    event = events.from_row(case.db.execute("SELECT * FROM event WHERE position = 8").fetchone())
    case.edit(
        "UPDATE log_entry SET leaf = ? WHERE position = 8", salted_leaf(salt_at(case, 8), events.statement(event))
    )
    case.rebuild()
    found = case.audit().defects
    assert (found[0].wrong, found[0].what) == ("tree", "entries 7 to 8")
    assert "when the receipt at 9 was given" in found[0].message


def test_one_change_is_found_in_its_place_and_not_in_everything_behind_it(case: Case) -> None:
    case.edit("UPDATE log_entry SET leaf = zeroblob(32) WHERE position = 2")
    found = case.audit().defects
    assert [one.position for one in found if one.position is not None] == [2]


def salt_at(case: Case, position: int) -> bytes:
    entry = log.entry(case.db, position)
    assert entry is not None
    assert entry.salt is not None
    return entry.salt


def cut(case: Case, position: int) -> None:
    """Take away everything from `position` on, so that what is left is whole: an old backup is not better."""
    for table in ("log_entry", "evidence", "event"):
        case.db.execute(f"DELETE FROM {table} WHERE position >= ?", (position,))
    case.db.execute("UPDATE device SET revoked_at = NULL")
    case.db.execute("UPDATE person SET latest = (SELECT MAX(position) FROM evidence WHERE person = person.id)")
    newest = "CAST(strftime('%s', (SELECT received_at FROM evidence WHERE position = latest)) AS INTEGER)"
    case.db.execute(f"UPDATE person SET due = {newest} + due - received, received = {newest}")
    case.rebuild()


def test_the_newest_entries_cannot_be_taken_away_from_a_checkpoint_that_lies_elsewhere(case: Case) -> None:
    kept = setup.load(case.database).log.checkpoint(case.db)
    cut(case, 11)
    assert case.audit().defects == ()  # what is left is whole: nothing inside can tell
    assert said(case.audit(auditor=kept)) == [
        "removed 11 auditor: the log had 13 entries when this checkpoint was signed, and has 11 now: the newest were"
        " removed, or an older backup was put back"
    ]
    with pytest.raises(SetupError, match="its log has 11 entries and has promised 13"):
        setup.load(case.database)  # the checkpoint beside the keys: this collector does not start


def test_a_log_that_was_begun_anew_contradicts_the_checkpoint_that_lies_elsewhere(case: Case) -> None:
    kept = setup.load(case.database).log.checkpoint(case.db)
    cut(case, 11)
    with transaction(case.db):
        for number in range(3):
            events.add(case.db, Event(utc_now(), "sign-in-link", False, "a thief", "", f"user {number}", ""))
    assert case.audit().defects == ()
    (defect,) = case.audit(auditor=kept).defects
    assert (defect.wrong, defect.what, defect.position) == ("checkpoint", "auditor", 12)
    with pytest.raises(SetupError, match="its log was rewritten"):
        setup.load(case.database)


def test_an_event_that_is_entered_and_dated_back_does_not_fit_in_time(case: Case) -> None:
    with transaction(case.db):
        events.add(case.db, Event(utc_now() - timedelta(days=30), "sign-in-link", False, "a thief", "", "x", ""))
    (defect,) = case.audit().defects
    assert (defect.wrong, defect.position) == ("time", SIZE)
    assert "sign-in-link" in defect.what


def test_evidence_and_receipt_that_somebody_signed_with_keys_of_their_own_are_not_genuine(case: Case) -> None:
    thief = SoftwareKey.generate()
    row = case.db.execute("SELECT * FROM evidence WHERE position = 7").fetchone()
    envelope = sign(payload_of(unpacked(row["envelope"])).replace(b"3.1", b"93.1"), EVIDENCE, thief)
    receipt = sign(
        payload_of(unpacked(row["receipt"])).replace(row["digest"].encode(), digest(envelope).encode()), RECEIPT, thief
    )
    case.edit(
        "UPDATE evidence SET envelope = ?, receipt = ?, digest = ? WHERE position = 7",
        envelope, receipt, digest(envelope),
    )  # fmt: skip
    assert [one.partition("):")[0] for one in said(case.audit())] == [
        "signature 7 the receipt is not genuine (unknown-key",
        "signature 7 the envelope is not genuine (unknown-key",
    ]


def test_a_device_key_that_was_exchanged_is_not_the_one_that_enrolled(case: Case) -> None:
    thief = SoftwareKey.generate()
    forged = sign(serialize({"jwk": thief.public.jwk()}), ENROLMENT, thief)
    (kid,) = case.db.execute("SELECT kid FROM evidence WHERE position = 7").fetchone()
    case.edit("UPDATE device SET enrolment = ? WHERE kid = ?", forged, kid)
    found = case.audit().defects
    assert found[0].what == f"device key {kid}"
    assert f"it enrolled the key {thief.public.kid}" in found[0].message


def test_a_receipt_of_another_log_is_named(case: Case) -> None:
    trusted = replace(case.trusted(), log=NoteKey("other.example/log", SoftwareKey.generate().public))
    found = audit(case.db, trusted).defects
    assert {one.position for one in found if one.wrong == "checkpoint"} == set(RECEIPTS)


def payload_of(envelope: bytes) -> bytes:
    return decode_base64url(envelope.split(b".")[1].decode())


# Erasing somebody


def erased(case: Case, name: str) -> int:
    return erasing.erase_person(case.database, "support", name, "a test", utc_now()).entries


def test_after_somebody_was_erased_the_log_verifies_and_the_neighbours_are_still_proven(case: Case) -> None:
    served = setup.load(case.database)
    before = served.log.checkpoint(case.db)
    statement = entry_of(receipt_at(case, 7), served.public_keys().get)
    assert served.log.later_proof(case.db, 7) is not None
    assert erased(case, FAILS.name) == 4  # one check, the invitation, the enrolment, the revocation
    found = case.audit(auditor=before)
    assert found.defects == ()
    assert dict(found.counts) == {"receipt": 3, "event": 7, "gap": 0, "erased": 4}
    # The neighbour's receipt, and a new proof of it.
    proof = served.log.later_proof(case.db, 9)
    assert proof is not None
    own = receipt_at(case, 9)
    assert proof.verify(entry_of(own, served.public_keys().get), served.log.key).size == SIZE + 1
    assert Receipt.from_bytes(verify(own, RECEIPT, served.public_keys().get)).logged is not None
    # Nobody can tell any more what the leaf was of, not even with the statement in hand.
    assert served.log.later_proof(case.db, 7) is None
    entry = log.entry(case.db, 7)
    assert entry is not None
    assert entry.salt is None
    assert entry.leaf not in {salted_leaf(salt, statement) for salt in (b"", bytes(32))}


def stored_receipt_at(case: Case, position: int) -> bytes:
    return bytes(case.db.execute("SELECT receipt FROM evidence WHERE position = ?", (position,)).fetchone()[0])


def test_nothing_of_an_erased_person_is_left_in_the_file(case: Case) -> None:
    traces = [FAILS.name.encode(), case.digest(7).encode(), salt_at(case, 7), stored_receipt_at(case, 7)[-80:]]
    before = case.database.path.read_bytes()
    assert all(trace in before for trace in traces)
    erased(case, FAILS.name)
    case.db.close()
    files = b"".join(path.read_bytes() for path in case.database.path.parent.glob("collector.db*"))
    assert [trace for trace in traces if trace in files] == []


def test_an_erasure_that_no_event_tells_of_is_a_removal(case: Case) -> None:
    case.edit("DELETE FROM evidence WHERE position = 9")
    case.edit("UPDATE log_entry SET salt = NULL WHERE position = 9")
    assert [one.partition(";")[0] for one in said(case.audit())] == [
        "removed 9 its data is gone without an erasure on record",
        "inserted 9 it is there, and the entry was erased",  # its result
    ]


def test_nobody_is_erased_by_a_wrong_name(case: Case) -> None:
    with pytest.raises(SetupError, match="nobody in support is called 'Filip'"):
        erased(case, "Filip")
    assert case.audit().defects == ()


def test_entries_that_were_erased_are_written_down_in_runs() -> None:
    assert erased_entries.ranges([]) == ""
    assert erased_entries.ranges([3]) == "3"
    assert erased_entries.ranges([0, 1, 2, 5, 7, 8]) == "0-2 5 7-8"


def receipt_at(case: Case, position: int) -> bytes:
    return unpacked(stored_receipt_at(case, position))
