from __future__ import annotations

import pytest

from homecheck.standards.call_quality import direction, percentage, rate
from homecheck.standards.order_statistics import Quantile


def test_a_perfect_path_is_rated_by_its_delay_alone() -> None:
    way = direction([True] * 1000, [20.0] * 1000)
    rating = rate(way, Quantile(40.0, 40.0, 40.0))
    # 20 + 60 + 20 = 100 ms: the golden value of G.107 for Ta = 100 ms.
    assert rating.one_way_delay_ms == 100
    assert rating.r == pytest.approx(90.663730, abs=1e-6)
    assert rating.mos[0] == pytest.approx(4.354920, abs=1e-6)
    assert rating.mos[1] > 0  # 0 of 1000 lost is not proof of none


def test_packets_later_than_the_jitter_buffer_are_as_good_as_lost() -> None:
    transits = [20.0] * 90 + [20.0 + 60.1] * 10
    way = direction([True] * 100, transits)
    assert (way.losses.lost, way.late, way.discards.lost) == (0, 10, 10)
    assert rate(way, Quantile(40.0, 40.0, 40.0)).loss_pct == 10


def test_an_unknown_transit_time_is_neither_early_nor_late() -> None:
    way = direction([True] * 50 + [False] * 2, [5.0, None] * 25 + [None] * 2)
    assert (way.losses.lost, way.late, way.discards.lost) == (2, 0, 2)


def test_the_interval_of_r_covers_what_loss_and_delay_leave_open() -> None:
    way = direction([True] * 95 + [False] * 5, [20.0] * 95 + [None] * 5)
    narrow, wide = (rate(way, Quantile(40.0, 40.0 - arm, 40.0 + arm)).r_half_width for arm in (0, 30))
    assert 0 < narrow < wide


def test_beyond_the_models_range_the_rating_says_so() -> None:
    way = direction([True] * 60 + [False] * 40, [20.0] * 60 + [None] * 40)
    assert "20 %" in rate(way, Quantile(40.0, 40.0, 40.0)).outside_range


def test_too_few_packets_are_not_judged() -> None:
    with pytest.raises(ValueError, match="too little"):
        direction([True] * 19, [1.0] * 19)


def test_percentage_carries_wilsons_longer_arm() -> None:
    assert percentage(0, 1000) == pytest.approx((0, 0.382676), abs=1e-6)
