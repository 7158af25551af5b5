"""Somebody is erased: nothing of them is left, a stranger can check the proof, and no backup brings them back."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import erasing, setup
from homecheck.collector.erasing import erase_person
from homecheck.collector.store.database import opened
from homecheck.erasure import verify_erasure
from homecheck.errors import KeyStoreError, SetupError
from homecheck.receipt import Receipt
from homecheck.signing import RECEIPT, key_set, verify
from tests.live_collector import Site, as_process, in_thread
from tests.people import FAILS, PASSES

TABLES = ("person", "device", "evidence", "finding", "result", "invite", "callback", "observation")


def erase(site: Site, name: str) -> erasing.Erased:
    return erase_person(site.database, "support", name, "a test", datetime.now(UTC))


def rows(site: Site) -> dict[str, int]:
    with opened(site.database) as db:
        return {name: db.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in TABLES}


def test_a_proof_is_checked_with_what_the_collector_publishes_and_names_the_place_of_the_receipt(
    tmp_path: Path,
) -> None:
    with in_thread(tmp_path) as site:
        site.worker(PASSES).check()
        before = rows(site)
        filip = site.worker(FAILS)
        receipt = filip.check().content
        published = key_set(requests.get(f"{site.url}/v1/jwks", timeout=20).json()).get
        erased = erase(site, FAILS.name)
        found = verify_erasure(erased.proof, published)
        assert (found.person, found.program, found.issuer) == (filip.subject, "support", site.url)
        assert found.holds(Receipt.from_bytes(verify(receipt, RECEIPT, published)).position)
        assert found.count() == erased.entries
        assert FAILS.name.encode() not in erased.proof
        assert rows(site) == before
        assert site.defects() == []
        assert filip.upload(filip.evidence()).status_code == 403


def test_what_was_erased_stands_nowhere_in_the_file_when_the_collector_has_stopped(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        worker = server.site.worker(FAILS)
        worker.check()
        assert worker.subject is not None
        assert worker.subject.encode() in b"".join(file.read_bytes() for file in tmp_path.glob("collector.db*"))
        erase(server.site, FAILS.name)
        server.stop()
        assert worker.subject.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("collector.db*"))


def test_nobody_is_erased_who_is_not_there_and_nobody_without_the_keys(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker(PASSES).check()
        before = rows(site)
        with pytest.raises(SetupError, match="nobody in support is called 'Petra'"):
            erase(site, "Petra")
        (tmp_path / "collector.keys" / "signing.jwk").rename(tmp_path / "away.jwk")
        with pytest.raises(KeyStoreError, match=r"signing\.jwk"):
            erase(site, PASSES.name)
        (tmp_path / "away.jwk").rename(tmp_path / "collector.keys" / "signing.jwk")
        assert rows(site) == before


def test_a_database_from_before_the_erasure_has_it_done_again_at_its_next_start(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        worker = server.site.worker(FAILS)
        worker.check()
        server.stop()
        shutil.copy(tmp_path / "collector.db", tmp_path / "older.db")
        erase(server.site, FAILS.name)
        shutil.copy(tmp_path / "older.db", tmp_path / "collector.db")
        (tmp_path / "collector.keys" / "log.checkpoint").unlink()  # as its operator accepts what is missing
        assert server.site.browse_database("SELECT name FROM person") == [FAILS.name]
        server.start()
        assert server.site.browse_database("SELECT name FROM person") == []
        assert server.site.browse_database("SELECT actor FROM event WHERE kind = 'erased'") == ["restore"]
        assert server.site.defects() == []


def test_a_proof_that_somebody_else_has_put_there_erases_nobody(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker(PASSES)
        folder = tmp_path / "collector.keys" / erasing.FOLDER
        folder.mkdir()
        (folder / f"{worker.subject}.jws").write_bytes(b"ey.ey.ey")
        collector = setup.load(site.database)
        with opened(site.database) as db, pytest.raises(SetupError, match=str(worker.subject)):
            erasing.erase_again(collector, db, datetime.now(UTC))
        assert site.browse_database("SELECT name FROM person") == [PASSES.name]


def test_a_proof_of_somebody_else_erases_nobody_under_another_name(tmp_path: Path) -> None:
    """The file's name says whom; a good proof of one person under the name of another is none."""
    with in_thread(tmp_path) as site:
        petra = site.worker(PASSES)
        site.worker(FAILS)
        erased = erase(site, FAILS.name)
        shutil.copy(erased.file, erased.file.with_name(f"{petra.subject}.jws"))
        collector = setup.load(site.database)
        with opened(site.database) as db, pytest.raises(SetupError, match="of somebody else"):
            erasing.erase_again(collector, db, datetime.now(UTC) + timedelta(days=1))
        assert site.browse_database("SELECT name FROM person") == [PASSES.name]


def test_the_proof_of_a_person_of_whom_the_log_holds_their_invitation_alone(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.invite("Ada Lovelace")
        erased = erase(site, "Ada Lovelace")
        assert verify_erasure(erased.proof, setup.load(site.database).public_keys().get).count() == erased.entries
