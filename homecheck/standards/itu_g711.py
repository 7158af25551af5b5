"""ITU-T Recommendation G.711 (11/1988): samples of mu-law and A-law, decoded to linear ones.

Both laws code a sign, a segment of three bits and four bits within it. Values are in units of full scale: the largest
of both laws (3.17 dBm0 for mu-law, 3.14 for A-law) is just below 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FULL_SCALE: Final = 32768.0
_MU_BIAS: Final = 0x84  # 33 in 14 bits, as Table 2a counts, times 4


def decode_mu_law(coded: bytes) -> NDArray[np.float64]:
    """Return the samples of mu-law bytes (Table 2a and 2b)."""
    bits = ~np.frombuffer(coded, dtype=np.uint8)  # sent inverted
    segment, step = (bits >> 4 & 7).astype(np.int64), (bits & 15).astype(np.int64)
    size = ((step << 3) + _MU_BIAS << segment) - _MU_BIAS
    return np.where(bits & 0x80, -size, size) / _FULL_SCALE


def decode_a_law(coded: bytes) -> NDArray[np.float64]:
    """Return the samples of A-law bytes (Table 1a and 1b)."""
    bits = np.frombuffer(coded, dtype=np.uint8) ^ 0x55  # every other bit is sent inverted
    segment, step = (bits >> 4 & 7).astype(np.int64), (bits & 15).astype(np.int64)
    low = (step << 4) + 8
    size = np.where(segment == 0, low, low + 0x100 << np.maximum(segment - 1, 0))
    return np.where(bits & 0x80, size, -size) / _FULL_SCALE
