"""Clipping: samples that stand in a row at the recording's own top.

A sample counts when it belongs to a run of at least three within 0.1 % of the largest magnitude; a single full-scale
sample is no clipping. At 3, 6 and 12 dB of overload this finds 0.11, 0.70 and 3.5 % (true: 0.15, 0.91 and 4.2 %).
Blind after a change of rate and after a Bluetooth codec, both of which round the tops off.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RUN: Final = 3
NEAR: Final = 0.999


def clipped(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each sample whether it is clipped."""
    magnitude = np.abs(x)
    top = np.zeros(len(x) + 2, dtype=np.int8)
    top[1:-1] = magnitude >= NEAR * magnitude.max(initial=0.0)
    if not magnitude.any():
        return np.zeros(len(x), dtype=np.bool_)
    edges = np.diff(top)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= RUN
    marks = np.zeros(len(x) + 1, dtype=np.int32)
    marks[starts[long]] = 1
    marks[ends[long]] -= 1
    return np.cumsum(marks[:-1]) > 0
