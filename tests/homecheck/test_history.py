"""What is kept of earlier runs, for how long, and which of it goes along with a new check."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.errors import AtFault, StateError
from homecheck.evidence import ProbeRun
from homecheck.history import MOST_RUNS, History, PastRun, Source, append, clear, load, with_earlier
from homecheck.measurement import MAX_EARLIER, Cause, Failure, Level, Measurement, Quantity
from homecheck.policy import Limits, Requirement
from homecheck.several_runs import SeveralRuns
from homecheck.shift import Shift

RTT = Quantity("network.rtt", "ms", "test")
LOSS = Quantity("network.loss", "%", "test")
UDP = Quantity.yes_no("network.udp", "test")
NOISE = Quantity("room.noise", "dBFS(A)", "test")
MEMORY = Quantity("host.memory", "GiB", "test")
HERE = Source("https://responder.example", "responder")
LINE = b'{"at": %d, "probe": "network", "version": "1", "far_end": "", "method": "responder", "levels": %s}'
NOW = datetime(2026, 11, 23, 19, 0, 0, 400_000, tzinfo=UTC)


def run(rtt: float | None, at: datetime = NOW, probe: str = "network", version: str = "1") -> ProbeRun:
    failure = Failure("udp_blocked", "home_link", "none came back", "Switch the VPN off.")
    measured = Measurement(RTT, failure=failure) if rtt is None else Measurement(RTT, rtt, 0.5, details={"sent": 9})
    others = (Measurement(UDP, value=True), Measurement(LOSS, 0.0, 0.38), Measurement(MEMORY, 8, 0))
    return ProbeRun(probe, version, at, 30.0, (measured, *others))


def past(rtt: float, at: datetime, source: Source = HERE, version: str = "1") -> PastRun:
    moment = int(at.timestamp())
    return PastRun(moment, "network", version, source, {"network.rtt": Level(moment, rtt, 0.5)})


def ask(rule: SeveralRuns | None, quantity: str = "network.rtt") -> Requirement:
    return Requirement(quantity, Limits(at_most=100), runs=rule)


def earlier(history: Sequence[PastRun], *asked: Requirement, new: ProbeRun | None = None) -> list[float]:
    (found,) = with_earlier([new or run(20.0)], History(tuple(history)), HERE, asked)
    return [level.value for level in found.measurements[0].earlier]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "hö me")


def test_levels_come_back_as_they_were_kept_and_nothing_else_does(home: Home) -> None:
    append(home, load(home), [run(20.25)], HERE, NOW)
    (kept,) = load(home).runs
    at = int(NOW.timestamp())
    assert kept == PastRun(
        at, "network", "1", HERE, {"network.rtt": Level(at, 20.25, 0.5), "network.loss": Level(at, 0.0, 0.38)}
    )
    line = json.loads(home.history.read_text())
    assert line.keys() == {"at", "probe", "version", "far_end", "method", "levels"}
    assert {name for name, _, _ in line["levels"]} == {"network.rtt", "network.loss"}


def test_the_file_is_for_its_owner_alone(home: Home) -> None:
    append(home, History(), [run(20.0)], HERE, NOW)
    assert stat.S_IMODE(home.history.stat().st_mode) == 0o600


def test_a_failed_measurement_leaves_no_level(home: Home) -> None:
    append(home, History(), [run(None)], HERE, NOW)
    (kept,) = load(home).runs
    assert "network.rtt" not in kept.levels


def test_a_check_without_network_leaves_no_file(home: Home) -> None:
    append(home, History(), [ProbeRun("host", "1", NOW, 1.0, (Measurement(MEMORY, 8, 0),))], HERE, NOW)
    assert not home.history.exists()


def test_after_90_days_a_run_is_forgotten(home: Home) -> None:
    old = (past(1.0, NOW - timedelta(days=90, seconds=2)), past(2.0, NOW - timedelta(days=90)))
    append(home, History(old), [run(3.0)], HERE, NOW)
    assert [kept.levels["network.rtt"].value for kept in load(home).runs] == [2.0, 3.0]


def test_beyond_the_most_runs_the_oldest_is_forgotten(home: Home) -> None:
    full = tuple(past(float(index), NOW - timedelta(minutes=MOST_RUNS - index)) for index in range(MOST_RUNS))
    append(home, History(full), [run(7777.0)], HERE, NOW)
    kept = load(home).runs
    assert len(kept) == MOST_RUNS
    assert (kept[0].levels["network.rtt"].value, kept[-1].levels["network.rtt"].value) == (1.0, 7777.0)


@pytest.mark.parametrize(
    "damage",
    [
        b'{"at": 17956',
        b"\xff\xfe\x00",
        b"",
        b"[]",
        LINE % (-5, b"[]"),
        LINE % (5, b'[["network.rtt", "x", 1]]'),
        LINE % (5, b'[["network.rtt", 1, -1]]'),
        LINE % (5, b'[["network.rtt", 1]]'),
        LINE % (5, b'[], "more": 1'),
    ],
)
def test_a_damaged_line_is_counted_and_costs_no_other(home: Home, damage: bytes) -> None:
    append(home, History(), [run(20.0)], HERE, NOW)
    good = home.history.read_bytes()
    home.history.write_bytes(good + damage + b"\n" + good)
    found = load(home)
    assert (len(found.runs), found.damaged) == (2, 1)
    append(home, found, [run(21.0)], HERE, NOW)
    assert load(home).damaged == 0


def test_a_history_that_cannot_be_read_is_named(home: Home) -> None:
    home.history.mkdir(parents=True)
    with pytest.raises(StateError, match=r"history\.jsonl"):
        load(home)


def test_clearing_forgets_everything(home: Home) -> None:
    append(home, History(), [run(20.0)], HERE, NOW)
    assert clear(home) == 1
    assert not home.history.exists()
    assert clear(home) == 0


def test_a_policy_that_judges_the_latest_run_gets_no_earlier_levels() -> None:
    assert earlier([past(9.0, NOW - timedelta(days=1))], ask(None)) == []
    assert earlier([past(9.0, NOW - timedelta(days=1))], ask(SeveralRuns("worst"), "network.loss")) == []


def test_only_runs_within_the_days_and_hours_of_the_rule_go_along() -> None:
    history = [past(float(days), NOW - timedelta(days=days)) for days in (20, 10, 2)]
    assert earlier(history, ask(SeveralRuns("worst", days=14))) == [10.0, 2.0]
    # NOW is Monday 20:00 in Stockholm: two days before is Saturday, ten days before Friday.
    evenings = SeveralRuns("worst", days=14, hours=Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",)))
    assert earlier(history, ask(evenings)) == [10.0]
    assert earlier(history, ask(evenings), ask(SeveralRuns("median", days=30))) == [20.0, 10.0, 2.0]


def test_runs_against_another_far_end_by_another_method_or_version_are_not_compared() -> None:
    day = NOW - timedelta(days=1)
    strange = [
        past(1.0, day, Source("https://other.example", "responder")),
        past(2.0, day, Source(HERE.far_end, "ndt7")),
    ]
    assert earlier([*strange, past(3.0, day, version="0"), past(4.0, day)], ask(SeveralRuns("worst"))) == [4.0]


def test_a_level_that_our_own_side_has_spoilt_does_not_go_along_where_it_misses_the_limit(home: Home) -> None:
    def spoilt(rtt: float, days: int, at_fault: AtFault) -> ProbeRun:
        found = run(rtt, NOW - timedelta(days=days))
        first, *others = found.measurements
        return replace(found, measurements=(replace(first, cause=Cause(at_fault, "it slows down")), *others))

    runs = [spoilt(150.0, 4, "server"), spoilt(160.0, 3, "line"), spoilt(30.0, 2, "server")]
    append(home, History(), runs, HERE, NOW)
    assert earlier(load(home).runs, ask(SeveralRuns("worst"))) == [160.0, 30.0]


def test_runs_from_the_future_of_a_wrong_clock_do_not_go_along() -> None:
    assert earlier([past(9.0, NOW + timedelta(days=1)), past(8.0, NOW)], ask(SeveralRuns("worst"))) == []


def test_the_newest_sixty_go_along_oldest_first() -> None:
    history = [past(float(minutes), NOW - timedelta(minutes=minutes)) for minutes in range(100, 0, -1)]
    assert earlier(history, ask(SeveralRuns("worst"))) == [float(minutes) for minutes in range(MAX_EARLIER, 0, -1)]


def test_a_history_that_is_out_of_order_goes_along_by_time() -> None:
    history = [past(float(days), NOW - timedelta(days=days)) for days in (1, 3, 2)]
    assert earlier(history, ask(SeveralRuns("worst"))) == [3.0, 2.0, 1.0]


def test_what_is_ours_is_kept_beside_the_level_and_only_for_what_is_kept(home: Home) -> None:
    cause = Cause("server", "it slows down")
    found = run(20.0)
    first, udp, *others = found.measurements
    ours = replace(found, measurements=(replace(first, cause=cause), replace(udp, cause=cause), *others))
    append(home, History(), [ours], HERE, NOW)
    (kept,) = load(home).runs
    assert kept.ours == frozenset({"network.rtt"})
    assert json.loads(home.history.read_text())["ours"] == ["network.rtt"]


def test_two_runs_in_one_second_are_one() -> None:
    at = NOW - timedelta(days=1)
    assert earlier([past(1.0, at), past(2.0, at)], ask(SeveralRuns("worst"))) == [2.0]


def test_what_could_not_be_measured_now_carries_nothing() -> None:
    assert earlier([past(9.0, NOW - timedelta(days=1))], ask(SeveralRuns("worst")), new=run(None)) == []


def heard(level: float, at: datetime, microphone: str = "Headset") -> ProbeRun:
    noise = Measurement(NOISE, level, 0.5, details={"endpoint": microphone})
    kind = Measurement(Quantity.text("room.kind", "test"), "steady", details={"endpoint": microphone})
    return ProbeRun("quiet_room", "2", at, 10.0, (noise, kind))


def heard_before(home: Home, now: ProbeRun, rule: SeveralRuns, source: Source = HERE, **more: Shift) -> list[float]:
    """Return the earlier levels of the room that go along with the run `now`."""
    asked = [Requirement("room.noise", Limits(at_most=-40), runs=rule)]
    (found,) = with_earlier([now], load(home), source, asked, **more)
    return [level.value for level in found.measurements[0].earlier]


def test_the_room_is_compared_by_microphone_and_whatever_the_far_end_is(home: Home) -> None:
    days = [NOW - timedelta(days=days) for days in (3, 2, 1)]
    append(home, load(home), [heard(-61.0, days[0]), heard(-30.0, days[1], "Built-in")], HERE, NOW)
    append(home, load(home), [heard(-58.0, days[2])], Source("https://other.example", "ndt7"), NOW)
    assert [run.source.microphone for run in load(home).runs] == ["Headset", "Built-in", "Headset"]
    assert heard_before(home, heard(-60.0, NOW), SeveralRuns("median", days=30)) == [-61.0, -58.0]
    assert heard_before(home, heard(-60.0, NOW, "Built-in"), SeveralRuns("median", days=30)) == [-30.0]
    line = json.loads(home.history.read_text().splitlines()[0])
    assert line == {
        "at": int(days[0].timestamp()), "probe": "quiet_room", "version": "2", "far_end": "", "method": "",
        "levels": [["room.noise", -61.0, 0.5]], "microphone": "Headset",
    }  # fmt: skip


def test_a_spot_check_counts_only_for_those_whose_people_worked_then(home: Home) -> None:
    # NOW is Monday 20:00 in Stockholm. The day before is a Sunday, three days before a Friday.
    sunday, friday = NOW - timedelta(days=1), NOW - timedelta(days=3)
    append(home, load(home), [heard(-61.0, friday), heard(-62.0, sunday)], HERE, NOW, spot=True)
    append(home, load(home), [heard(-63.0, NOW - timedelta(hours=9))], HERE, NOW)
    assert [run.spot for run in load(home).runs] == [True, True, False]
    rule, new = SeveralRuns("worst"), heard(-60.0, NOW)
    assert heard_before(home, new, rule, shift=Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",))) == [-61.0, -63.0]
    assert heard_before(home, new, rule, shift=Shift("Europe/Stockholm", ("Sat-Sun 18:00-22:00",))) == [-62.0, -63.0]
    assert heard_before(home, new, rule) == [-63.0]
