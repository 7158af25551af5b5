from __future__ import annotations

from homecheck.instruments.byte_bins import ByteBins


def test_bytes_fall_into_the_bins_of_their_time() -> None:
    bins = ByteBins(100.0)
    bins.add(10, 100.05)
    bins.add(30, 100.10)
    bins.add(0, 100.15)
    assert bins.complete() == [10, 30, 0]
    assert bins.total == 40


def test_a_late_report_is_spread_over_the_time_that_it_covers() -> None:
    bins = ByteBins(0.0)
    bins.add(400, 0.2)
    assert bins.complete() == [100, 100, 100, 100]


def test_an_incomplete_bin_waits() -> None:
    bins = ByteBins(0.0)
    bins.add(70, 0.07)
    assert bins.complete() == [50]
    assert bins.total == 70


def test_a_clock_or_counter_that_goes_back_changes_nothing() -> None:
    bins = ByteBins(0.0)
    bins.reach(100, 0.1)
    bins.reach(40, 0.05)
    assert bins.complete() == [50, 50]
    assert (bins.total, bins.seconds) == (100, 0.1)
