"""A collector from before there was a log: its rows are entered, marked, and from then on as fixed as all others.

The dump and its keys (for tests only) were written by the last version of homecheck without a log: three checks of two
people, a repeated sequence number, a revoked key.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from homecheck.collector import setup
from homecheck.collector.audit import Audit, Trusted, audit
from homecheck.collector.context import Collector
from homecheck.collector.store import log
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import KeyStoreError, Refused
from homecheck.receipt import Receipt, entry_of
from homecheck.signing import RECEIPT, verify

HERE = Path(__file__).parent
OLDER = 9  # 3 receipts and 6 events


def old_collector(folder: Path, *statements: str) -> SqliteDatabase:
    """Make the collector, as it was left, with `statements` done to it before the upgrade."""
    database = SqliteDatabase(folder / "collector.db")
    with closing(sqlite3.connect(database.path)) as db:
        db.executescript((HERE / "version-2.sql").read_text(encoding="utf-8"))
        for statement in statements:
            db.execute(statement)
        db.commit()
    kept = json.loads((HERE / "version-2.keys.json").read_text(encoding="utf-8"))
    keys = folder / "collector.keys"
    keys.mkdir(mode=0o700)
    for name, data in (
        ("signing.jwk", json.dumps(kept["signing.jwk"]).encode()),
        ("challenge.secret", bytes.fromhex(kept["challenge.secret"])),
    ):
        (keys / name).touch(mode=0o600)
        (keys / name).write_bytes(data)
    return database


def audited(collector: Collector) -> Audit:
    with opened(collector.writer.database) as db:
        return audit(db, Trusted(collector.public_keys(), collector.log.key))


def test_older_rows_are_entered_at_the_places_that_their_receipts_name_and_marked(tmp_path: Path) -> None:
    database = old_collector(tmp_path)
    with opened(database) as db:
        assert [one.kind for one in log.entries(db)] == ["receipt"] * 3 + ["event"] * (OLDER - 3) + ["event"]
        (began,) = db.execute("SELECT detail FROM event WHERE kind = 'log-began'").fetchone()
        assert began.startswith(f"{OLDER} entries are of rows from before there was a log")
    found = audited(setup.load(database))
    assert found.defects == ()
    assert (found.size, found.older) == (OLDER + 1, OLDER)


def test_an_older_receipt_is_proven_by_a_later_proof(tmp_path: Path) -> None:
    database = old_collector(tmp_path)
    collector = setup.load(database)
    with opened(database) as db:
        receipts = [row[0] for row in db.execute("SELECT receipt FROM evidence ORDER BY position")]
        for position, receipt in enumerate(receipts):
            read = Receipt.from_bytes(verify(receipt, RECEIPT, collector.public_keys().get))
            assert (read.position, read.logged) == (position, None)
            proof = collector.log.later_proof(db, position)
            assert proof is not None
            assert proof.verify(entry_of(receipt, collector.public_keys().get), collector.log.key).size == OLDER + 1
        assert proof is not None
        with pytest.raises(Refused, match="not in this log"):
            proof.verify(entry_of(receipts[0], collector.public_keys().get), collector.log.key)


def test_an_older_row_that_is_changed_afterwards_is_found(tmp_path: Path) -> None:
    collector = setup.load(old_collector(tmp_path))
    with opened(collector.writer.database) as db:
        db.execute("UPDATE event SET detail = 'of nobody' WHERE kind = 'device-revoked'")
        db.execute("UPDATE evidence SET verdict = 'pass' WHERE verdict = 'fail'")
    assert [one.wrong for one in audited(collector).defects] == ["changed", "changed"]


def test_what_was_changed_before_the_log_began_is_found_where_it_is_signed(tmp_path: Path) -> None:
    database = old_collector(
        tmp_path,
        "UPDATE evidence SET receipt = CAST('no receipt' AS BLOB) WHERE position = 1",
        "UPDATE event SET detail = 'of nobody' WHERE kind = 'device-revoked'",  # nothing can tell
    )
    (defect,) = audited(setup.load(database)).defects
    assert (defect.wrong, defect.position) == ("signature", 1)


def test_a_place_whose_row_was_gone_before_is_a_gap_and_stays_one(tmp_path: Path) -> None:
    database = old_collector(
        tmp_path, "DELETE FROM finding WHERE position = 1", "DELETE FROM evidence WHERE position = 1",
        "UPDATE person SET latest = NULL WHERE latest = 1", "UPDATE sequence SET next = 5",
    )  # fmt: skip
    collector = setup.load(database)
    with opened(database) as db:
        assert [one.kind for one in log.entries(db)][:6] == ["receipt", "gap", "receipt", "gap", "gap", "event"]
    found = audited(collector)
    assert found.defects == ()
    assert found.counts["gap"] == 3


def test_a_check_that_is_made_a_gap_after_the_upgrade_is_named_by_what_is_still_about_it(tmp_path: Path) -> None:
    collector = setup.load(old_collector(tmp_path))
    with opened(collector.writer.database) as db:
        db.execute("UPDATE log_entry SET kind = 'gap' WHERE position = 1")
    found = [one.message for one in audited(collector).defects]
    assert "it is said to be a gap, and there is something about it: evidence, finding" in found


def test_an_invitation_whose_event_names_no_code_is_held_against_all_else_that_it_says(tmp_path: Path) -> None:
    collector = setup.load(old_collector(tmp_path))
    with opened(collector.writer.database) as db:
        db.execute("UPDATE invite SET expires_at = '2099-01-01T00:00:00.000Z' WHERE created_at = ("
                   "SELECT MIN(created_at) FROM invite)")  # fmt: skip
    found = [(one.wrong, one.message) for one in audited(collector).defects]
    assert found == [
        ("inserted", "no event tells of it as it stands there"),
        ("removed", "the row is gone, and no erasure tells of it"),
    ]


def test_a_collector_that_never_took_anything_is_upgraded(tmp_path: Path) -> None:
    database = old_collector(
        tmp_path, "DELETE FROM finding", "DELETE FROM observation", "DELETE FROM evidence", "DELETE FROM event",
        "UPDATE person SET latest = NULL", "UPDATE sequence SET next = 0",
    )  # fmt: skip
    collector = setup.load(database)
    found = audited(collector)
    assert (found.size, found.older) == (1, 0)
    # Nothing that is there is told of: all events were removed before there was a log.
    assert {one.message.partition(":")[0] for one in found.defects} == {
        "revoked", "no event tells that anybody invited this person", "no event tells of it as it stands there",
        "no event tells that it was added", "no event tells that it was published",
        "no event tells that anybody added this user",
    }  # fmt: skip


def test_an_upgrade_that_is_interrupted_leaves_the_older_database(tmp_path: Path) -> None:
    database = old_collector(tmp_path)
    full = replace(database, max_pages=1)  # SQLite takes the size that the file has
    with pytest.raises(Exception, match="full"), opened(full):
        pass
    with closing(sqlite3.connect(database.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 2
        assert db.execute("SELECT next FROM sequence").fetchone()[0] == 3
    assert audited(setup.load(database)).defects == ()


def test_the_logs_key_is_made_once_and_missed_when_it_is_gone_or_another(tmp_path: Path) -> None:
    database = old_collector(tmp_path)
    first = setup.load(database)
    assert setup.load(database).log.key == first.log.key
    path = tmp_path / "collector.keys" / "log.jwk"
    genuine = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyStoreError, match=r"log\.jwk: there is no key"):
        setup.load(database)
    path.touch(mode=0o600)
    path.write_bytes((tmp_path / "collector.keys" / "signing.jwk").read_bytes())
    with pytest.raises(KeyStoreError, match="not the key of the log in the database"):
        setup.load(database)
    path.write_bytes(genuine)
    with opened(database) as db, transaction(db):
        db.execute("UPDATE setting SET value = 'https://moved.example' WHERE name = 'url'")
    assert setup.load(database).log.origin == first.log.origin  # whatever the address becomes
