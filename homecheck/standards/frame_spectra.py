"""Power spectra of a sound's frames, in single precision.

numpy transforms in single precision only when it has to scale the result: with its default, ``norm="backward"``, a
sound of 32 bits is transformed with 64 and rounded, which takes two to three times as long (numpy 2.4). `spectra`
therefore asks for ``norm="forward"``: the lines come divided by the length. Roundings lie 125 dB below the sound.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_AT_ONCE: Final = 2**16  # samples: some frames and their spectra stay in the processor's cache


def spectra(rows: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the transform of each row, divided by its length."""
    return np.fft.rfft(rows, axis=-1, norm="forward").astype(np.complex64, copy=False)


def frame_power(
    x: NDArray[Any], window: NDArray[np.float32], hop: int, size: int | None = None, lines: slice = slice(None)
) -> NDArray[np.float32]:
    """Return |X|^2 of each frame of `x` times `window`, every `hop` samples: shape (frames, lines).

    A frame is filled up with zeros to `size` samples. ValueError for less sound than a frame.
    """
    length = len(window)
    size = length if size is None else size
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(x, dtype=np.float32), length)[::hop]
    power = np.empty((len(frames), len(range(size // 2 + 1)[lines])), dtype=np.float32)
    scaled = window * np.float32(size)  # undoes the division by the length
    filled = np.zeros((min(len(frames), max(1, _AT_ONCE // size)), size), dtype=np.float32)
    for begin in range(0, len(frames), len(filled)):
        some = frames[begin : begin + len(filled)]
        np.multiply(some, scaled, out=filled[: len(some), :length])
        z = spectra(filled[: len(some)])[:, lines]
        power[begin : begin + len(some)] = z.real**2 + z.imag**2
    return power
