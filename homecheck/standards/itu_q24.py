"""ITU-T Recommendation Q.24 (11/1988): a receiver of push-button digits (DTMF), with the limits of its Annex A.

Annex A lists what administrations ask of a receiver; the column of AT&T is met: tones off by 1.5 % or less are taken
and by 3.5 % or more refused; the high tone may be 4 dB stronger or 8 dB weaker than the low one; 40 ms are enough for
a digit, 23 ms are not, 40 ms of pause part two equal digits, and a break of 10 ms does not.

Eight correlators (Hann, 25.6 ms, every 2.5 ms) follow the eight frequencies. A stretch in which two of them hold nearly
all the power above 600 Hz, both steady in level and phase, at the right frequencies and for long enough, is a digit. In
speech one of these fails, or the voice's fundamental or a lower harmonic shows in one of two guard bands. A dial tone
lies between the guard bands: it is louder than the digit pressed over it. Noise that is there before and after as well
is not held against a digit: what a voice has beside two tones comes and goes with them.

Levels are in dB relative to overload (dBov): a full-scale sine has -3.01.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.itu_q23 import COLUMNS_HZ, KEYS, ROWS_HZ
from homecheck.standards.telephone_band import BAND_HZ, RATE_HZ, telephone_band

# Annex A, Table A-1, and where between "must" and "must not" this receiver draws the line.
OFFSET_LIMIT: Final = 0.024  # of the frequency: 1.5 % must work, 3.5 % must not
COLUMN_OVER_ROW_DB: Final = (-10.0, 6.0)  # -8 … +4 dB must work; 2 dB beyond for what noise adds
_COLUMN_OVER_ROW_DB: Final = (-14.0, 10.0)  # of one window, before tones that are off are made up for
SHORTEST_SECONDS: Final = 0.033  # 40 ms must work, 23 ms must not
JOINED_SECONDS: Final = 0.020  # a break of 10 ms is none, a pause of 40 ms (NTT: 30 ms) is one
LOWEST_DBOV: Final = -60.0  # of each tone: -53.9 dBm, where a codec's full scale is 3.14; -25 must work, -55 must not
AT_A_MICROPHONE_DBOV: Final = -80.0  # the same where the level says nothing: how a handset is held decides it

WINDOW: Final = 205  # samples, 25.6 ms
HOP: Final = 20  # samples, 2.5 ms
_BAND_HZ: Final = (600.0, BAND_HZ[1])
_GUARDS_HZ: Final = ((200.0, 320.0), (500.0, 640.0))

# Set so that 3 h of speech hold no digit and digits 6 dB above white noise are all found (bench/landline.py).
_PURITY: Final = 0.4  # share of a window's power in the two tones, before tones that are off are made up for
_PURITY_OF_ALL: Final = 0.8  # the same after that, as the median of the whole digit
_GUARD_DB: Final = -10.0  # sound in the guard bands over that of the two tones, likewise
_OTHERS_DB: Final = 6.0  # by which every other tone of a group is weaker
_STEADY_DB: Final = 1.4  # standard deviation of a tone's level within the digit
_STEADY_RADIANS: Final = 0.12  # standard deviation of its phase around a straight line
_TREMBLE: Final = 1.5  # by which noise may shake both more than white noise of its power would
_AROUND: Final = 400  # windows (1 s) before and after a digit that tell what noise there is
_QUIETEST_PERCENT: Final = 10  # of them: what else is loud there is no noise
_NO_LOUDER: Final = 0.8  # least power of a digit over that of its tones and of the noise around it
_SWING: Final = 2.5  # by which hum and noise in the narrow guard bands mostly exceed their quietest tenth
_PART: Final = 4000  # windows at a time, so that an hour of sound needs no gigabytes


@dataclass(frozen=True)
class Digit:
    """One digit: when it begins, how long it is, its tones' levels in dBov, and how far off they are (1 = 100 %)."""

    symbol: str
    start_seconds: float
    seconds: float
    row_db: float
    column_db: float
    row_offset: float
    column_offset: float


def find_digits(x: NDArray[Any], rate_hz: int, lowest_dbov: float = LOWEST_DBOV) -> Sequence[Digit]:
    """Return the digits in `x` (full scale 1) in order of time; times count from the first sample.

    A digit whose weaker tone is below `lowest_dbov` is none.

    ValueError for a rate below 8 kHz and for NaN or infinity.
    """
    narrow = telephone_band(x, rate_hz, _BAND_HZ)
    if len(narrow) < WINDOW:
        return ()
    guard = sum((telephone_band(x, rate_hz, band) for band in _GUARDS_HZ), np.zeros(len(narrow)))
    tones = _Tones.of(narrow, guard, lowest_dbov)
    found = (tones.digit(one.key, one.start, one.end) for one in _joined(tones.stretches()))
    return tuple(digit for digit in found if digit is not None)


@dataclass(frozen=True)
class _Stretch:
    """Windows from `start` to `end` with one key; `level` is the geometric mean of its tones' powers."""

    key: int
    start: int
    end: int
    level: float


@dataclass(frozen=True)
class _Tones:
    """What the correlators say, one row per window.

    `z` is the complex amplitude at the eight frequencies and `power` its mean square; `key` is the row times four plus
    the column of the strongest pair, `level` the geometric mean of its powers, `total` and `guard` the mean squares
    of all sound and of that in the guard bands, and `alike` tells whether the window could lie within a digit.
    """

    z: NDArray[np.complex128]
    power: NDArray[np.float64]
    key: NDArray[np.int64]
    level: NDArray[np.float64]
    total: NDArray[np.float64]
    guard: NDArray[np.float64]
    alike: NDArray[np.bool_]

    @classmethod
    def of(cls, narrow: NDArray[np.float64], guard: NDArray[np.float64], lowest_dbov: float) -> _Tones:
        """Return the tones of `narrow` that are not below `lowest_dbov`, beside what the guard bands hold."""
        z = _correlate(narrow)
        total = _mean_square(narrow)
        power = np.abs(z) ** 2 / 2
        low, high = power[:, :4], power[:, 4:]
        key = low.argmax(axis=1) * 4 + high.argmax(axis=1)
        row, column = low.max(axis=1), high.max(axis=1)
        alike = (np.minimum(row, column) > 10 ** (lowest_dbov / 10)) & (row + column > _PURITY * total)
        alike &= _within(column / np.maximum(row, 1e-30), _COLUMN_OVER_ROW_DB)
        for group, strongest in ((low, row), (high, column)):
            alike &= np.sort(group, axis=1)[:, -2] < strongest * 10 ** (-_OTHERS_DB / 10)
        return cls(z, power, key, np.sqrt(row * column), total, _mean_square(guard), alike)

    def stretches(self) -> Iterator[_Stretch]:
        """Yield windows alike with one key, widened to half their amplitude."""
        marked = np.where(self.alike, self.key, -1)
        bounds = np.flatnonzero(np.diff(marked)) + 1
        for start, end in zip([0, *bounds], [*bounds, len(marked)], strict=True):
            if marked[start] >= 0:
                level = float(np.median(self.level[start:end]))
                yield _Stretch(int(marked[start]), *self._widened(int(marked[start]), start, end), level)

    def digit(self, key: int, start: int, end: int) -> Digit | None:
        """Return the digit of the windows `start` to `end`, or None when they are none."""
        pair = [key // 4, 4 + key % 4]
        seconds = (end - start) * HOP / RATE_HZ
        # 1. The windows that hold the pair alone, at its full level: long enough, and most of all.
        inside = np.arange(start, end)[self.alike[start:end] & (self.key[start:end] == key)]
        core = inside[self.level[inside] > np.median(self.level[inside]) / 2]
        if seconds < SHORTEST_SECONDS or len(core) < (end - start) / 2:
            return None
        # 2. Both tones at their frequency, of levels that go together, as steady as the noise around them permits.
        offsets, wobble = self._phases(core, pair)
        if np.abs(offsets).max() > OFFSET_LIMIT:
            return None
        levels = _decibels(self.power[core][:, pair])
        noise, noise_in_guard = self._around(start, end)
        shaken = _TREMBLE * np.sqrt(noise * _NOISE_SHARE / 2 / 10 ** (levels.min(axis=1).mean() / 10))
        if wobble > np.hypot(_STEADY_RADIANS, shaken) or levels.std(axis=0).max() > np.hypot(_STEADY_DB, 8.7 * shaken):
            return None
        levels = levels + _lost_db(offsets * _FREQUENCIES[pair])
        row_db, column_db = np.median(levels, axis=0)
        if not COLUMN_OVER_ROW_DB[0] <= column_db - row_db <= COLUMN_OVER_ROW_DB[1]:
            return None
        # 3. Nothing else that comes and goes with them.
        power = (10 ** (levels / 10)).sum(axis=1)
        if np.median(self.total[core]) < _NO_LOUDER * (noise + np.median(power)):
            return None  # quieter than what is around it: that is no noise which goes on meanwhile
        if np.median(power / np.maximum(self.total[core] - noise, power)) < _PURITY_OF_ALL:
            return None
        if np.median((self.guard[core] - _SWING * noise_in_guard) / power) > 10 ** (_GUARD_DB / 10):
            return None
        begin = (start * HOP + WINDOW / 2) / RATE_HZ  # a tone begins where half of a window holds it
        return Digit(KEYS[pair[0]][key % 4], begin, seconds, row_db, column_db, *offsets.tolist())

    def _around(self, start: int, end: int) -> tuple[float, float]:
        """Return the noise around the windows `start` to `end`: mean squares of all sound and in the guard bands."""
        first, last = start - WINDOW // HOP, end + WINDOW // HOP
        near = np.r_[max(0, first - _AROUND) : max(0, first), last : min(last + _AROUND, len(self.total))]
        if not len(near):
            return 0.0, 0.0
        return tuple(np.percentile((self.total[near], self.guard[near]), _QUIETEST_PERCENT, axis=1).tolist())

    def _widened(self, key: int, start: int, end: int) -> tuple[int, int]:
        """Return the windows around `start` to `end` in which the pair has half of its amplitude there."""
        level = np.sqrt(self.power[:, key // 4] * self.power[:, 4 + key % 4])
        enough = np.median(level[start:end]) / 4
        while start > 0 and level[start - 1] >= enough:
            start -= 1
        while end < len(level) and level[end] >= enough:
            end += 1
        return start, end

    def _phases(self, core: NDArray[np.int64], pair: list[int]) -> tuple[NDArray[np.float64], float]:
        """Return how far both frequencies are off, as shares of them, and by how many radians their phases wobble."""
        times = core * HOP / RATE_HZ
        turned = self.z[core][:, pair] * np.exp(-2j * np.pi * np.outer(times, _FREQUENCIES[pair]))
        phases = np.unwrap(np.angle(turned), axis=0)
        lines = np.polyfit(times, phases, 1)
        wobble = (phases - np.outer(times, lines[0]) - lines[1]).std(axis=0).max()
        return lines[0] / (2 * np.pi * _FREQUENCIES[pair]), float(wobble)


_FREQUENCIES: Final = np.array([*ROWS_HZ, *COLUMNS_HZ], dtype=np.float64)


_WINDOW: Final = np.hanning(WINDOW)
# What a correlator takes in of white noise that fills the band.
_NOISE_SHARE: Final = RATE_HZ * np.sum(_WINDOW**2) / np.sum(_WINDOW) ** 2 / (_BAND_HZ[1] - _BAND_HZ[0])


def _correlate(narrow: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the complex amplitude of the eight tones for each window."""
    turns = np.outer(np.arange(WINDOW), _FREQUENCIES) / RATE_HZ
    kernel = 2 * _WINDOW[:, None] * np.exp(-2j * np.pi * turns) / _WINDOW.sum()
    return np.concatenate([part @ kernel for part in _parts(narrow)])


def _mean_square(narrow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean square of the sound in each window."""
    weights = _WINDOW**2 / np.sum(_WINDOW**2)
    return np.concatenate([part @ weights for part in _parts(narrow**2)])


def _parts(narrow: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    windows = np.lib.stride_tricks.sliding_window_view(narrow, WINDOW)[::HOP]
    yield from (windows[start : start + _PART] for start in range(0, len(windows), _PART))


def _lost_db(off_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much a correlator reads low for a tone `off_hz` beside its own: the transform of its window."""
    turns = off_hz * WINDOW / RATE_HZ
    return np.asarray(-20 * np.log10(np.sinc(turns) / (1 - turns**2)))


def _joined(stretches: Iterable[_Stretch]) -> Iterator[_Stretch]:
    """Yield the stretches, those of one key joined when only a break lies between them.

    What is much weaker is no part of a digit: noise in a pause has now and then the key of the digit before.
    """
    held: _Stretch | None = None
    for new in stretches:
        if held and held.key == new.key and (new.start - held.end) * HOP < JOINED_SECONDS * RATE_HZ:
            if new.level < held.level / 4:
                continue
            if held.level >= new.level / 4:
                held = _Stretch(held.key, held.start, max(held.end, new.end), max(held.level, new.level))
                continue
        elif held:
            yield held
        held = new
    if held:
        yield held


def _within(ratio: NDArray[np.float64], limits_db: tuple[float, float]) -> NDArray[np.bool_]:
    return (ratio >= 10 ** (limits_db[0] / 10)) & (ratio <= 10 ** (limits_db[1] / 10))


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(power))
