"""Golden values: two independent implementations of G.107 that agree (OpenBACH compute_mos.py, loom), to 1e-6."""

from __future__ import annotations

import math

import pytest

from homecheck.standards.itu_g107 import Terminals, mos_cqe, mouth_to_ear_ms, outside_range, r_factor, rate

# Ie, Bpl, Ta ms, Ppl %, BurstR -> R, MOS
GOLDEN = [
    (0, 25.1, 0, 0, 1, 93.206208, 4.409406),
    (0, 25.1, 50, 0, 1, 91.756161, 4.379613),
    (0, 25.1, 100, 0, 1, 90.663730, 4.354920),
    (0, 25.1, 150, 0, 1, 89.539132, 4.327546),
    (0, 25.1, 200, 0, 1, 85.804718, 4.223180),
    (0, 25.1, 250, 0, 1, 79.177101, 3.992519),
    (0, 25.1, 300, 0, 1, 72.666360, 3.719431),
    (0, 25.1, 400, 0, 1, 62.246827, 3.215599),
    (0, 25.1, 0, 1, 1, 89.566361, 4.328232),
    (0, 25.1, 0, 5, 1, 77.425477, 3.923091),
    (0, 25.1, 0, 5, 2, 75.996063, 3.864123),
    (0, 4.3, 0, 1, 1, 75.281679, 3.833916),
    (0, 4.3, 0, 5, 1, 42.130939, 2.169620),
    (11, 19, 0, 0, 1, 82.206208, 4.104594),
    (11, 19, 0, 2, 1, 74.206208, 3.787558),
    (0, 25.1, 300, 2, 1, 65.655290, 3.387200),
]

# Ta ms -> Idte, Idle, Idd
DELAY_PARTS = [
    (0, 0, 0.149046, 0),
    (50, 1.022945, 0.576147, 0),
    (100, 1.963791, 0.727733, 0),
    (150, 2.811844, 0.840747, 0.163531),
    (200, 3.570849, 0.935273, 3.044414),
    (250, 4.242856, 1.018587, 8.916710),
    (300, 4.833940, 1.094259, 14.760695),
    (400, 5.808211, 1.230127, 24.070089),
]


@pytest.mark.parametrize(("ie", "bpl", "delay_ms", "loss_pct", "burst", "r", "mos"), GOLDEN)
def test_r_and_mos_equal_the_golden_values(
    ie: float, bpl: float, delay_ms: float, loss_pct: float, burst: float, r: float, mos: float
) -> None:
    computed = r_factor(one_way_delay_ms=delay_ms, loss_pct=loss_pct, burst_ratio=burst, ie=ie, bpl=bpl)
    assert computed == pytest.approx(r, abs=1e-6)
    assert mos_cqe(computed) == pytest.approx(mos, abs=1e-6)


@pytest.mark.parametrize(("delay_ms", "i_dte", "i_dle", "i_dd"), DELAY_PARTS)
def test_the_parts_of_delay_equal_the_golden_values(delay_ms: float, i_dte: float, i_dle: float, i_dd: float) -> None:
    rating = rate(one_way_delay_ms=delay_ms, loss_pct=0)
    assert (rating.i_dte, rating.i_dle, rating.i_dd) == pytest.approx((i_dte, i_dle, i_dd), abs=1e-6)


def test_the_parts_at_default_values_equal_the_golden_values() -> None:
    rating = rate(one_way_delay_ms=0, loss_pct=0)
    assert rating.ro == pytest.approx(94.768822, abs=1e-6)
    assert (rating.i_olr, rating.i_st, rating.i_q) == pytest.approx((0.440178, -0.000715, 0.974105), abs=1e-6)
    assert rating.i_s == pytest.approx(1.413568, abs=1e-6)
    assert rating.i_d == pytest.approx(0.149046, abs=1e-6)


def test_the_parts_add_up_to_r() -> None:
    rating = rate(one_way_delay_ms=180, loss_pct=2, burst_ratio=1.5, terminals=Terminals(advantage=5))
    assert rating.r == pytest.approx(rating.ro - rating.i_s - rating.i_d - rating.ie_eff + 5, abs=1e-9)


@pytest.mark.parametrize(("r", "mos"), [(50, 2.575), (60, 3.1), (70, 3.597), (80, 4.024), (90, 4.339)])
def test_mos_of_round_values_of_r_is_that_of_annex_b(r: float, mos: float) -> None:
    assert mos_cqe(r) == pytest.approx(mos, abs=1e-6)


@pytest.mark.parametrize(("r", "mos"), [(-20, 1), (0, 1), (3, 1), (100, 4.5), (130, 4.5)])
def test_mos_stays_between_1_and_4_5(r: float, mos: float) -> None:
    assert mos_cqe(r) == mos


def test_mouth_to_ear_adds_buffer_and_packet_to_half_the_round_trip() -> None:
    assert mouth_to_ear_ms(100) == 50 + 60 + 20
    assert mouth_to_ear_ms(100, jitter_buffer_ms=40, packet_ms=30, look_ahead_ms=7.5) == 50 + 40 + 30 + 7.5


@pytest.mark.parametrize(
    ("delay_ms", "loss_pct", "burst", "culprit"),
    [(501, 0, 1, "delay"), (0, 20.5, 1, "loss"), (0, 2, 2.1, "burst"), (0, 1, 8.1, "burst")],
)
def test_what_the_model_was_not_made_for_is_named(delay_ms: float, loss_pct: float, burst: float, culprit: str) -> None:
    assert culprit in outside_range(delay_ms, loss_pct, burst)


@pytest.mark.parametrize(("delay_ms", "loss_pct", "burst"), [(500, 20, 2 - 1e-9), (0, 1.9, 8), (80, 0, 1)])
def test_the_edges_of_the_range_are_inside(delay_ms: float, loss_pct: float, burst: float) -> None:
    assert outside_range(delay_ms, loss_pct, burst) == ""


@pytest.mark.parametrize(
    ("delay_ms", "loss_pct", "burst", "bpl"),
    [(-1, 0, 1, 25.1), (math.nan, 0, 1, 25.1), (0, math.inf, 1, 25.1), (0, 0, 0.5, 25.1), (0, 0, 1, 0)],
)
def test_impossible_input_is_refused(delay_ms: float, loss_pct: float, burst: float, bpl: float) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        r_factor(one_way_delay_ms=delay_ms, loss_pct=loss_pct, burst_ratio=burst, bpl=bpl)
