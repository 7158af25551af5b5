from __future__ import annotations

import pytest

from homecheck.standards.call_quality import by_codec, direction, percentage, rate
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


def test_each_codec_is_rated_by_what_g_113_says_of_it() -> None:
    # 2 of 100 lost, not in a row; rtt 40 ms: 100 ms mouth to ear, for which G.107 has R = 90.663730 without loss.
    way = direction([number not in (30, 60) for number in range(100)], [20.0] * 98 + [None] * 2)
    found = {one.codec.name: one for one in by_codec([way], 40.0)}
    assert found["G.711 with PLC"].r == pytest.approx(90.663730 - 95 * 2 / (2 + 25.1), abs=1e-6)
    assert found["G.711 without PLC"].r == pytest.approx(90.663730 - 95 * 2 / (2 + 4.3), abs=1e-6)
    # AMR-WB: 75 x 2 / 6.3 more than its Ie of 20, below 129 less the delay of 105 ms.
    wideband = found["AMR-WB 12.65 kbit/s, both ears"]
    assert wideband.r == pytest.approx(129 - 43.809524, abs=1.5)
    assert wideband.codec.wideband
    assert found["G.722 64 kbit/s"].r is found["G.722 64 kbit/s"].mos is None  # no published robustness


def test_without_loss_a_wideband_codec_without_robustness_is_rated_too() -> None:
    way = direction([True] * 100, [20.0] * 100)
    found = {one.codec.name: one for one in by_codec([way], 40.0)}
    assert found["G.722 64 kbit/s"].r == pytest.approx(129 - 13, abs=1.5)
    assert found["G.729A + VAD"].r == pytest.approx(90.663730 - 11, abs=0.2)  # and 5 ms of look-ahead


def test_the_direction_that_sounds_worse_counts_for_each_codec() -> None:
    good = direction([True] * 100, [20.0] * 100)
    bad = direction([number % 10 != 5 for number in range(100)], [20.0] * 90 + [None] * 10)
    both = [one.r for one in by_codec([good, bad], 40.0)]
    assert both == [one.r for one in by_codec([bad], 40.0)] == [one.r for one in by_codec([bad, good], 40.0)]


def test_what_late_packets_cost_is_told_apart_from_what_lost_ones_cost() -> None:
    arrived = [number not in (30, 60) for number in range(100)]
    transits = [20.0 if number not in (10, 80) else 81.0 for number in range(100)]
    rating = rate(direction(arrived, transits), Quantile(40.0, 40.0, 40.0))
    lost, both = 95 * 2 / (2 + 25.1), 95 * 4 / (4 + 25.1)
    assert rating.parts.ie_eff == pytest.approx(both, abs=1e-6)
    assert rating.cost_of_late == pytest.approx(both - lost, abs=1e-6)
