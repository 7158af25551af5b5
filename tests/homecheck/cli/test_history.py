"""`homecheck history` shows when the line is bad, and forgets on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import history
from homecheck.config import Home
from homecheck.evidence import ProbeRun
from homecheck.file_lock import exclusive
from homecheck.history import Source, load
from homecheck.measurement import Measurement, Quantity
from tests.command_line import homecheck

RTT = Quantity("network.rtt", "ms", "test")
NOISE = Quantity("room.noise", "dBFS(A)", "test")
HERE = Source("https://responder.example", "responder")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def remember(home: Home, *values: float, source: Source = HERE, days: int = 1) -> None:
    now = datetime.now(UTC)
    for minutes, value in enumerate(reversed(values)):
        at = now - timedelta(days=days, minutes=minutes)
        run = ProbeRun("network", "1", at, 30.0, (Measurement(RTT, value, 1.0),))
        history.append(home, load(home), [run], source, now)


def heard_by(home: Home, microphone: str, *levels: float) -> None:
    now = datetime.now(UTC)
    for minutes, level in enumerate(levels, start=1):
        noise = Measurement(NOISE, level, 0.5, details={"endpoint": microphone})
        run = ProbeRun("quiet_room", "2", now - timedelta(minutes=minutes), 10.0, (noise,))
        history.append(home, load(home), [run], HERE, now)


def test_without_checks_it_says_how_levels_are_collected(home: Home) -> None:
    done = homecheck(home, "history")
    assert done.status == 0
    assert "homecheck check --only 'network*' --only 'room*' --unattended --no-upload" in done.out
    assert not home.root.exists()
    assert json.loads(homecheck(home, "history", "--output", "json").out)["rows"] == []


def test_levels_stand_by_weekday_and_time(home: Home) -> None:
    remember(home, 20.0, 80.0, 30.0)
    done = homecheck(home, "history")
    assert "3 runs against https://responder.example" in done.out
    assert "round trip ms" in done.out
    members = json.loads(homecheck(home, "history", "--output", "json").out)
    assert (members["runs"], members["others"], members["far_end"]) == (3, 0, HERE.far_end)
    assert sum(row["runs"] for row in members["rows"]) == 3
    assert max(row["network.rtt"]["worst"] for row in members["rows"]) == 80.0


def test_what_cannot_be_compared_is_counted_and_not_mixed_in(home: Home) -> None:
    remember(home, 1.0, 2.0, source=Source("http://127.0.0.1:9", "responder"), days=3)
    remember(home, 20.0)
    home.history.write_bytes(b"nonsense\n" + home.history.read_bytes())
    done = homecheck(home, "history")
    assert "1 run against https://responder.example" in done.out
    assert "Not shown: 2 runs against another far end, by another method or version." in done.out
    assert "Left out: 1 damaged line." in done.out


def test_one_run_that_cannot_be_compared_is_one(home: Home) -> None:
    remember(home, 1.0, source=Source("http://127.0.0.1:9", "responder"), days=3)
    remember(home, 20.0)
    assert "Not shown: 1 run against another far end" in homecheck(home, "history").out


def test_the_room_has_a_table_of_its_own_for_one_microphone(home: Home) -> None:
    heard_by(home, "Built-in", -30.0)
    heard_by(home, "Headset\x1b[2J", -61.0, -45.5, -60.0)
    done = homecheck(home, "history")
    assert "3 runs of the room, with Headset\ufffd[2J, " in done.out
    assert "noise dBFS(A)" in done.out
    assert "Not shown: 1 run with another microphone or version." in done.out
    assert "round trip" not in done.out
    members = json.loads(homecheck(home, "history", "--output", "json").out)
    assert (members["runs"], members["rows"], members["far_end"]) == (0, [], None)
    room = members["room"]
    assert (room["runs"], room["others"], room["microphone"]) == (3, 1, "Headset\x1b[2J")
    assert max(row["room.noise"]["worst"] for row in room["rows"]) == -45.5  # loud is bad


def test_line_and_room_stand_one_below_the_other(home: Home) -> None:
    heard_by(home, "Headset", -61.0)
    remember(home, 20.0)
    line, room = homecheck(home, "history").out.split("\n\n")
    assert line.startswith("1 run against https://responder.example")
    assert room.startswith("1 run of the room, with Headset")


def test_clearing_forgets(home: Home) -> None:
    assert "nothing to forget" in homecheck(home, "history", "clear").out
    remember(home, 20.0, 30.0)
    assert "Forgotten: 2 runs." in homecheck(home, "history", "clear").out
    remember(home, 20.0)
    assert "Forgotten: 1 run." in homecheck(home, "history", "clear").out
    assert not home.history.exists()


def test_nothing_is_cleared_under_a_running_check(home: Home) -> None:
    remember(home, 20.0)
    with exclusive(home.root / "check.lock"):
        done = homecheck(home, "history", "clear")
    assert done.status == 1
    assert "a check is running" in done.err
    assert home.history.exists()
