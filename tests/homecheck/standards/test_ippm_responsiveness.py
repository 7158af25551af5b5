"""Numbers by hand from the formulas of draft-ietf-ippm-responsiveness-09, section "Aggregating the Measurements"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from homecheck.standards.ippm_responsiveness import (
    MAD,
    PROBE_BYTES,
    PTC,
    SDT,
    TLS_ROUND_TRIPS,
    Sample,
    Samples,
    foreign_rpm,
    loaded_rpm,
    measure,
    over,
    stable,
    trimmed_mean,
)


@pytest.mark.parametrize(
    ("values", "mean"),
    [(range(1, 101), 48.0), (range(1, 21), 10.0), (range(1, 20), 10.0), ([5.0], 5.0)],
    ids=["5 of 100 are left out", "1 of 20", "none of 19", "a single one"],
)
def test_the_trimmed_mean_leaves_out_the_slowest_twentieth(values: list[float], mean: float) -> None:
    assert trimmed_mean(list(reversed(values))) == mean


@pytest.mark.parametrize(
    ("tcp", "tls", "http", "rpm"),
    [(60, 60, 60, 1000), (100, 200, 300, 300), (100, None, 200, 400), (10, None, 10, 6000), (200, None, 200, 300)],
)
def test_foreign_responsiveness_is_the_mean_of_what_there_is(
    tcp: float, tls: float | None, http: float, rpm: float
) -> None:
    assert foreign_rpm(tcp, tls, http) == pytest.approx(rpm)


def test_loaded_responsiveness_is_a_minute_over_the_round_trip() -> None:
    assert loaded_rpm(200) == 300


@pytest.mark.parametrize(
    ("averages", "is_stable"),
    [
        ([100, 102, 98, 100], True),  # standard deviation 1.63
        ([100, 110, 90, 100], False),  # 8.16
        ([10, 500, 100, 102, 98, 100], True),  # the last four alone count
        ([100, 100, 100], False),  # fewer than MAD
        ([96, 104, 96, 104], True),  # 4.62, a twentieth of the newest is 5.2
        ([95, 105, 95, 105], False),  # 5.77 of 5.25
        ([100, 102, 111, 100], False),  # 5.25 of 5: the newest counts, not the one before
    ],
)
def test_stable_is_a_scatter_below_a_twentieth_of_the_newest(averages: list[float], is_stable: bool) -> None:
    assert stable(averages) is is_stable


def every_tenth(seconds: float, ms: Callable[[float], float]) -> tuple[Sample, ...]:
    """Samples that are complete ten times a second, from 0 on; `ms` tells of each moment how long they took."""
    moments = [index / 10 for index in range(round(seconds * 10))]
    return tuple(Sample(moment - ms(moment) / 1e3, ms(moment)) for moment in moments)


def full(seconds: float, ms: Callable[[float], float]) -> Samples:
    return Samples(tcp=every_tenth(seconds, ms), http=every_tenth(seconds, ms))


def test_a_constant_delay_gives_its_rate_with_high_confidence() -> None:
    found = measure(full(4.0, lambda _: 100.0), 0.0, 4.0)
    assert found is not None
    assert (found.rpm, found.half_width) == pytest.approx((600, 0))
    assert (found.tcp_ms, found.http_ms) == pytest.approx((100, 100))
    assert found.tls_ms is found.loaded_rpm is None
    assert found.confidence == "high"
    assert found.probes == 20


def test_with_round_trips_of_the_load_both_halves_count_alike() -> None:
    samples = replace(full(4.0, lambda _: 100.0), own=every_tenth(4.0, lambda _: 50.0))
    found = measure(samples, 0.0, 4.0)
    assert found is not None
    assert found.foreign_rpm == pytest.approx(600)
    assert found.loaded_rpm == pytest.approx(1200)
    assert found.rpm == pytest.approx(900)


def test_tls_is_a_third_of_the_foreign_half() -> None:
    found = measure(replace(full(4.0, lambda _: 100.0), tls=every_tenth(4.0, lambda _: 400.0)), 0.0, 4.0)
    assert found is not None
    assert found.rpm == pytest.approx(300)


def test_the_last_four_intervals_alone_make_the_value() -> None:
    found = measure(full(8.0, lambda moment: 500.0 if moment < 4 else 100.0), 0.0, 8.0)
    assert found is not None
    assert found.rpm == pytest.approx(600)


def test_a_delay_that_grows_has_medium_confidence() -> None:
    found = measure(full(6.0, lambda moment: 100.0 + 100 * moment), 0.0, 6.0)
    assert found is not None
    assert found.confidence == "medium"
    assert found.half_width > 0
    # The last 2 s: 500 … 690 ms in steps of 10; the slowest of the 20 is left out as it cannot be used590.
    assert found.rpm == pytest.approx(60_000 / 590)


@pytest.mark.parametrize(("calm_from", "confidence"), [(4.5, "high"), (5.0, "medium")])
def test_confidence_rests_on_the_last_four_averages_of_two_seconds(calm_from: float, confidence: str) -> None:
    # They begin 3.5, 3, 2.5 and 2 s before the end: the first of them must not have seen the slow start either.
    found = measure(full(8.0, lambda moment: 500.0 if moment < calm_from - 1e-6 else 100.0), 0.0, 8.0)
    assert found is not None
    assert found.rpm == pytest.approx(600)
    assert found.confidence == confidence


@pytest.mark.parametrize(("seconds", "confidence"), [(1.5, "low"), (2.0, "high"), (4.0, "high"), (8.0, "high")])
def test_when_the_load_began_on_the_clock_makes_no_difference(seconds: float, confidence: str) -> None:
    def later(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        return tuple(replace(one, began=one.began + 1000) for one in samples)

    samples = full(seconds, lambda moment: 100.0 if moment < seconds / 2 - 1 else 100 + moment)
    moved = Samples(tcp=later(samples.tcp), http=later(samples.http))
    now, then = measure(samples, 0.0, seconds), measure(moved, 1000.0, 1000.0 + seconds)
    assert now is not None
    assert then is not None
    assert then.rpm == pytest.approx(now.rpm)
    assert (now.confidence, then.confidence) == (confidence, confidence)


def test_what_is_complete_at_the_very_end_belongs_to_what_comes_after() -> None:
    one = Sample(0.0, 1000.0)
    assert Samples(tcp=(one,)).within(0.0, 1.0).tcp == ()
    assert Samples(tcp=(one,)).within(1.0, 2.0).tcp == (one,)


def test_five_round_trips_of_the_load_are_enough_for_its_half() -> None:
    found = measure(replace(full(4.0, lambda _: 100.0), own=every_tenth(4.0, lambda _: 50.0)[-5:]), 0.0, 4.0)
    assert found is not None
    assert found.loaded_rpm == pytest.approx(1200)


def test_numbers_of_the_draft_and_of_tls() -> None:
    assert (MAD, SDT, PTC, PROBE_BYTES) == (4, 0.05, 0.05, 5000)  # its parameters, and what it says a probe takes
    assert TLS_ROUND_TRIPS == {"TLSv1.3": 1, "TLSv1.2": 2}  # of a full handshake: RFC 8446 figure 1, RFC 5246 7.3


def test_a_load_shorter_than_four_intervals_has_low_confidence() -> None:
    found = measure(full(1.5, lambda _: 100.0), 0.0, 1.5)
    assert found is not None
    assert found.rpm == pytest.approx(600)
    assert found.confidence == "low"


def test_what_was_not_complete_when_the_load_ended_does_not_count() -> None:
    late = Sample(3.9, 5_000.0)
    samples = full(4.0, lambda _: 100.0)
    found = measure(replace(samples, tcp=(*samples.tcp, late)), 0.0, 4.0)
    assert found is not None
    assert found.tcp_ms == pytest.approx(100)


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_too_few_samples_say_nothing(seconds: float) -> None:
    assert measure(full(seconds, lambda _: 100.0), 0.0, 4.0) is None


def test_too_few_round_trips_of_the_load_leave_the_foreign_half_alone() -> None:
    found = measure(replace(full(4.0, lambda _: 100.0), own=every_tenth(4.0, lambda _: 50.0)[-4:]), 0.0, 4.0)
    assert found is not None
    assert found.rpm == pytest.approx(600)
    assert found.loaded_rpm is found.own_ms is None


def test_the_interval_is_that_of_the_stretches_by_hand() -> None:
    """Stretches of 90, 110, 90, 110 ms: s = 11.547, t(3) = 3.182, half width 3.182 x 11.547 / 2 = 18.371 ms.

    d(60000 / ms) = 60000 / 100^2 ms = 6 /min per ms; foreign and loaded half each 110.23, and so is their mean.
    """
    times = tuple(Sample(index / 10, 90.0 if index // 4 % 2 == 0 else 110.0) for index in range(16))
    foreign = over(Samples(tcp=times, http=times))
    assert foreign is not None
    assert (foreign.rpm, foreign.half_width) == pytest.approx((600, 110.23), abs=0.01)
    both = over(Samples(tcp=times, http=times, own=times))
    assert both is not None
    assert (both.rpm, both.half_width) == pytest.approx((600, 110.23), abs=0.01)


def test_five_samples_of_each_kind_are_enough_and_four_are_not() -> None:
    five = every_tenth(0.5, lambda _: 100.0)
    assert over(Samples(tcp=five, http=five)) is not None
    assert over(Samples(tcp=five, http=five[:4])) is None
    assert over(Samples(tcp=five, http=five, tls=five[:4])) is None


def test_a_short_load_is_cut_into_four_all_the_same() -> None:
    """1.5 s in four: all of it counts, also the slow beginning."""
    found = measure(full(1.5, lambda moment: 300.0 if moment < 0.5 else 100.0), 0.0, 1.5)
    assert found is not None
    assert found.tcp_ms == pytest.approx((5 * 300 + 10 * 100) / 15)  # none of 15 is left out
