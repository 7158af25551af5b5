from __future__ import annotations

import random

import pytest

from homecheck.standards.rfc_3550 import jitter, mean_differences, transit_differences


def test_a_constant_offset_between_the_clocks_cancels() -> None:
    assert transit_differences([1000.0, 1004.0, 1002.0]) == [4.0, -2.0]


def test_the_estimate_rises_by_a_sixteenth_of_the_difference() -> None:
    # By hand: |D| = 16, 0 -> J = 1, then 1 - 1/16.
    assert jitter([0.0, 16.0, 16.0]) == [1.0, 0.9375]


def test_the_mean_of_normal_jitter_is_two_over_root_pi_of_its_deviation() -> None:
    source = random.Random(3)  # a fixed sequence: the tolerance is not a matter of luck
    transits = [source.gauss(20, 5) for _ in range(20_000)]
    assert mean_differences(transits) == pytest.approx(1.1284 * 5, rel=0.02)


def test_one_packet_has_no_jitter() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        mean_differences([1.0])
