"""Drawings of values over time. Expected places are reckoned by hand from the margins at the top of the module."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from homecheck.collector.course import Course, Step
from homecheck.collector.plots import BOTTOM, HEIGHT, LARGEST, LEFT, RIGHT, TOP, WIDTH, Point, plot, plots, scale
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.policy import Limits, parse_policy
from homecheck.standards.rfc_9562 import uuid7
from tests.people import POLICY_TEXT

DOWNLOAD = Quantity("network.download", "Mbit/s", "a method")
NOISE = Quantity("room.noise", "dBFS(A)", "a method")
NO_DEVICE = Failure("no_device", "device", "no microphone", "Plug it in.")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def step(days: float, *found: Measurement) -> Step:
    at = START + timedelta(days=days)
    evidence = Evidence(
        uuid7(0, bytes(10)), None, 0, None, 1, None, Device("k", "file"), at, at,
        Software("homecheck", "1", "3", "Linux"),
        (ProbeRun("a probe", "1", at, 1.0, found),),
    )  # fmt: skip
    return Step(f"sha256:{days}", at, evidence)


def speeds(*values: float, uncertainty: float = 1.0) -> Course:
    return Course(tuple(step(day, Measurement(DOWNLOAD, one, uncertainty)) for day, one in enumerate(values)), 0)


def test_values_stand_where_time_and_scale_put_them() -> None:
    found = plot(speeds(10, 30, 40), "network.download", Limits(at_least=20))
    assert found is not None
    # The scale goes from 0 to 60 in steps of 20: 41 is the highest end of an interval, and speed begins at 0.
    assert [tick.text for tick in found.ticks] == ["0", "20", "40", "60"]
    assert (found.ticks[0].y, found.ticks[-1].y) == (HEIGHT - BOTTOM, TOP)
    assert [dot.x for dot in found.dots] == [LEFT + 8, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT - 8]
    per_mbit = (HEIGHT - TOP - BOTTOM) / 60
    assert found.dots[1].y == pytest.approx(HEIGHT - BOTTOM - 30 * per_mbit)
    assert found.dots[1].low - found.dots[1].high == pytest.approx(2 * per_mbit)
    (limit,) = found.limits
    assert limit.text == "20"
    assert limit.y == pytest.approx(HEIGHT - BOTTOM - 20 * per_mbit)
    assert [dot.point.missed for dot in found.dots] == [True, False, False]


def test_time_is_to_scale() -> None:
    days = (0.0, 1.0, 10.0)
    way = Course(tuple(step(day, Measurement(DOWNLOAD, 5, 0)) for day in days), 0)
    found = plot(way, "network.download", None)
    assert found is not None
    first, second, last = (dot.x for dot in found.dots)
    assert (second - first) / (last - first) == pytest.approx(0.1)
    assert found.limits == ()


def test_a_limit_far_away_is_still_in_the_drawing() -> None:
    way = Course((step(0, Measurement(NOISE, -71.0, 1.0)),), 0)
    found = plot(way, "room.noise", Limits(at_most=-50))
    assert found is not None
    assert [tick.text for tick in found.ticks] == ["-80", "-70", "-60", "-50"]
    assert found.limits[0].y == TOP


def test_a_check_without_a_value_is_counted_and_not_drawn() -> None:
    way = Course((step(0, Measurement(NOISE, failure=NO_DEVICE)), step(1, Measurement(NOISE, -60.0, 1.0))), 0)
    found = plot(way, "room.noise", None)
    assert found is not None
    assert (len(found.dots), found.failed) == (1, 1)
    assert plot(Course((step(0, Measurement(NOISE, failure=NO_DEVICE)),), 0), "room.noise", None) is None


def test_a_quantity_that_was_not_sent_has_no_drawing() -> None:
    policy = parse_policy(POLICY_TEXT, "test policy")
    assert [one.quantity for one in plots(speeds(20), policy)] == ["network.download"]
    assert plots(Course((), 0), policy) == []


@pytest.mark.parametrize(
    "values",
    [(0.0,), (0.0, 0.0), (5e-324, 0.0), (1e12,), (-1e12, 1e12), (1e12, 1e12 - 1e-3), (0.1 + 0.2, 0.3), (-5.0, -7.0)],
)
@pytest.mark.parametrize("uncertainty", [0.0, 1e-300, 3.0, 1e12])
def test_odd_numbers_give_few_even_steps_and_stay_inside(values: tuple[float, ...], uncertainty: float) -> None:
    found = plot(speeds(*values, uncertainty=uncertainty), "network.download", Limits(at_least=10, at_most=2e12))
    assert found is not None
    assert 2 <= len(found.ticks) <= 7
    for dot in found.dots:
        assert TOP <= dot.high <= dot.low <= HEIGHT - BOTTOM
        assert TOP - 1e-6 <= dot.y <= HEIGHT - BOTTOM + 1e-6
        assert LEFT <= dot.x <= WIDTH - RIGHT


@pytest.mark.parametrize(("value", "uncertainty"), [(1e308, 0.0), (-1e308, 1.0), (5.0, 1.7e308), (2 * LARGEST, 0.0)])
def test_a_number_that_no_home_has_breaks_no_drawing(value: float, uncertainty: float) -> None:
    way = Course((step(0, Measurement(DOWNLOAD, value, uncertainty)), step(1, Measurement(DOWNLOAD, 5.0, 1.0))), 0)
    found = plot(way, "network.download", None)
    assert found is not None
    assert ([dot.point.value for dot in found.dots], found.failed) == ([5.0], 1)


def test_a_clock_that_was_set_back_keeps_the_values_inside() -> None:
    way = Course(tuple(step(day, Measurement(DOWNLOAD, 5, 0)) for day in (5, 9, 0)), 0)
    found = plot(way, "network.download", None)
    assert found is not None
    assert min(dot.x for dot in found.dots) == found.dots[2].x == LEFT + 8


def test_the_scale_has_even_numbers() -> None:
    found = step(0, Measurement(DOWNLOAD, 0.37, 0.0))
    point = Point(found, Measurement(DOWNLOAD, 0.37, 0.0), 0.37, 0.0, missed=False)
    assert scale([point], [1], from_zero=True) == pytest.approx([0, 0.5, 1])
