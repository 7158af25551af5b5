"""Against a real meter: its octave levels and the noise rating that it printed for them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from homecheck.standards.iec_61672_1 import a_weighting_db
from homecheck.standards.iso_r_1996 import A, B, noise_rating

EXPORT = Path(__file__).parent / "data" / "cirrus_octaves.csv"


def export() -> dict[float, tuple[float, float]]:
    """Level and A-weighted level by midband."""
    with EXPORT.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {float(row["midband_hz"]): (float(row["level_db"]), float(row["a_weighted_db"])) for row in rows}


def test_the_meters_own_rating_comes_out() -> None:
    assert noise_rating({band: level for band, (level, _) in export().items() if band in A}) == 32


def test_the_meters_a_weighting_is_ours() -> None:
    bands = sorted(export())
    exact = 1000 * 10 ** (0.3 * np.round(np.log2(np.array(bands) / 1000)))
    weighting = [weighted - level for level, weighted in (export()[band] for band in bands)]
    np.testing.assert_allclose(a_weighting_db(exact), weighting, atol=0.15)  # two roundings to 0.1 dB
    assert 10 * np.log10(sum(10 ** (weighted / 10) for _, weighted in export().values())) == pytest.approx(
        36.1, abs=0.05
    )


@pytest.mark.parametrize("nr", [0, 25, 35, 80])
def test_a_noise_that_follows_a_curve_has_its_number(nr: int) -> None:
    curve = {band: A[band] + B[band] * nr for band in A}
    assert noise_rating({band: level - 1e-9 for band, level in curve.items()}) == nr


def test_the_loudest_band_decides() -> None:
    assert noise_rating({1000: 30, 250: 12 + 0.93 * 41}) == 41


def test_a_level_just_above_a_curve_belongs_to_the_next() -> None:
    assert noise_rating({1000: 35.01}) == 36


def test_no_level_has_no_rating() -> None:
    with pytest.raises(ValueError, match="needs octave levels"):
        noise_rating({})
