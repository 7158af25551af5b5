"""Expected values: Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3 (score, uncorrected)."""

from __future__ import annotations

import pytest

from homecheck.standards.wilson_1927 import interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_equals_newcombes_table(successes: int, trials: int, low: float, high: float) -> None:
    assert interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_no_loss_in_a_thousand_is_not_proof_of_none() -> None:
    low, high = interval(0, 1000)
    assert low == 0
    assert high == pytest.approx(0.00382676, abs=1e-8)  # z^2 / (n + z^2)


def test_all_of_twenty_is_the_mirror_of_none() -> None:
    assert interval(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert interval(20, 20)[1] == 1.0


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_proportion_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        interval(successes, trials)
