"""Somebody's own speech over the room: both from one recording, so that the microphone's sensitivity cancels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.resampling import half_width
from homecheck.standards.iec_61672_1 import decibels
from homecheck.standards.itu_p56 import M, tally

SEGMENT_SECONDS: Final = 0.5  # what resampling draws
LEVEL_METHOD_DB: Final = 0.05  # P.56 by interpolation against the standard's own software
BURIED_DB: Final = 3.0  # added below P.56's margin: noise then counts as speech and fills the pauses


@dataclass(frozen=True)
class SpeechOverRoom:
    """Active speech level and room noise in dBFS (dBov), and the share of the reading that was speech."""

    speech_db: float
    room_db: float
    activity: float
    uncertainty_db: float  # of the difference

    @property
    def snr_db(self) -> float:
        """How much louder the speech is."""
        return self.speech_db - self.room_db


def speech_over_room(room: NDArray[Any], speech: NDArray[Any], rate_hz: int) -> SpeechOverRoom:
    """Return both levels of two stretches of one recording, each at least a second long.

    The room's mean is the converter's constant offset; speech has a mean of its own, which is none.
    """
    quiet, loud = room - room.mean(), speech - room.mean()
    size = round(SEGMENT_SECONDS * rate_hz)
    blocks = (quiet[: len(quiet) // size * size] ** 2).reshape(-1, size).mean(axis=1)
    room_u = half_width(lambda rows: decibels(float(blocks[rows].mean())), len(blocks))
    sums = tally(loud, rate_hz, size)
    level = sums.level()
    speech_u = half_width(lambda rows: sums.level(rows).active_db, len(sums.samples), LEVEL_METHOD_DB)
    noise = decibels(float(np.mean(blocks)))
    buried = BURIED_DB if level.active_db - noise < M else 0.0
    return SpeechOverRoom(level.active_db, noise, level.activity, math.hypot(speech_u, room_u, buried))
