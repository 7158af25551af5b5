"""ISO/R 1996:1971, noise rating: how much a steady noise disturbs, by the curve that it just stays under.

The curves are levels a + b NR per octave, in dB re 20 µPa: NR needs sound pressure levels, and so a calibrated
microphone or a stated calibration. The coefficients are those that acoustics handbooks print; the recommendation itself
is withdrawn and was not read. A real meter's NR of a real noise comes out right with them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

A: Final[Mapping[float, float]] = {  # dB, by midband in Hz
    31.5: 55.4, 63.0: 35.5, 125.0: 22.0, 250.0: 12.0, 500.0: 4.8, 1000.0: 0.0, 2000.0: -3.5, 4000.0: -6.1, 8000.0: -8.0,
}  # fmt: skip
B: Final[Mapping[float, float]] = {
    31.5: 0.681, 63.0: 0.790, 125.0: 0.870, 250.0: 0.930, 500.0: 0.974, 1000.0: 1.000, 2000.0: 1.015, 4000.0: 1.025,
    8000.0: 1.030,
}  # fmt: skip


def noise_rating(levels: Mapping[float, float]) -> int:
    """Return NR of octave levels in dB re 20 µPa by midband in Hz, rounded up. ValueError without a level."""
    if not levels:
        raise ValueError("a noise rating needs octave levels")
    return math.ceil(max((level - A[band]) / B[band] for band, level in levels.items()))
