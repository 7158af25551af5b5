from __future__ import annotations

import math

import pytest
from scipy import stats

from homecheck.standards.batch_means import half_width, student_t95


@pytest.mark.parametrize("degrees", range(1, 31))
def test_students_t_equals_that_of_scipy(degrees: int) -> None:
    assert student_t95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=5e-4)


def test_beyond_the_table_the_interval_is_a_little_wide_never_narrow() -> None:
    assert student_t95(1000) >= stats.t.ppf(0.975, 1000)


def test_two_samples_give_the_textbook_interval() -> None:
    # t(1) * s / sqrt(2) with s = sqrt(2): 12.706
    assert half_width([1.0, 3.0]) == pytest.approx(12.706)


def test_batches_see_through_samples_that_repeat_one_another() -> None:
    slow = [math.sin(index / 50) for index in range(2000)]
    naive = 1.96 * math.sqrt(0.5) / math.sqrt(len(slow))
    assert half_width(slow) > 3 * naive


def test_the_usual_number_of_batches_is_twenty_by_hand() -> None:
    # 40 samples in 20 pairs, whose means are 0 and 2 by turns: s^2 = 20 / 19, t(19) = 2.093
    samples = [0.0, 0.0, 1.0, 3.0] * 10
    assert half_width(samples) == pytest.approx(2.093 * math.sqrt(20 / 19) / math.sqrt(20))


def test_without_a_degree_of_freedom_there_is_no_t() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        student_t95(0)


def test_one_sample_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        half_width([1.0])
