"""Levels written by hand, one value per 10 ms."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.instruments.audio.analysis.events import count_events

STEP = 0.01


def levels(*parts: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Levels in dB that last so many seconds each."""
    return np.concatenate([np.full(round(seconds / STEP), level) for level, seconds in parts])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-60, 10)], 0),
        ([(-60, 2), (-49, 0.2), (-60, 3)], 1),
        ([(-60, 2), (-51, 0.2), (-60, 3)], 0),  # 9 dB are no event
        ([(-60, 2), (-45, 1), (-60, 0.3), (-45, 1), (-60, 3)], 1),  # a word's pause does not end a sentence
        ([(-60, 2), (-45, 1), (-60, 0.6), (-45, 1), (-60, 3)], 2),
        ([(-60, 2), (-45, 1), (-54, 2), (-45, 1), (-60, 3)], 1),  # it never fell below 5 dB
        ([(-60, 2), (-54, 1), (-60, 1), (-45, 1)], 1),
        ([(-45, 1), (-60, 3), (-45, 1)], 2),
        ([], 0),
    ],
)
def test_events_are_counted(parts: list[tuple[float, float]], expected: int) -> None:
    assert count_events(levels(*parts) if parts else np.zeros(0), -60, STEP) == expected
