"""Clipping: samples that stand in a row at the recording's own top.

A sample counts when it belongs to a run of at least three within 0.1 % of the largest or of the smallest value, each
side by itself, since a converter's offset moves both; a single full-scale sample is no clipping. In synthetic speech at
3, 6 and 12 dB of overload this finds 0.06 to 0.16, 0.6 to 1.2 and 3.8 to 6.7 % of the samples, where the truth is 0.09
to 0.22, 0.7 to 1.4 and 4.2 to 7.7 %. Blind after a change of rate and after a Bluetooth codec: both round the tops off.

Then the samples still crowd at the top. `crowding` compares how many lie near it with how many lie further down:
speech has the fewest at its top. Ten voices at two other rates: whole 0.26 to 0.57, 6 dB overloaded 0.58 to 1.12, 12 dB
0.52 to 1.87; 3 dB cannot be told (0.27 to 0.81). A steady tone crowds too and is no speech.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RUN: Final = 3
NEAR: Final = 0.999
CROWDED: Final = 0.65
OVERLOADED: Final = 0.05  # of the samples; a clean sine has 2.8 % within 0.1 % of its top
LOUD: Final = 0.1  # full scale 1: the few values of a very quiet 16-bit microphone stand in rows as well


def clipped(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each sample whether it is clipped."""
    if not x.any():
        return np.zeros(len(x), dtype=np.bool_)
    top = np.zeros(len(x) + 2, dtype=np.int8)
    top[1:-1] = ((x >= NEAR * x.max()) & (x > 0)) | ((x <= NEAR * x.min()) & (x < 0))
    edges = np.diff(top)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= RUN
    marks = np.zeros(len(x) + 1, dtype=np.int32)
    marks[starts[long]] = 1
    marks[ends[long]] -= 1
    return np.cumsum(marks[:-1]) > 0


def overloaded(x: NDArray[Any]) -> float:
    """Return the share of clipped samples of a room without speech where it is so large that no level means anything.

    0 otherwise: doors and dishes may clip for moments.
    """
    share = float(clipped(x).mean()) if len(x) and float(np.abs(x).max()) >= LOUD else 0.0
    return share if share > OVERLOADED else 0.0


def crowding(x: NDArray[Any]) -> float:
    """Return how many samples lie above 80 % of the top, for each one within 60 to 80 % of it.

    The top is what 0.05 % of the samples exceed: a cut top that was rounded off swings beyond its edge here and there.
    """
    size = np.abs(x)
    top = float(np.percentile(size, 99.95)) if len(x) else 0.0
    if top == 0.0:
        return 0.0
    return float((size > 0.8 * top).sum()) / max(1, int(((size > 0.6 * top) & (size <= 0.8 * top)).sum()))
