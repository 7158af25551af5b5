"""All findings are read from what was signed; rows are kept of those that were not met."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.appraisal import Verdict
from homecheck.collector.publishing import publish
from homecheck.collector.reappraisal import reappraise
from homecheck.collector.store import evidence, findings, migrations
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.postgres import PostgresDatabase
from homecheck.errors import Refused
from homecheck.policy import parse_policy
from homecheck.signing import base64url
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT

NewDatabase = Callable[[Path], Database]
ROWS = "SELECT position, ordinal, quantity, verdict, explanation, trust, month FROM finding ORDER BY position, ordinal"


def checked(tmp_path: Path, database: Database) -> Site:
    """Return a collector that has taken a check that passes and one that fails."""
    with in_thread(tmp_path, database=database) as site:
        assert site.worker(PASSES).check().status_code == 201
        assert site.worker(FAILS).check().status_code == 201
        return site


def positions(db: Connection) -> list[int]:
    """Return where the two stand in the log."""
    return [row[0] for row in db.execute("SELECT position FROM evidence ORDER BY position")]


def test_a_check_that_passes_has_no_rows_and_one_that_fails_those_that_it_does_not_meet(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    site = checked(tmp_path, new_database(tmp_path))
    with opened(site.database) as db:
        passes, fails = positions(db)
        assert {row["position"] for row in db.execute(ROWS)} == {fails}
        assert {row["quantity"] for row in db.execute(ROWS)} == set(FAILS.unmet)
        assert {one.verdict for one in findings.newest(db, passes).findings} == {Verdict.PASS}
        worst = {one.quantity for one in findings.newest(db, fails).findings if one.verdict > Verdict.WARN}
        assert worst == set(FAILS.unmet)


def test_after_a_second_appraisal_its_findings_are_the_newest(tmp_path: Path, new_database: NewDatabase) -> None:
    site = checked(tmp_path, new_database(tmp_path))
    text = POLICY_TEXT.replace("at_least = 10", "at_least = 500", 1).replace("warn_below = 25", "warn_below = 600", 1)
    stricter = parse_policy(text, "stricter")
    now = datetime.now(UTC)
    with opened(site.database) as db, transaction(db):
        publish(db, PROGRAM, stricter, "", by=By("a test"), now=now)
    changed = [one.changed for one in reappraise(site.database, PROGRAM, "a test", now)]
    assert changed == [True, True]
    with opened(site.database) as db:
        passes, _ = positions(db)
        assert findings.newest(db, passes).verdict is Verdict.FAIL
        rows = db.execute("SELECT quantity, verdict FROM finding WHERE position = ?", (passes,)).fetchall()
        assert [tuple(row) for row in rows] == [("network.download", "fail")]


def test_an_older_version_finds_a_row_for_each_finding_and_the_way_up_takes_them_away_again(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    site = checked(tmp_path, new_database(tmp_path))
    with closing(site.database.connect()) as db:
        before = list(map(tuple, db.execute(ROWS)))
        said = [(at, findings.newest(db, at)) for at in positions(db)]
        migrations.move(site.database, migrations.before("0017") or "")
        rows = [tuple(row) for row in db.execute(ROWS)]
        assert [row[:6] for row in rows] == [
            (at, number, one.quantity, one.verdict.word, one.explanation, one.trust)
            for at, result in said
            for number, one in enumerate(result.findings)
        ]
        (received,) = db.execute("SELECT MAX(received_at) FROM evidence").fetchone()
        assert {row[6] for row in rows} == {int(received[:7].replace("-", ""))}
        migrations.move(site.database, migrations.head())
        assert list(map(tuple, db.execute(ROWS))) == before


def test_a_receipt_that_somebody_damaged_does_not_stop_the_way_down(new_database: NewDatabase, tmp_path: Path) -> None:
    site = checked(tmp_path, new_database(tmp_path))
    with closing(site.database.connect()) as db:
        passes, fails = positions(db)
        db.execute("UPDATE evidence SET receipt = ? WHERE position = ?", (b"no receipt", passes))
        with pytest.raises(Refused):
            findings.newest(db, passes)
        migrations.move(site.database, migrations.before("0017") or "")
        assert {row["position"] for row in db.execute(ROWS)} == {fails}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not-compact"),
        (b"e30.!!.e30", "base64url"),
        (b"e30." + base64url(b"[]").encode() + b".e30", "not-json"),
        (b"e30." + base64url(b'{"result":7}').encode() + b".e30", "schema"),
        (b"e30." + base64url(b'{"result":{"evidence":"x"}}').encode() + b".e30", "schema"),
    ],
)
def test_what_is_no_signed_finding_is_refused_with_its_reason(document: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        findings.in_document(document)
    assert caught.value.reason == reason


def test_there_are_no_findings_where_there_is_no_evidence(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site, opened(site.database) as db, pytest.raises(LookupError, match="no evidence at 7"):
        findings.newest(db, 7)


def test_receipts_are_compressed_once_and_every_month_keeps_them_so(new_database: NewDatabase, tmp_path: Path) -> None:
    site = checked(tmp_path, new_database(tmp_path))
    with opened(site.database) as db:
        for row in db.execute("SELECT digest, receipt FROM evidence").fetchall():
            receipt = evidence.receipt_of(db, row["digest"])
            assert receipt is not None
            assert len(row["receipt"]) < len(receipt) / 2
        if isinstance(site.database, PostgresDatabase):
            sql = (
                "SELECT DISTINCT attstorage::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
                " WHERE relname LIKE 'evidence%' AND relkind IN ('r', 'p') AND attname IN ('receipt', 'envelope')"
            )
            assert [row[0] for row in db.execute(sql)] == ["e"]  # pg_attribute.attstorage: external
