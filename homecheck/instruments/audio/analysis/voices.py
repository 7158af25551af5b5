"""Voices: for each 0.4 s of a sound, whether somebody speaks; not what is said, nor by whom.

A network of 33 cues, twelve inner units and one answer, 433 numbers in all, learnt from synthetic sounds alone
(`bench/room_voices.py`: which, how, and how often it is wrong). It knows no word and no language. Where the file comes
from: DATA.md one folder up.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.instruments.audio.analysis.speech_cues import NAMES, speech_cues
from homecheck.instruments.audio.analysis.speech_frames import SIZE, speech_frames

INNER: Final = 12
LIMIT: Final = 4.0  # standard deviations: a cue beyond what was learnt counts as the farthest that was
LIKELY: Final = 0.5


@dataclass(frozen=True)
class Network:
    """Mean and spread of each cue; the inner units' weights, shape (cues, 12), and offsets; the same of the answer."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    inner: NDArray[np.float64]
    inner_offset: NDArray[np.float64]
    answer: NDArray[np.float64]
    answer_offset: float

    def probability(self, cues: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of speech for each row of `cues`."""
        standard = np.clip((cues - self.mean) / self.spread, -LIMIT, LIMIT)
        z = np.tanh(standard @ self.inner + self.inner_offset) @ self.answer + self.answer_offset
        return np.asarray(1 / (1 + np.exp(-z)))


def voices(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell for each step of `speech_cues.STEP_SECONDS` of `x`, which is at 8 kHz, whether somebody speaks.

    The first and the last 0.6 s have no answer: it needs what comes before and after. Nothing for less than 1.6 s.
    """
    if len(x) < SIZE:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(network().probability(speech_cues(speech_frames(x))) > LIKELY)


@cache
def network() -> Network:
    """Return the network that is shipped. ValueError when its file is not for these cues."""
    text = (files("homecheck.instruments.audio") / "voices_network.csv").read_text(encoding="utf-8")
    rows = {row[0]: [float(cell) for cell in row[1:]] for row in csv.reader(text.splitlines()[1:])}
    if tuple(rows) != (*NAMES, "offset", "answer"):
        raise ValueError("voices_network.csv does not fit the cues")
    cues = np.array([rows[name] for name in NAMES])
    return Network(
        mean=cues[:, 0],
        spread=cues[:, 1],
        inner=cues[:, 2:],
        inner_offset=np.array(rows["offset"][2:]),
        answer=np.array(rows["answer"][2:]),
        answer_offset=rows["answer"][0],
    )
