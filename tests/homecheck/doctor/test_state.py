"""The folder, the disk and what waits, each really broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis
from homecheck.doctor.state import MIB, examine_home, examine_spool
from tests.needs import need
from tests.scripted_collector import NOW


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 KiB with nothing on it."""
    need(sys.platform == "linux" and os.geteuid() == 0, "mounting a small disk needs root", "run as root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", disk], check=False)
    need(mounted.returncode == 0, "mounting is not allowed here", "run as root outside a container")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def troubles(found: Iterator[Diagnosis]) -> list[str]:
    return [one.trouble for one in found if one.trouble is not None]


def test_a_fresh_computer_is_in_order_and_asking_makes_no_folder(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "not" / "yet")
    found = [*examine_home(home), *examine_spool(home, NOW)]
    assert [one.state for one in found] == ["ok", "ok", "ok"]
    assert not (tmp_path / "not").exists()


def test_a_full_disk_is_said_to_be_full_and_nothing_stays_of_trying(small_disk: Path) -> None:
    home = Home.at(small_disk)
    assert troubles(examine_home(home)) == ["disk-nearly-full"]  # 128 KiB are little, and yet enough for one result
    (small_disk / "film").write_bytes(bytes(100_000))
    found = list(examine_home(home))
    assert [one.trouble for one in found] == ["home-not-writable", "disk-nearly-full"]
    assert "No space left on device" in found[0].message
    assert [path.name for path in small_disk.iterdir()] == ["film"]


def test_a_disk_that_is_read_only_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    found = next(iter(examine_home(Home.at(small_disk / "home"))))
    assert (found.state, found.trouble) == ("fail", "home-not-writable")
    assert "Read-only file system" in found.message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps folders by access lists")
def test_a_folder_that_others_can_look_into_is_named_with_what_closes_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    home.keys.mkdir(parents=True)
    home.root.chmod(0o700)
    home.keys.chmod(0o750)
    (found,) = [one for one in examine_home(home) if one.trouble]
    assert (found.state, found.trouble) == ("warn", "home-open")
    assert found.fix == f"Run: chmod 700 '{home.keys}'"


def test_what_waits_is_told_with_its_age_and_the_last_error(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    for number, text in enumerate((b"one", b"two")):
        name = spool.put(home, text, "voice", NOW + timedelta(days=number))
    spool.note_attempt(home, name, "collector.example.com: nobody answers there", "", None)
    (found,) = examine_spool(home, NOW + timedelta(days=3, hours=1))
    assert (found.state, found.trouble) == ("warn", "not-sent")
    assert found.message == (
        "2 results wait to be sent, the oldest for 3 days; last error: collector.example.com: nobody answers there"
    )


def test_a_clock_set_back_makes_no_negative_age(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    spool.put(home, b"one", "voice", NOW)
    (found,) = examine_spool(home, NOW - timedelta(days=3))
    assert found.message == "one result waits to be sent, since today"


def test_a_result_that_was_changed_on_the_disk_is_found(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    spool.put(home, b"good", "voice", NOW)
    damaged = spool.envelope_path(home, spool.put(home, b"cut short", "voice", NOW))
    damaged.write_bytes(b"cut")
    found = list(examine_spool(home, NOW))
    assert [one.trouble for one in found] == ["result-damaged", "not-sent"]
    assert str(damaged) in found[0].message


def test_what_is_no_file_of_the_spool_is_left_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    path = spool.envelope_path(home, spool.put(home, b"good", "voice", NOW))
    path.unlink()
    path.mkdir()  # not even root reads a folder
    (home.spool / f"{'0' * 64}.jws").symlink_to(path)
    assert troubles(examine_spool(home, NOW)) == []  # neither is a file of the spool's own
    assert spool.waiting(home) == ()


def test_what_was_given_up_is_shown_with_its_reason(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    spool.set_aside(home, spool.put(home, b"one", "voice", NOW), "key-revoked", NOW)
    waits, given_up = examine_spool(home, NOW)
    assert waits.state == "ok"
    assert (given_up.state, given_up.trouble) == ("warn", "set-apart")
    assert "key-revoked" in given_up.message


def test_a_spool_that_is_nearly_full_is_told(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    spool.put(home, bytes(41 * MIB), "voice", NOW)  # of 50 MB
    assert troubles(examine_spool(home, NOW)) == ["not-sent", "spool-full"]


@pytest.mark.parametrize(("content", "good"), [(b"17\n", True), (b"", False), (b"-1", False), (b"1e3", False)])
def test_a_damaged_count_of_results_is_found(tmp_path: Path, content: bytes, good: bool) -> None:
    home = Home.at(tmp_path)
    home.seq.mkdir()
    (home.seq / ("k" * 43)).write_bytes(content)
    (home.seq / f"{'k' * 43}.lock").write_bytes(b"")
    assert troubles(examine_spool(home, NOW)) == ([] if good else ["sequence-damaged"])
