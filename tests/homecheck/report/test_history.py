"""When is it bad? Tables by weekday and time of day, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from homecheck.history import PastRun, Source
from homecheck.measurement import Level
from homecheck.report.history import ROOM, rows, table

HERE = Source("https://responder.example", "responder")
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def run(day: int, hour: int, **levels: float) -> PastRun:
    at = int(datetime(2026, 11, day, hour, 30, tzinfo=UTC).timestamp())
    return PastRun(
        at, "network", "1", HERE, {f"network.{name}": Level(at, value, 0.1) for name, value in levels.items()}
    )


def test_seven_in_the_evening_on_tuesdays_is_a_row_of_its_own() -> None:
    runs = [
        run(17, 18, rtt=80.0, download=9.0, mos=3.5),  # Tuesday, 19:30 in Stockholm
        run(24, 18, rtt=60.0, download=11.0, mos=3.9),  # the Tuesday after
        run(24, 17, rtt=40.0, download=13.0, mos=4.1),  # the same two hours
        run(15, 8, rtt=20.0, download=95.0, mos=4.4),  # Sunday, 9:30
    ]
    evening, sunday = rows(runs, STOCKHOLM)
    assert (evening.when, evening.runs) == ("Tue 18-20", 3)
    assert evening.figures["network.rtt"] == (60.0, 80.0)  # late is bad
    assert evening.figures["network.download"] == (11.0, 9.0)  # slow is bad
    assert evening.figures["network.mos"] == (3.9, 3.5)
    assert (sunday.when, sunday.runs) == ("Sun 08-10", 1)
    assert sunday.members()["network.rtt"] == {"median": 20.0, "worst": 20.0}
    assert (sunday.members()["weekday"], sunday.members()["from"], sunday.members()["to"]) == ("Sun", "08:00", "10:00")


def test_the_table_stands_in_columns_and_says_what_was_not_measured() -> None:
    lines = table(rows([run(17, 18, rtt=80.0), run(15, 8, rtt=20.5, jitter=1.25, loss=0.0)], STOCKHOLM))
    assert lines == [
        "           runs  round trip ms    jitter ms  loss %  download Mbit/s  MOS",
        "Tue 18-20     1        80 | 80            –       –                –    –",
        "Sun 08-10     1    20.5 | 20.5  1.25 | 1.25   0 | 0                –    –",
    ]


def test_in_a_room_loud_and_busy_is_bad() -> None:
    def heard(day: int, **levels: float) -> PastRun:
        at = int(datetime(2026, 11, day, 18, 30, tzinfo=UTC).timestamp())
        kept = {f"room.{name}": Level(at, value, 0.1) for name, value in levels.items()}
        return PastRun(at, "quiet_room", "2", Source(microphone="Headset"), kept)

    runs = [heard(17, noise=-60.0, voices=20.0, events=6.0), heard(24, noise=-50.0, voices=0.0), heard(10, noise=-62.0)]
    (evening,) = rows(runs, STOCKHOLM, ROOM)
    assert evening.figures == {"room.noise": (-60.0, -50.0), "room.voices": (10.0, 20.0), "room.events": (6.0, 6.0)}
    assert table([evening], ROOM) == [
        "           runs  noise dBFS(A)  voices %  sudden sounds 1/min",
        "Tue 18-20     3      -60 | -50   10 | 20                6 | 6",
    ]
