from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.config import Home
from homecheck.errors import Refused, StateError
from tests.needs import need

NOW = datetime(2026, 11, 23, 20, 33, tzinfo=UTC)
KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def name_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_what_is_put_waits_under_its_digest_with_its_program(home: Home) -> None:
    name = spool.put(home, b"signed bytes", "voice", NOW)
    assert name == name_of(b"signed bytes")
    (one,) = spool.waiting(home)
    assert (one.digest, one.program, one.size, one.since) == (name, "voice", 12, NOW)
    assert spool.read_envelope(home, name) == b"signed bytes"


def test_the_same_bytes_again_change_nothing(home: Home) -> None:
    name = spool.put(home, b"a", "voice", NOW)
    spool.note_attempt(home, name, "no answer", "", None)
    spool.put(home, b"a", "voice", NOW + timedelta(days=1))
    (one,) = spool.waiting(home)
    assert (one.since, one.notes.attempts, one.notes.error) == (NOW, 1, "no answer")


def test_the_oldest_comes_first(home: Home) -> None:
    for age, data in ((1, b"newer"), (3, b"oldest"), (2, b"older")):
        spool.put(home, data, "voice", NOW - timedelta(hours=age))
    assert [one.digest for one in spool.waiting(home)] == [name_of(data) for data in (b"oldest", b"older", b"newer")]


def test_what_was_set_aside_waits_no_longer_and_keeps_its_reason(home: Home) -> None:
    name = spool.put(home, b"a", "voice", NOW)
    spool.set_aside(home, name, "the collector refused it", NOW)
    assert spool.waiting(home) == ()
    (one,) = spool.aside(home)
    assert (one.digest, one.program, one.reason, one.at) == (name, "voice", "the collector refused it", NOW)
    assert (home.spool / "aside" / f"{name[7:]}.jws").read_bytes() == b"a"


def test_a_file_that_was_cut_short_is_refused_as_corrupt(home: Home) -> None:
    name = spool.put(home, b"signed bytes", "voice", NOW)
    spool.envelope_path(home, name).write_bytes(b"signed by")
    with pytest.raises(Refused) as caught:
        spool.read_envelope(home, name)
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("notes", [b"", b"{", b'{"program":1}', b'{"program":"a","program":"b"}', b"\xff"])
def test_damaged_notes_cost_the_history_and_not_the_evidence(home: Home, notes: bytes) -> None:
    name = spool.put(home, b"a", "voice", NOW)
    (home.spool / f"{name[7:]}.json").write_bytes(notes)
    (one,) = spool.waiting(home)
    assert (one.digest, one.program, one.notes.attempts) == (name, "", 0)


def test_only_one_can_claim_an_envelope_and_it_is_free_afterwards(home: Home) -> None:
    name = spool.put(home, b"a", "voice", NOW)
    with spool.claim(home, name) as first, spool.claim(home, name) as second:
        assert (first, second) == (True, False)
    with spool.claim(home, name) as third:
        assert third


def test_a_claim_ends_with_the_process_that_held_it(home: Home) -> None:
    name = spool.put(home, b"a", "voice", NOW)
    holder = child(home, f"with spool.claim(home, {name!r}) as held: print(held, flush=True); time.sleep(60)")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    with spool.claim(home, name) as held:
        assert not held
    holder.kill()
    holder.communicate()
    with spool.claim(home, name) as held:
        assert held


# Sequence numbers


def test_sequence_numbers_begin_at_1_and_are_on_disk_before_use(home: Home) -> None:
    assert [spool.next_seq(home, KID) for _ in range(3)] == [1, 2, 3]
    assert (home.seq / KID).read_bytes() == b"3\n"


def test_two_keys_count_on_their_own(home: Home) -> None:
    spool.next_seq(home, KID)
    assert spool.next_seq(home, "A" * 43) == 1


def test_eight_threads_never_get_the_same_number(home: Home) -> None:
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda _: spool.next_seq(home, KID), range(64)))
    assert sorted(numbers) == list(range(1, 65))


def test_three_processes_never_get_the_same_number(home: Home) -> None:
    program = f"print(*[spool.next_seq(home, {KID!r}) for _ in range(20)])"
    children = [child(home, program) for _ in range(3)]
    numbers = [int(number) for process in children for number in process.communicate(timeout=60)[0].split()]
    assert sorted(numbers) == list(range(1, 61))


@pytest.mark.parametrize("content", [b"", b"x", b"-1", b"1e3", "١".encode(), b"9" * 40])
def test_a_damaged_number_is_named_and_never_started_again(home: Home, content: bytes) -> None:
    home.seq.mkdir(parents=True)
    (home.seq / KID).write_bytes(content)
    with pytest.raises(StateError, match="this file is damaged") as caught:
        spool.next_seq(home, KID)
    assert str(home.seq / KID) in caught.value.message


def test_a_key_name_that_is_a_path_is_no_key_name(home: Home) -> None:
    with pytest.raises(ValueError, match="is no key's name"):
        spool.next_seq(home, "../../etc/passwd")


# Room


def test_evidence_older_than_30_days_is_dropped_and_counted(home: Home) -> None:
    old = spool.put(home, b"old", "voice", NOW - timedelta(days=31))
    new = spool.put(home, b"new", "voice", NOW)
    assert [one.digest for one in spool.waiting(home)] == [new]
    assert spool.dropped_count(home) == 1
    assert not spool.envelope_path(home, old).exists()


def test_without_room_superseded_evidence_goes_first_and_the_newest_of_each_program_stays(home: Home) -> None:
    size = spool.MAX_BYTES // 4
    data = {
        program + str(age): bytes([index]) * size for index, (program, age) in enumerate((("a", 3), ("b", 2), ("a", 1)))
    }
    for key, content in data.items():
        spool.put(home, content, key[0], NOW - timedelta(hours=int(key[1])))
    spool.put(home, b"x" * size, "c", NOW)
    waiting = [one.digest for one in spool.waiting(home)]
    assert waiting == [name_of(data["b2"]), name_of(data["a1"]), name_of(b"x" * size)]
    assert spool.dropped_count(home) == 1


def test_the_newest_of_each_program_stays_even_when_there_is_no_room(home: Home) -> None:
    half = spool.MAX_BYTES // 2
    for age, (program, content) in enumerate([("c", b"3"), ("b", b"2"), ("a", b"1")]):
        spool.put(home, content * half, program, NOW - timedelta(hours=3 - age))
    assert [one.program for one in spool.waiting(home)] == ["c", "b", "a"]
    assert spool.dropped_count(home) == 0


def test_notes_are_on_disk_before_the_envelope_that_they_are_about(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in between leaves notes without an envelope, which say nothing; never evidence of an unknown program."""
    name, order = name_of(b"evidence"), []
    sync = os.fsync

    def observe(descriptor: int) -> None:
        order.append((spool.read_notes(home, name).program, spool.read_envelope(home, name)))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", observe)  # the one moment at which a crash is worth thinking about
    spool.put(home, b"evidence", "voice")
    assert order[-1] == ("voice", b"evidence")
    assert ("", b"evidence") not in order


def test_what_a_crash_left_behind_is_removed_after_an_hour(home: Home) -> None:
    spool.put(home, b"a", "voice", NOW)
    leftovers = [home.spool / f"{'0' * 64}.jws.0123.tmp", home.spool / f"{'1' * 64}.json"]
    for path in leftovers:
        path.write_bytes(b"half")
    spool.make_room(home, 0, datetime.now(UTC))
    assert all(path.exists() for path in leftovers)  # young: somebody may be writing them
    spool.make_room(home, 0, datetime.now(UTC) + timedelta(hours=2))
    assert not any(path.exists() for path in leftovers)
    assert len(spool.waiting(home)) == 1


# A full disk and a sudden end


def child(home: Home, program: str) -> subprocess.Popen[bytes]:
    lines = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from homecheck import spool\n"
        "from homecheck.config import Home\n"
        f"home = Home.at(Path({str(home.root)!r}))\n"
    )
    return subprocess.Popen([sys.executable, "-c", lines + program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size is POSIX")
def test_a_file_that_cannot_grow_is_reported_and_leaves_nothing_half_written(home: Home) -> None:
    writer = child(
        home,
        "import resource\n"
        "from homecheck.errors import StateError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n    spool.put(home, b'x' * 20_000, 'voice')\n"
        "except StateError as error:\n    print(error.message)\n    print(error.advice)\n",
    )
    output, errors = writer.communicate(timeout=60)
    path = spool.envelope_path(home, name_of(b"x" * 20_000))
    message, advice = output.decode().splitlines()
    assert message == f"{path}: cannot write this file: File too large", errors
    assert advice.startswith("Free some disk space")
    assert spool.waiting(home) == ()
    assert not list(home.spool.glob("*.tmp"))


def test_a_full_disk_is_reported_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "mounting a small disk needs root", "run as root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False)
    need(mounted.returncode == 0, "mounting is not allowed here", "run as root outside a container")
    try:
        home = Home.at(disk / "home")
        kept = spool.put(home, b"small", "voice", NOW)
        with pytest.raises(StateError, match="No space left on device") as caught:
            spool.put(home, b"x" * 100_000, "voice", NOW)
        assert str(spool.envelope_path(home, name_of(b"x" * 100_000))) in caught.value.message
        assert [one.digest for one in spool.waiting(home)] == [kept]
        assert not list(home.spool.glob("*.tmp"))
        spool.put(home, b"small again", "voice", NOW)  # room enough: nothing of the failed attempt is left
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_kill_minus_9_leaves_no_torn_file_and_nothing_that_was_acknowledged_is_missing(tmp_path: Path) -> None:
    program = (
        "for number in range(1_000_000):\n"
        "    print(spool.put(home, b'%7d ' % number * 30_000, 'voice'), flush=True)\n"  # 240 kB take a while to write
    )
    for round_number in range(12):
        home = Home.at(tmp_path / str(round_number))
        writer = child(home, program)
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().decode().strip()]  # it is at work
        time.sleep(0.0017 * round_number)  # another moment each time
        writer.kill()
        acknowledged += writer.communicate()[0].decode().split("\n")[:-1]  # the last line may be cut short
        waiting = {one.digest for one in spool.waiting(home)}
        assert len(waiting) >= 1
        assert [name for name in acknowledged if name not in waiting] == []
        for name in waiting:
            spool.read_envelope(home, name)  # raises for a torn one
