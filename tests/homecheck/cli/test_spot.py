"""`homecheck check --spot` as cron calls it: in working hours alone, for those whose people work, ended in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
import pytest

from homecheck import history
from homecheck.cli.check_options import CheckOptions
from homecheck.cli.spot import after_waiting
from homecheck.config import Home
from homecheck.enrolment import find, leave, load_enrolments
from homecheck.evidence import Evidence, ProbeRun
from homecheck.file_lock import exclusive
from homecheck.history import Source, load
from homecheck.measurement import Measurement, Need, Quantity
from homecheck.policy import parse_policy
from homecheck.signing import EVIDENCE, verify
from homecheck.spot import Waiting
from probes.quiet_room import QuietRoom
from tests.command_line import Result, homecheck
from tests.scripted_collector import NOW, Reply, Request, ScriptedCollector
from tests.soundcard import SoundCard

NOISE = Quantity("room.noise", "dBFS(A)", "test")
LIMIT = '[[requirement]]\nquantity = "room.noise"\nat_most = -40\n'


def window(first_hour: float, last_hour: float) -> str:
    """Return hours of every day, from and to so many hours from now."""
    ends = [datetime.now(UTC) + timedelta(hours=hours) for hours in (first_hour, last_hour)]
    return "Mon-Sun " + "-".join(f"{end:%H:%M}" for end in ends)


def shift(first_hour: float, last_hour: float) -> str:
    """Return these hours as a policy's."""
    return f'[shift]\ntimezone = "UTC"\nwindows = ["{window(first_hour, last_hour)}"]\n'


def at_work() -> str:
    return shift(-2, 4)


def at_leisure() -> str:
    return shift(6, 12)


def policy(hours: str, rule: str = "") -> str:
    return f'name = "mine"\nversion = "1"\n{LIMIT}{rule}{hours}'


@dataclass(frozen=True)
class Heard:
    """A room probe that hears in no time."""

    name: str = "quiet_room"
    version: str = "2"
    quantities: tuple[Quantity, ...] = (NOISE,)
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: str = "Nothing."
    deadline_seconds: float = 5.0

    def run(self) -> Iterator[Measurement]:
        yield Measurement(NOISE, -60.0, 0.5, details={"endpoint": "Headset"})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "hö me")


@pytest.fixture
def heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real probe listens for five seconds at least, and needs a sound card.
    monkeypatch.setattr("homecheck.cli.check.build_probes", lambda *_: [Heard()])


def mine(tmp_path: Path, text: str) -> str:
    (tmp_path / "mine.toml").write_text(text)
    return str(tmp_path / "mine.toml")


def spot(home: Home, *arguments: str, within: str = "1s") -> Result:
    only = ("--only", "room*", "--listen", "5s", "--unattended")
    return homecheck(home, "check", "--spot", within, *only, *arguments)


def test_outside_working_hours_nothing_is_measured_and_one_line_says_so(home: Home, tmp_path: Path) -> None:
    done = spot(home, "--policy", mine(tmp_path, policy(at_leisure())), "--output", "json", within="1h")
    assert (done.status, done.out) == (0, "")
    (line,) = done.err.splitlines()
    assert line.startswith("Spot check: the next 60 minutes leave no room for one in the working hours (mine: Mon-Sun ")
    assert line.endswith(" UTC). Nothing was measured.")
    assert not home.history.exists()
    assert not home.seq.exists()


def test_hours_that_are_shorter_than_the_listening_have_no_room_for_it(home: Home, tmp_path: Path) -> None:
    file = mine(tmp_path, policy(at_work()))
    done = spot(home, "--policy", file, "--listen", "7h", within="1h")
    assert done.status == 0
    assert "leave no room" in done.err


@pytest.mark.parametrize("arguments", [("--policy", "voice-standard"), ()])
def test_without_working_hours_it_is_told_what_to_write_into_the_policy(home: Home, arguments: tuple[str, ...]) -> None:
    done = spot(home, *arguments, within="1h")
    assert (done.status, done.out) == (2, "")
    assert "no policy names any (voice-standard)" in done.err
    (written,) = ("[shift]" + rest for rest in done.err.split("[shift]")[1:])
    hours = parse_policy(policy(written), "test").shift
    assert hours is not None
    assert hours.windows == ("Mon-Fri 18:00-22:00",)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--spot", "8d"), 2, "--spot: at most 7d"),
        (("--spot", "soon"), 2, "'soon' is no duration; write 10s, 30m, 12h or 7d"),
        (("--spot", "1h", "--only", "rooom*"), 1, "--only and --skip leave nothing to measure"),
        (("--spot", "1h", "--program", "sales"), 2, "not enrolled in a program of this name"),
        (("--spot", "1h", "--program", "sales", "--policy", "chat-only"), 2, "does not go with --program"),
        (("--spot", "1h", "--policy", "nosuch"), 1, "nosuch: there is neither a policy"),
        (("--spot", "1h", "--save", "/nowhere/at/all"), 2, "--save: there is no folder"),
    ],
)
def test_a_mistake_is_told_before_the_waiting_begins(
    home: Home, arguments: tuple[str, ...], status: int, told: str
) -> None:
    done = homecheck(home, "check", "--unattended", *arguments)
    assert done.status == status
    assert told in done.err
    assert "at a random moment" not in done.err


def test_a_second_spot_check_says_so_and_ends(home: Home, tmp_path: Path) -> None:
    home.root.mkdir()
    with exclusive(home.root / "spot.lock") as alone:
        assert alone
        done = spot(home, "--policy", mine(tmp_path, policy(at_work())), within="1h")
    assert (done.status, done.out) == (1, "")
    assert "another spot check is under way on this computer" in done.err


@pytest.mark.usefixtures("heard_at_once")
def test_each_program_is_sent_what_lies_in_its_own_hours_and_nothing_else(home: Home) -> None:
    with (
        ScriptedCollector(policy_text=policy(at_work())) as working,
        ScriptedCollector(policy_text=policy(at_leisure())) as sleeping,
        ScriptedCollector(policy_text=policy("")) as without,
    ):
        for collector in (working, sleeping, without):
            assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
        done = spot(home, "--output", "json")
        assert done.status == 0, done.err
        assert [upload["status"] for upload in json.loads(done.out)["uploads"]] == ["accepted"]
        (sent,) = working.sent("PUT")
        evidence = Evidence.from_bytes(verify(sent.body, EVIDENCE, working.devices.get))
        assert [found.value for found in evidence.measurements()] == [-60.0]
        for collector in (sleeping, without):
            assert collector.sent("PUT") == []
            assert not [request for request in collector.requests if request.path == "/v1/challenge"]
    (kept,) = load(home).runs
    assert kept.spot


@pytest.mark.usefixtures("heard_at_once")
def test_a_damaged_program_is_named_and_the_other_is_checked(home: Home) -> None:
    with ScriptedCollector(policy_text=policy(at_work())) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        collector.script("PUT", collector.receipt)
        (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
        done = spot(home, "--output", "json")
    assert done.status == 20, done.err
    sent, left_out = json.loads(done.out)["uploads"]
    assert (sent["program"], sent["status"]) == ("voice", "accepted")
    assert (left_out["program"], left_out["status"]) == ("sales", "none")
    assert done.err.count("sales is left out as it cannot be used") == 1


@pytest.mark.usefixtures("heard_at_once")
def test_a_program_that_is_asked_for_and_does_not_work_now_is_left_alone(home: Home) -> None:
    with ScriptedCollector(policy_text=policy(at_leisure())) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        done = spot(home, "--program", "voice")
        assert done.status == 0
        assert "leave no room for one in the working hours (voice: " in done.err
        assert collector.sent("PUT") == []


@pytest.mark.usefixtures("heard_at_once")
def test_hours_that_were_changed_while_it_waited_are_kept_to(home: Home) -> None:
    with ScriptedCollector(policy_text=policy(at_work())) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        later = parse_policy(policy(at_leisure()), "test")

        def changed(_: Request) -> Reply:
            return Reply(200, collector.signed_policy(policy=later, issued_at=NOW + timedelta(hours=1)))

        collector.script("GET", collector.honest, changed)
        done = spot(home)
        assert done.status == 0
        assert "the working hours are over, or were changed. Nothing is kept, and nothing is sent." in done.err
        assert "measuring" not in done.err
        assert collector.sent("PUT") == []
    assert not home.history.exists()


@pytest.mark.usefixtures("heard_at_once")
def test_new_hours_of_a_program_count_at_once(home: Home) -> None:
    with ScriptedCollector(policy_text=policy("")) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        assert spot(home).status == 2
        collector.policy = parse_policy(policy(at_work()), "test")
        assert spot(home).status == 0
        assert len(collector.sent("PUT")) == 1


def test_a_program_that_was_left_while_it_waited_is_not_measured_for(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedCollector(policy_text=policy(at_work())) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)

        def sleep(_: float) -> None:
            if load_enrolments(home):
                leave(home, find(home, "voice"))

        waiting = Waiting(sleep=sleep, below=lambda _: 50_000)
        assert after_waiting(CheckOptions(spot=1.0, no_upload=True), home, waiting) is None
    assert "this computer has left the program meanwhile. Nothing was measured." in capsys.readouterr().err


def test_a_computer_that_slept_through_the_hours_says_so(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slept = timedelta(0)

    def sleep(_: float) -> None:
        nonlocal slept
        slept = timedelta(hours=7)

    waiting = Waiting(clock=lambda: datetime.now(UTC) + slept, sleep=sleep, below=lambda count: count - 1)
    options = CheckOptions(policy=mine(tmp_path, policy(at_work())), spot=3600.0)
    assert after_waiting(options, home, waiting) is None
    told = capsys.readouterr().err
    assert "this computer slept, or its clock was set, until the working hours were over (mine: Mon-Sun " in told


@contextmanager
def waiting(home: Home, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a spot check that waits for an hour at least, and yield it when it does."""
    command = ["check", "--policy", mine(tmp_path, policy(shift(1, 5))), "--spot", "5h", "--unattended"]
    environment = {**os.environ, "HOMECHECK_HOME": str(home.root)}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell makes what it runs behind it deaf
    with subprocess.Popen(
        [sys.executable, "-m", "homecheck", *command], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        signal.signal(signal.SIGINT, before)
        try:
            assert process.stderr is not None
            assert "at a random moment within the next 5 hours" in process.stderr.readline()
            yield process
        finally:
            process.kill()  # if it has not ended by itself; the test fails then


def settled(process: psutil.Process) -> Any:
    """Return the processor's time once a process takes no more of it: it has told of its waiting, and goes to wait."""
    before = process.cpu_times()
    for _ in range(100):
        time.sleep(0.2)
        if process.status() == psutil.STATUS_SLEEPING and process.cpu_times() == before:
            break
        before = process.cpu_times()
    return before


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_waiting_ends_in_order(home: Home, tmp_path: Path, ending: signal.Signals) -> None:
    with waiting(home, tmp_path) as process:
        process.send_signal(ending)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told.strip()) == (1, "Stopped.")
    assert not home.history.exists()


def test_waiting_takes_no_time_of_the_processor_and_stops_no_other_check(home: Home, tmp_path: Path) -> None:
    with waiting(home, tmp_path) as process:
        watched = psutil.Process(process.pid)
        before = settled(watched)
        done = homecheck(home, "check", "--policy", "chat-only", "--only", "host.memory", "--unattended")
        assert done.status == 11, done.err  # not decided, but made
        after = watched.cpu_times()
    assert after.user + after.system - before.user - before.system <= 0.1


RATE = 48_000
# 1 kHz with a peak of 0.01: 20 lg(0.01 / √2) = -43.01 dB under full scale, and A-weighting is 0 dB at 1 kHz.
TONE = (0.01 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)


def test_the_median_of_a_month_of_spot_checks_decides_by_the_same_microphone_and_hours(
    home: Home, tmp_path: Path, sound_card: SoundCard
) -> None:
    hours = at_work()
    rule = f'over = "30d"\nruns_at_least = 3\nhours = "{window(-2, 4)}"\n'
    nine_of_ten = f'[[requirement]]\nquantity = "room.noise"\nat_most = -19\nstatistic = "p90"\n{rule}'
    file = mine(tmp_path, policy(nine_of_ten + hours, f'statistic = "median"\n{rule}').replace("-40", "-15"))
    now = datetime.now(UTC)

    def remember(days: float, level: float, microphone: str = "Plantronics Blackwire 3225 Series") -> None:
        noise = Measurement(NOISE, level, 0.5, details={"endpoint": microphone})
        run = ProbeRun("quiet_room", QuietRoom.version, now - timedelta(days=days), 10.0, (noise,))
        history.append(home, load(home), [run], Source(), now, spot=True)

    remember(31, -10.0)  # too long ago
    remember(29, -60.0)
    remember(3, -10.0, "Built-in Audio Analog Stereo")  # another microphone
    remember(2, -20.0)
    remember(1.5, -10.0)  # twelve hours off: outside the hours
    with sound_card.playing_into("wired", TONE, RATE):
        done = spot(home, "--policy", file, "--output", "json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert [value for _, value, _ in found["measurements"]["room.noise"]["earlier"]] == [-60.0, -20.0]
    assert found["measurements"]["room.noise"]["value"] == pytest.approx(-43.01, abs=0.4)
    median, p90 = (finding["explanation"] for finding in found["findings"])
    assert median.startswith("median of 3 runs in 30 days, Mon-Sun ")
    assert median.endswith(": -43 ± 23 dBFS(A)")
    # Four fifths of the way from -43.01 to -20, and by Conover's ranks (1.7 and 3.7 of 3) perhaps any of the three.
    assert p90.endswith(": -25 ± 35 dBFS(A)")
