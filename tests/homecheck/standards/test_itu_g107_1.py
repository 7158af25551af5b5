"""Golden values: bgrewell/loom, an independent implementation; the loss term: NormB/sipnab, another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homecheck.standards.itu_g107_1 import WIDEBAND_TERMINALS, mos_cqe, rate

# Ie,wb, Ta ms -> R, MOS, Idte, Idle, Idd
GOLDEN = [
    (0, 0, 128.846315, 4.499152, 0, 0.153685, 0),
    (0, 50, 128.255018, 4.495632, 0.092907, 0.652075, 0),
    (5, 0, 123.846315, 4.456839, 0, 0.153685, 0),
    (5, 150, 122.421331, 4.439743, 0.355448, 1.012266, 0.210955),
]


@pytest.mark.parametrize(("ie", "delay_ms", "r", "mos", "i_dte", "i_dle", "i_dd"), GOLDEN)
def test_r_mos_and_the_parts_of_delay_equal_the_golden_values(
    ie: float, delay_ms: float, r: float, mos: float, i_dte: float, i_dle: float, i_dd: float
) -> None:
    rating = rate(one_way_delay_ms=delay_ms, loss_pct=0, ie=ie, bpl=None)
    assert (rating.r, mos_cqe(rating.r)) == pytest.approx((r, mos), abs=1e-6)
    assert (rating.i_dte, rating.i_dle, rating.i_dd) == pytest.approx((i_dte, i_dle, i_dd), abs=1e-6)


def test_pure_delay_at_200_ms_equals_the_golden_value() -> None:
    assert rate(one_way_delay_ms=200, loss_pct=0, ie=0, bpl=None).i_dd == pytest.approx(3.927294, abs=1e-6)


def test_loss_equals_the_value_of_another_implementation() -> None:
    """AMR-WB 12.65, 2 % of loss: 20 + 75 x 2 / 6.3 = 43.8095; without delay and echo that is a MOS of 3.4062."""
    rating = rate(one_way_delay_ms=0, loss_pct=2, ie=20, bpl=4.3)
    assert rating.ie_eff == pytest.approx(43.809524, abs=1e-6)
    assert mos_cqe(129 - rating.ie_eff) == pytest.approx(3.4062, abs=5e-5)


@pytest.mark.parametrize(("r", "mos"), [(-3, 1), (0, 1), (64.5, 2.575), (116.1, 4.339), (129, 4.5), (150, 4.5)])
def test_mos_is_that_of_r_over_1_29(r: float, mos: float) -> None:
    assert mos_cqe(r) == pytest.approx(mos, abs=1e-6)


def test_loss_without_a_robustness_factor_has_no_rating() -> None:
    with pytest.raises(ValueError, match="Bpl,WB"):
        rate(one_way_delay_ms=0, loss_pct=0.1, ie=13, bpl=None)


@pytest.mark.parametrize(("delay_ms", "loss_pct"), [(-1, 0), (0, float("nan")), (float("inf"), 0)])
def test_impossible_input_is_refused(delay_ms: float, loss_pct: float) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        rate(one_way_delay_ms=delay_ms, loss_pct=loss_pct, ie=13, bpl=4.3)


def test_an_advantage_of_access_is_added() -> None:
    mobile = replace(WIDEBAND_TERMINALS, advantage=10.0)
    there, plain = (
        rate(one_way_delay_ms=50, loss_pct=0, ie=0, bpl=None, terminals=t).r for t in (mobile, WIDEBAND_TERMINALS)
    )
    assert there - plain == pytest.approx(10)
