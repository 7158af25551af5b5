"""A good installation, and then one defect after the other: each is named, with what mends it."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.collector import administration, backup, retention, setup
from homecheck.collector.doctor.address import examine_certificate
from homecheck.collector.doctor.diagnosis import Diagnosis
from homecheck.collector.doctor.examination import examine
from homecheck.collector.doctor.storage import GIB, MIB, examine_disk, median_sync_ms
from homecheck.collector.doctor.upkeep import examine_upkeep
from homecheck.collector.log_memory import remember
from homecheck.collector.store import programs
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.programs import Responder
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.config import Home
from homecheck.keys import SoftwareKey
from tests.certificates import make_certificate
from tests.command_line import homecheck
from tests.live_collector import Site, as_process, in_thread, set_up
from tests.needs import need
from tests.ports import free_port

DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


def found(site: Site, at: datetime | None = None) -> dict[str, Diagnosis]:
    """Return what the doctor says, by name; of several of one name, the worst."""
    diagnoses = sorted(examine(site.database, at or now()), key=lambda one: ("ok", "warn", "fail").index(one.state))
    return {one.name: one for one in diagnoses}


def states(site: Site, at: datetime | None = None) -> dict[str, str]:
    return {name: one.state for name, one in found(site, at).items() if one.state != "ok"}


@contextmanager
def responder(folder: Path) -> Iterator[str]:
    """A responder in a process of its own."""
    command = [sys.executable, "-m", "homecheck", "responder", "serve", "--port", "0", "--without", "stun"]
    far_end = subprocess.Popen(
        [*command, "--without", "sip", "--key", str(folder / "far.jwk")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert far_end.stdout is not None
        yield far_end.stdout.readline().split()[2]
    finally:
        far_end.terminate()
        far_end.wait(20)
        assert far_end.stdout is not None
        far_end.stdout.close()


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[str]:
    """A server that shakes hands once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:  # a client may refuse us
                tls.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def run(site: Site, *arguments: str) -> tuple[int, str]:
    home = Home.at(site.file.parent / "home")
    result = homecheck(home, "collector", "--database", site.database.url, *arguments)
    return result.status, result.out


def test_an_installation_that_was_looked_after_is_good_and_each_neglect_is_named(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site, responder(tmp_path) as far_end:
        # The address is read when it is served; nobody has done anything yet.
        assert states(site) == {"backup": "warn", "verify-log": "warn", "responders": "warn"}
        assert run(site, "responder", "add", far_end)[0] == 0
        assert run(site, "verify-log")[0] == 0
        backup.make(site.database, tmp_path / "a.tar", "a test", now(), with_keys=False)
        assert states(site) == {}
        status, out = run(site, "doctor", "--output", "json")
        document = json.loads(out)
        assert (status, document["good"]) == (0, True)
        assert {one["state"] for one in document["diagnoses"]} == {"ok"}
        # In three days nobody has made a backup, in nine nobody has looked at the log, and nothing was deleted.
        assert {"backup", "retention"} <= set(states(site, now() + 3 * DAY)) - {"verify-log"}
        assert states(site, now() + 9 * DAY)["verify-log"] == "warn"
    assert found(site)["address"].state == "fail"
    assert found(site)["responder"].state == "fail"
    status, out = run(site, "doctor")
    assert (status, "WRONG    address" in out) == (3, True)


def test_a_missing_database_and_a_stranger_s_are_all_that_is_said(tmp_path: Path) -> None:
    (missing,) = examine(SqliteDatabase(tmp_path / "none.db"), now())
    assert (missing.state, missing.fix) == ("fail", "Make one: homecheck collector init")
    (tmp_path / "other.db").write_bytes(b"no database at all, but long enough to be read as one" * 40)
    (other,) = examine(SqliteDatabase(tmp_path / "other.db"), now())
    assert (other.state, other.name) == ("fail", "database")
    assert "no database of a collector" in other.message


def test_a_later_format_is_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    with closing(sqlite3.connect(site.file)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    (one,) = examine(site.database, now())
    assert "has the format 9999" in one.message


def test_somebody_who_holds_the_write_lock_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homecheck.collector.store.sqlite.BUSY_SECONDS", 0.1)
    site = set_up(tmp_path, "http://127.0.0.1:1")
    with closing(sqlite3.connect(site.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        one = found(site)["database-write"]
    assert (one.state, "locked" in one.message) == ("fail", True)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    before = site.browse_database("SELECT name || value FROM setting")
    found(site)
    assert site.browse_database("SELECT name || value FROM setting") == before


@pytest.mark.parametrize(
    ("free", "state"), [(100 * MIB, "fail"), (1 * GIB, "warn"), (10 * GIB, "ok")], ids=["none", "little", "enough"]
)
def test_space_that_runs_out_is_told_before_it_is_gone(tmp_path: Path, free: int, state: str) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    first, *_ = examine_disk(SqliteDatabase(site.file), usage=lambda _: (20 * GIB, 20 * GIB - free, free))
    assert (first.name, first.state) == ("disk-space", state)


def test_a_slow_disk_and_one_that_takes_no_file_are_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")

    def refuses(_: Path) -> float:
        raise OSError(30, "Read-only file system")

    def sync_of(sync_ms: float) -> str:
        return {one.name: one.state for one in examine_disk(SqliteDatabase(site.file), sync_ms=lambda _: sync_ms)}[
            "disk-sync"
        ]

    assert (sync_of(0.3), sync_of(30.0)) == ("ok", "warn")
    by_name = {one.name: one for one in examine_disk(SqliteDatabase(site.file), sync_ms=refuses)}
    assert (by_name["disk-sync"].state, "Read-only" in by_name["disk-sync"].message) == ("fail", True)
    assert 0 < median_sync_ms(tmp_path) < 10_000


def test_a_journal_that_nobody_empties_is_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    journal = Path(f"{site.file}-wal")
    with journal.open("wb") as file:
        file.truncate(300 * MIB)  # sparse
    by_name = {one.name: one for one in examine_disk(SqliteDatabase(site.file))}
    assert by_name["journal"].state == "warn"


def test_keys_that_others_can_reach_are_missing_or_another_s_are_named(tmp_path: Path) -> None:
    need(os.name == "posix", "mode bits say nothing here", "a POSIX system")
    site = set_up(tmp_path, "http://127.0.0.1:1")
    folder = tmp_path / "collector.keys"
    (folder / "log.jwk").chmod(0o644)
    assert found(site)["keys-mode"].fix == f"Run: chmod 600 {folder / 'log.jwk'}"
    (folder / "log.jwk").chmod(0o600)
    folder.chmod(0o755)
    assert found(site)["keys-mode"].fix == f"Run: chmod 700 {folder}"
    folder.chmod(0o700)
    assert "keys-mode" not in found(site)

    log = (folder / "log.jwk").read_bytes()
    (folder / "log.jwk").write_text(json.dumps(SoftwareKey.generate().jwk()))
    assert "not the key of the log" in found(site)["keys"].message
    (folder / "log.jwk").write_bytes(log)
    (folder / "challenge.secret").write_bytes(b"short")
    assert "challenge secret" in found(site)["keys"].message
    folder.rename(tmp_path / "away")
    assert "no such folder" in found(site)["keys"].message


def test_keys_of_another_user_are_named(tmp_path: Path) -> None:
    need(os.name == "posix" and os.geteuid() == 0, "only root gives files away", "run as root")
    site = set_up(tmp_path, "http://127.0.0.1:1")
    os.chown(tmp_path / "collector.keys" / "signing.jwk", 12345, 12345)
    one = found(site)["keys-owner"]
    assert (one.state, "12345" in one.message) == ("warn", True)


def test_a_log_that_is_not_the_one_that_was_promised_is_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    assert found(site)["log"].state == "warn"  # nothing was promised yet
    older = site.file.read_bytes()
    site.invite("Ada Lovelace")
    collector = setup.load(site.database)
    remember(collector.log, collector.readers(), collector.keys_folder)
    collector.readers.close()
    assert found(site)["log"].state == "ok"
    for suffix in ("-wal", "-shm"):
        Path(f"{site.file}{suffix}").unlink(missing_ok=True)
    site.file.write_bytes(older)
    one = found(site)["log"]
    assert (one.state, "has promised" in one.message) == ("fail", True)


@pytest.mark.parametrize(
    ("days", "name", "trusted", "state", "words"),
    [
        (25, "127.0.0.1", True, "ok", "good for 24 more days"),
        (90, "127.0.0.1", True, "fail", "not yet valid"),
        (15, "127.0.0.1", True, "warn", "good for 14 more days"),
        (2, "127.0.0.1", True, "fail", "good for 1 more days"),
        (-3, "127.0.0.1", True, "fail", "expired"),
        (25, "192.0.2.1", True, "fail", "IP address mismatch"),
        (25, "127.0.0.1", False, "fail", "self-signed"),
    ],
    ids=["good", "begins-later", "ends-soon", "ends-now", "ended", "other-name", "nobody-s"],
)
def test_a_certificate_that_agents_refuse_or_soon_will_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    name: str,
    trusted: bool,
    state: str,
    words: str,
) -> None:
    context, certificate = make_certificate(tmp_path, name, days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls_server(context) as url:
        (one,) = examine_certificate(url, now())
    assert (one.state, words in one.message) == (state, True), one.message
    assert one.fix or state == "ok"


def test_nobody_behind_the_address_is_told(tmp_path: Path) -> None:
    (one,) = examine_certificate(f"https://127.0.0.1:{free_port()}", now())
    assert (one.state, "no TLS connection" in one.message) == ("fail", True)


def test_another_collector_behind_the_address_is_told(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with in_thread(tmp_path / "one") as other:
        site = set_up(tmp_path / "two", other.url)
        one = found(site)["address"]
    assert (one.state, "as another collector" in one.message) == ("fail", True)


def test_clocks_that_differ_are_told_by_how_much(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        assert found(site)["clock"].state == "ok"
        ahead, behind = (
            found(site, now() + timedelta(seconds=20))["clock"],
            found(site, now() - timedelta(hours=1))["clock"],
        )
    assert (ahead.state, "ahead of" in ahead.message) == ("warn", True)
    assert (behind.state, "behind" in behind.message) == ("fail", True)


def test_a_collector_that_takes_nothing_is_told(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        (tmp_path / "collector.keys" / "signing.jwk").chmod(0o644)
        by_name = found(server.site)
        (tmp_path / "collector.keys" / "signing.jwk").chmod(0o600)
    assert (by_name["ready"].state, by_name["ready"].message) == ("fail", "the collector's keys cannot be read")


def test_a_responder_with_another_key_is_told(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    with responder(tmp_path) as far_end:
        with opened(site.database) as db, transaction(db):
            programs.pin_responder(db, Responder(far_end, SoftwareKey.generate().public, now()))
        one = found(site)["responder"]
    assert (one.state, "than the one that was pinned" in one.message) == ("fail", True)
    assert f"responder add {far_end}" in one.fix


def test_promises_that_are_not_kept_or_cannot_be_are_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:1")
    site.invite("Ada Lovelace")

    def upkeep(at: datetime) -> dict[str, str]:
        with opened(site.database) as db:
            return {one.name: one.state for one in examine_upkeep(db, at)}

    assert "retention-backlog" not in upkeep(now() + 180 * DAY)
    assert upkeep(now() + 182 * DAY)["retention-backlog"] == "fail"
    retention.purge(site.database, now() + 182 * DAY)
    assert "retention-backlog" not in upkeep(now() + 182 * DAY)
    assert "retention-recheck" not in upkeep(now())
    with opened(site.database) as db:
        policy = programs.get(db, "support").policy
    administration.add_program(site.database, "brief", "Brief", "To see.", 5, policy, "a test", now())
    assert policy.recheck == "30d"  # longer than five days
    assert upkeep(now())["retention-recheck"] == "warn"


def test_a_collector_without_programs_is_told(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", "http://127.0.0.1:1", now())
    assert {one.name: one.state for one in examine(database, now())}["programs"] == "warn"
