"""A backup made while people upload, put back elsewhere; and everything that can be wrong with one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homecheck.cli import run as command
from homecheck.collector import backup, setup
from homecheck.collector.erasing import erase_person
from homecheck.collector.log_memory import remember
from homecheck.collector.restore import restore
from homecheck.collector.store import copy, migrations
from homecheck.collector.store.database import opened
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import SetupError
from tests.live_collector import Site, in_thread, set_up
from tests.needs import need
from tests.people import FAILS, PASSES
from tests.postgres import PostgresServer


def make(site: Site, file: Path, *, with_keys: bool = False) -> backup.Backup:
    return backup.make(site.database, file, "a test", datetime.now(UTC), with_keys=with_keys)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A collector with the evidence of two people, that serves no more."""
    with in_thread(tmp_path) as running:
        running.worker(PASSES).check()
        running.worker(FAILS).check()
    return running


@pytest.fixture
def elsewhere(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "elsewhere" / "collector.db")


def test_what_was_acknowledged_before_it_began_is_in_a_backup_made_under_load(
    tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    with in_thread(tmp_path) as site:
        stop, acknowledged, failed = threading.Event(), 0, 0
        workers = [site.worker(PASSES, f"Person {number}") for number in range(3)]

        def upload(number: int) -> None:
            nonlocal acknowledged, failed
            while not stop.is_set():
                status = workers[number].check().status_code
                acknowledged, failed = acknowledged + (status == 201), failed + (status not in (201, 429))
                stop.wait(0.02)

        threads = [threading.Thread(target=upload, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            while acknowledged < 6:
                stop.wait(0.01)
            before = acknowledged
            make(site, tmp_path / "a.tar", with_keys=True)
            after = acknowledged
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failed == 0  # nobody was refused because of it
    found = restore(tmp_path / "a.tar", elsewhere)
    assert (found.has_keys, found.defects) == (True, ())
    with opened(elsewhere) as db:
        (stored,) = db.execute("SELECT COUNT(*) FROM evidence").fetchone()
        assert before <= stored <= after + len(workers)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert setup.load(elsewhere).url == site.url  # it can be served


def test_the_keys_stay_out_of_it_unless_they_are_asked_for(
    site: Site, tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    made = make(site, tmp_path / "a.tar")
    assert [one.name for one in made.manifest.parts] == ["database.sqlite", "log.checkpoint"]
    secrets = [(tmp_path / "collector.keys" / name).read_bytes() for name in backup.KEY_FILES]
    data = (tmp_path / "a.tar").read_bytes()
    private = [json.loads(secret)["d"].encode() if secret.startswith(b"{") else secret for secret in secrets]
    assert not any(secret in data for secret in private)
    assert stat.S_IMODE((tmp_path / "a.tar").stat().st_mode) == 0o600
    found = restore(tmp_path / "a.tar", elsewhere)
    assert (found.has_keys, found.keys) == (False, elsewhere.path.parent / "collector.keys")
    shutil.copytree(tmp_path / "collector.keys", found.keys)
    assert setup.load(elsewhere).url == site.url


def test_with_the_keys_it_comes_back_whole_and_for_its_owner_alone(
    site: Site, tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    make(site, tmp_path / "a.tar", with_keys=True)
    found = restore(tmp_path / "a.tar", elsewhere)
    assert found.defects == ()
    assert sorted(file.name for file in found.keys.iterdir()) == ["challenge.secret", "log.jwk", "signing.jwk"]
    for file in (elsewhere.path, *found.keys.iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {file.name for file in elsewhere.path.parent.iterdir()} == {"collector.db", "collector.keys"}


def test_making_one_is_on_record_and_overwrites_no_older_one(site: Site, tmp_path: Path) -> None:
    make(site, tmp_path / "a.tar", with_keys=True)
    before = (tmp_path / "a.tar").read_bytes()
    with pytest.raises(SetupError, match=r"a\.tar: is there already"):
        make(site, tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_bytes() == before
    assert site.browse_database("SELECT about || ', ' || detail FROM event WHERE kind = 'backup-made'") == [
        "a.tar, with the keys"
    ]
    assert site.browse_database("SELECT COUNT(*) FROM setting WHERE name = 'backed_up_at'") == [1]
    assert site.defects() == []


def test_where_something_is_nothing_is_restored(site: Site, tmp_path: Path, elsewhere: SqliteDatabase) -> None:
    make(site, tmp_path / "a.tar", with_keys=True)
    before = site.file.read_bytes()
    with pytest.raises(SetupError, match="a database is there already"):
        restore(tmp_path / "a.tar", site.database)
    assert site.file.read_bytes() == before
    elsewhere.path.parent.mkdir()
    shutil.copytree(tmp_path / "collector.keys", elsewhere.path.parent / "collector.keys")
    with pytest.raises(SetupError, match="a key is there already"):
        restore(tmp_path / "a.tar", elsewhere)
    assert not elsewhere.path.exists()


def test_at_every_length_a_shortened_backup_is_refused_and_leaves_nothing(
    site: Site, tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    make(site, tmp_path / "a.tar", with_keys=True)
    data = (tmp_path / "a.tar").read_bytes()
    end = data.rstrip(b"\0")  # what a tar ends with says nothing
    for length in (0, 1, 511, 512, 700, 1024, 5_000, len(data) // 2, len(end) - 1):
        (tmp_path / "short.tar").write_bytes(data[:length])
        with pytest.raises(SetupError, match=r"short\.tar"):
            restore(tmp_path / "short.tar", elsewhere)
        assert list(elsewhere.path.parent.iterdir()) == []


def repacked(source: Path, target: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    """Write the files of a backup anew, after `change`."""
    with tarfile.open(source) as tar:
        files = {one.name: handle.read() for one in tar if (handle := tar.extractfile(one)) is not None}
    with tarfile.open(target, "w") as tar:
        for name, data in change(files).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def manifest_with(files: dict[str, bytes], /, **changes: Any) -> dict[str, bytes]:
    members = {**json.loads(files["manifest.json"]), **changes}
    return {**files, "manifest.json": json.dumps(members).encode()}


def renamed(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """Return the files with the checkpoint under another name, in the manifest as well."""
    members = json.loads(files["manifest.json"])
    for one in members["files"]:
        one["name"] = name if one["name"] == "log.checkpoint" else one["name"]
    changed = manifest_with(files, files=members["files"])
    return {(name if key == "log.checkpoint" else key): data for key, data in changed.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: {**files, "database.sqlite": files["database.sqlite"][:-1] + b"x"}, "was changed"),
        (lambda files: {**files, "log.checkpoint": files["log.checkpoint"] + b"\n"}, "not where the manifest says"),
        (lambda files: manifest_with(files, v=2), "has the format 2"),
        (lambda files: manifest_with(files, schema=int(migrations.head()) + 1), f"format {int(migrations.head()) + 1}"),
        (lambda files: manifest_with(files, engine="oracle"), "oracle"),
        (lambda files: manifest_with(files, files=[]), "it names"),
        (lambda files: manifest_with(files, made_at="yesterday"), "no backup of a collector"),
        (lambda files: {**files, "manifest.json": b"[]"}, "no backup of a collector"),
        (lambda files: {name: files[name] for name in sorted(files)}, "does not begin with a manifest"),
        (lambda files: renamed(files, "../../evil"), "it names"),
        (lambda files: renamed(files, "/etc/evil"), "it names"),
        (lambda files: renamed(files, "database.sqlite"), "it names"),
    ],
    ids=[
        "a-byte", "a-byte-more", "later-format", "later-database", "engine", "no-files", "time", "no-object", "order",
        "climbs", "absolute", "twice",
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_written_is_refused_and_leaves_nothing(
    site: Site,
    tmp_path: Path,
    elsewhere: SqliteDatabase,
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
    words: str,
) -> None:
    make(site, tmp_path / "a.tar")
    repacked(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(SetupError, match=words) as caught:
        restore(tmp_path / "b.tar", elsewhere)
    assert "b.tar" in caught.value.message
    assert list(elsewhere.path.parent.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_link_in_the_place_of_a_file_is_not_followed(site: Site, tmp_path: Path, elsewhere: SqliteDatabase) -> None:
    make(site, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        text = manifest.read()
    members = json.loads(text)
    members["files"][0].update(size=0, sha256=hashlib.sha256(b"").hexdigest())
    text = json.dumps(members).encode()
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        info = tarfile.TarInfo("manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
        link = tarfile.TarInfo("database.sqlite")
        link.type, link.linkname = tarfile.SYMTYPE, str(site.file)
        tar.addfile(link)
    with pytest.raises(SetupError, match="not where the manifest says"):
        restore(tmp_path / "b.tar", elsewhere)


def test_entries_that_the_log_has_promised_since_are_counted(
    site: Site, tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    make(site, tmp_path / "a.tar")
    shutil.copytree(tmp_path / "collector.keys", elsewhere.path.parent / "collector.keys")
    with opened(site.database) as db:
        (size,) = db.execute("SELECT size FROM log_state").fetchone()
    site.invite("Ada Lovelace")
    site.invite("Charles Babbage")
    collector = setup.load(site.database)
    remember(collector.log, collector.readers(), elsewhere.path.parent / "collector.keys")
    collector.readers.close()
    with opened(site.database) as db:
        (later,) = db.execute("SELECT size FROM log_state").fetchone()
    # The event that a backup was made comes after the copy.
    assert restore(tmp_path / "a.tar", elsewhere).missing == later - size + 1
    with pytest.raises(SetupError, match="has promised"):
        setup.load(elsewhere)  # it says so before it serves as well


def test_people_who_were_erased_since_are_counted(site: Site, tmp_path: Path, elsewhere: SqliteDatabase) -> None:
    make(site, tmp_path / "a.tar")
    erase_person(site.database, "support", FAILS.name, "a test", datetime.now(UTC))
    shutil.copytree(tmp_path / "collector.keys", elsewhere.path.parent / "collector.keys")
    assert restore(tmp_path / "a.tar", elsewhere).erased_since == 1


def test_a_row_that_was_changed_before_the_backup_is_named_when_it_is_restored(
    site: Site, tmp_path: Path, elsewhere: SqliteDatabase
) -> None:
    with closing(sqlite3.connect(site.file)) as db, db:
        db.execute("UPDATE event SET detail = 'nothing happened' WHERE kind = 'set-up'")
    make(site, tmp_path / "a.tar", with_keys=True)
    defects = restore(tmp_path / "a.tar", elsewhere).defects
    assert {defect.wrong for defect in defects} == {"changed"}


def test_on_a_full_disk_it_says_so_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    need(os.name == "posix" and os.geteuid() == 0, "a full disk needs a file system of its own", "run as root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    need(mounted.returncode == 0, "no file system can be mounted here", "run with CAP_SYS_ADMIN")
    try:
        with pytest.raises(SetupError, match=r"cannot be (copied|written)") as caught:
            make(site, folder / "a.tar")
        assert caught.value.advice
        assert list(folder.iterdir()) == []
        assert site.browse_database("SELECT COUNT(*) FROM event WHERE kind = 'backup-made'") == [0]
        make(site, tmp_path / "a.tar")
        subprocess.run(["mount", "-o", "remount,size=64k", str(folder)], check=True)
        with pytest.raises(SetupError, match=r"cannot be restored"):
            restore(tmp_path / "a.tar", SqliteDatabase(folder / "collector.db"))
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_that_is_not_there_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="the backup cannot be written"):
        make(site, tmp_path / "nowhere" / "a.tar")


def test_at_the_command_line_both_say_what_they_did(tmp_path: Path) -> None:
    site = set_up(tmp_path, "https://collector.example.com")

    def run(*arguments: str, database: str = site.database.url) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "homecheck", "collector", "--database", database, *arguments]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)

    file = str(tmp_path / "a.tar")
    made = run("backup", file, "--with-keys")
    assert (made.returncode, "Encrypt it" in made.stderr) == (0, True)
    target = f"sqlite:///{tmp_path / 'b' / 'collector.db'}"
    back = run("restore", file, "--output", "json", database=target)
    assert back.returncode == 0
    found = json.loads(back.stdout)
    assert (found["database"], found["has_keys"], found["defects"]) == (target, True, [])
    again = run("restore", file, database=target)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


def test_set_up_and_restore_on_postgresql_print_no_password(
    tmp_path: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMECHECK_HOME", str(tmp_path / "home"))
    first, second = (server.new_database(tmp_path / name).url for name in ("one", "two"))
    assert server.password in first
    for *arguments, database in (
        ("init", first), ("backup", str(tmp_path / "a.tar"), first), ("restore", str(tmp_path / "a.tar"), second),
    ):  # fmt: skip
        assert command(["collector", *arguments, "--database", database]) == 0
    printed = capfd.readouterr()
    assert "database  postgresql://" in printed.out
    assert server.password not in printed.out + printed.err


def test_a_backup_of_postgresql_is_a_dump_that_is_put_back_whole(tmp_path: Path, server: PostgresServer) -> None:
    folder = tmp_path / "one"
    with in_thread(folder, database=server.new_database(folder)) as site:
        site.worker(PASSES).check()
        made = make(site, tmp_path / "a.tar", with_keys=True)
        site.worker(FAILS).check()  # too late for it
    assert [one.name for one in made.manifest.parts if not one.name.startswith("keys/")] == [
        "database.dump",
        "log.checkpoint",
    ]
    data = (tmp_path / "a.tar").read_bytes()
    assert server.password.encode() not in data
    target = server.new_database(tmp_path / "two")
    with pytest.raises(SetupError, match="this is for sqlite"):
        restore(tmp_path / "a.tar", SqliteDatabase(tmp_path / "three" / "collector.db"))
    found = restore(tmp_path / "a.tar", target)
    assert (found.has_keys, found.defects) == (True, ())
    with opened(target) as db:
        assert [row["name"] for row in db.execute("SELECT name FROM person")] == [PASSES.name]
    assert setup.load(target).url == site.url
    with pytest.raises(SetupError, match="a database is there already"):
        restore(tmp_path / "a.tar", target)


def test_a_dump_that_was_cut_short_leaves_an_empty_database(tmp_path: Path, server: PostgresServer) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    site = set_up(folder, "http://127.0.0.1:1", server.new_database(folder))
    make(site, tmp_path / "a.tar")
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(data[: len(data) * 6 // 10])
    target = server.new_database(tmp_path / "two")
    with pytest.raises(SetupError, match=r"b\.tar"):
        restore(tmp_path / "b.tar", target)
    assert copy.is_empty(target)
