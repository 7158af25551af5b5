"""ITU-T Recommendation E.180 (03/1998) and its supplement: the tones of a telephone exchange, and what they mean.

`find_call_tone` looks for a tone in the order of evidence:

1. a dial tone stays on the same lines, steadily, for 3.5 s: a ringing tone may last 2 s and a number-unobtainable tone
   2.5 s, so that less would not do. It lies between 320 and 500 Hz (in two rare plans at 600 or 480 + 720 Hz);
2. what comes and goes is named by its lines and its cadence, the Italian dial tone among them.

The lines name a group of countries, seldom one: 350 + 440 Hz is the dial tone of three countries in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from homecheck.standards.national_tones import Meaning, NationalTone, national_tones
from homecheck.standards.telephone_band import RATE_HZ, telephone_band

TONES_HZ: Final = (310.0, 740.0)  # every line of every plan in the table lies there
DIAL_HZ: Final = (320.0, 500.0)  # a continuous tone of no plan is a dial tone here only
RUN: Final = 6  # windows of 1 s every 0.5 s that a dial tone lasts at least: 3.5 s
PROMINENCE_DB: Final = 18.0  # of the strongest line over the median from 300 to 800 Hz, in bins of 1 Hz
MEAN_PROMINENCE_DB: Final = 11.0  # the same in a mean of windows, in which noise is smoother
WEAKEST_LINE_DB: Final = -20.0  # under the strongest: what is weaker is distortion
OVERTONES_DB: Final = ((2, -14.0), (3, -6.0))  # most of a continuous tone's harmonics; overdriving makes a third, -9.5
SAME_HZ: Final = 1.0  # by which a line may differ from window to window
UNSTEADY: Final = 0.4  # standard deviation over mean of a dial tone's amplitude within a window
LINE_TOLERANCE: Final = 0.012  # of a line's frequency; 425 and 440 Hz are 3.5 % apart
CADENCE_TOLERANCE: Final = 0.12  # of a duration, and at least CADENCE_SECONDS
CADENCE_SECONDS: Final = 0.035

_WINDOW: Final = RATE_HZ  # 1 s, so that bins are 1 Hz wide
_HOP: Final = RATE_HZ // 2
_BAND_HZ: Final = (80.0, 3400.0)  # the mains is known by what it has below the tones
_FLOOR_HZ: Final = (300, 800)  # near the lines: the noise of a room is stronger at low frequencies
_BLANKED: Final = 12  # bins on either side of a line that are its own: a cadence gives it sidebands
_BLANKED_HUM: Final = 3  # the same of a line of the mains, which has none: 350 and 360 Hz are 10 apart
_MAINS_HZ: Final = (50, 60)
_MAINS_TOLERANCE: Final = 0.003  # of the mains' frequency
_MAINS_NEIGHBOURS: Final = 4  # multiples of the mains on either side of a line; the second strongest tells
_MAINS_DB: Final = -6.0  # by which a neighbour of hum may be weaker
_MOST_LINES: Final = 4
_NOISE_LINE_DB: Final = 10.0  # over the median: the weakest line that is looked at
_STEADY_WINDOW: Final = RATE_HZ // 5  # two lines 25 Hz apart do not beat in 0.2 s
_GATE_WINDOWS: Final = (RATE_HZ * 60 // 1000, RATE_HZ * 120 // 1000)  # short against the shortest pause; against noise
_GATE_HOP: Final = RATE_HZ // 200
_GLITCH_SECONDS: Final = 0.05  # what is on or off for less is a click
_SHORT_PAUSE_SECONDS: Final = 0.1  # of a dial tone that tells of a message or a diversion
_WHOLE_INTERVALS: Final = 1  # that are not cut off by the recording
_CONTRAST: Final = 0.35  # amplitude in the pauses over that of the tone


@dataclass(frozen=True)
class CallTone:
    """A tone and what it means.

    `countries` (ISO 3166) have such a tone with this meaning in the table; none: it is in no plan. `also` are other
    readings of the same sound, as (meaning, country). `lines_hz` are measured, the strongest first; `cadence` are
    measured seconds on, off, on, off …, empty for a continuous tone.
    """

    meaning: Meaning
    countries: tuple[str, ...]
    also: tuple[tuple[Meaning, str], ...]
    lines_hz: tuple[float, ...]
    cadence: tuple[float, ...]


@dataclass(frozen=True)
class _Interval:
    on: bool
    seconds: float


def find_call_tone(x: NDArray[Any], rate_hz: int) -> CallTone | None:
    """Return the call-progress tone in `x`, or None where there is none of the table's.

    Eight seconds are enough for every tone but the longest ringing pauses. ValueError for a rate below 8 kHz and for
    NaN or infinity.
    """
    narrow = telephone_band(x, rate_hz, _BAND_HZ)
    if len(narrow) < _WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(narrow, _WINDOW)[::_HOP]
    spectra = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), axis=1)) ** 2
    return _continuous(windows, spectra) or _with_pauses(narrow, spectra.mean(axis=0))


def _continuous(windows: NDArray[np.float64], spectra: NDArray[np.float64]) -> CallTone | None:
    """Return the tone that stays for `RUN` windows in a row."""
    run = max(_runs(windows, spectra), key=len)
    if len(run) < RUN:
        return None
    spectrum = spectra[run].mean(axis=0)
    lines, hum = _lines(spectrum, MEAN_PROMINENCE_DB)
    if any(_has_overtones(spectrum, line) for line in lines):
        return None
    named = _named(lines, (), [(tone, 0.0) for tone in national_tones() if _sounds_continuous(tone)], hum)
    if named is None and lines and all(DIAL_HZ[0] <= line <= DIAL_HZ[1] for line in lines):
        return CallTone("dial", (), (), lines, ())
    return named


def _runs(windows: NDArray[np.float64], spectra: NDArray[np.float64]) -> Iterator[list[int]]:
    """Yield runs of windows that hold a steady tone and share a line with the window before."""
    run: list[int] = []
    before: tuple[float, ...] = ()
    for index, spectrum in enumerate(spectra):
        lines, _ = _lines(spectrum, PROMINENCE_DB)
        if lines and _unsteadiness(windows[index], lines) > UNSTEADY:
            lines = ()
        if not any(abs(one - other) <= SAME_HZ for one in lines for other in before):
            yield run
            run = []
        if lines:
            run.append(index)
        before = lines
    yield run


def _lines(spectrum: NDArray[np.float64], prominence_db: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the frequencies of the lines in a spectrum with bins of 1 Hz, and of those that are the mains' hum.

    The strongest come first; noise has none.
    """
    floor = float(np.median(spectrum[_FLOOR_HZ[0] : _FLOOR_HZ[1]])) + 1e-12 * float(spectrum.max())
    left = spectrum.copy()
    left[: int(TONES_HZ[0])] = 0
    left[int(TONES_HZ[1]) :] = 0
    lines: list[float] = []
    hums: list[float] = []
    weakest = floor * 10 ** (prominence_db / 10)
    while len(lines) < _MOST_LINES and left[peak := int(left.argmax())] > weakest:
        line = _refined(spectrum, peak)
        hum = _is_hum(spectrum, line)
        if not lines and not hum:
            weakest = max(left[peak] * 10 ** (WEAKEST_LINE_DB / 10), floor * 10 ** (_NOISE_LINE_DB / 10))
        (hums if hum else lines).append(line)
        blanked = _BLANKED_HUM if hum else _BLANKED
        left[peak - blanked : peak + blanked + 1] = 0
    return tuple(lines), tuple(hums)


def _has_overtones(spectrum: NDArray[np.float64], line: float) -> bool:
    """Whether a line has harmonics as instruments and voices have them."""
    for number, most_db in OVERTONES_DB:
        place = round(number * line)
        if spectrum[place - 3 : place + 4].max() > spectrum[round(line)] * 10 ** (most_db / 10):
            return True
    return False


def _is_hum(spectrum: NDArray[np.float64], line: float) -> bool:
    """Whether a line is one of a row that a mains' buzz has, and not stronger than the others of the row.

    No plan has three lines that are multiples of the mains' frequency.
    """
    for mains in _MAINS_HZ:
        number = round(line / mains)
        if abs(line / (number * mains) - 1) > _MAINS_TOLERANCE:
            continue
        row = range(number - _MAINS_NEIGHBOURS, number + _MAINS_NEIGHBOURS + 1)
        places = [round(other * line / number) for other in row if other != number and other * mains >= _BAND_HZ[0]]
        levels = sorted(float(spectrum[place - 1 : place + 2].max()) for place in places)
        if levels[-2] > spectrum[round(line)] * 10 ** (_MAINS_DB / 10):
            return True
    return False


def _refined(spectrum: NDArray[np.float64], peak: int) -> float:
    """Return the frequency of a peak between bins, by the parabola through its logarithms."""
    below, at, above = np.log(spectrum[peak - 1 : peak + 2] + 1e-30)
    bend = below - 2 * at + above
    aside = 0.5 * (below - above) / bend if bend < 0 else 0.0
    return float(peak + np.clip(aside, -0.5, 0.5))  # the slope of a stronger line, cut off, points far away


def _unsteadiness(window: NDArray[np.float64], lines: tuple[float, ...]) -> float:
    """Return standard deviation over mean of the amplitude that the lines have together."""
    amplitude = _amplitude(window, lines, _STEADY_WINDOW, _STEADY_WINDOW // 4)
    return float(amplitude.std() / amplitude.mean())


def _amplitude(x: NDArray[np.float64], lines: tuple[float, ...], size: int, hop: int) -> NDArray[np.float64]:
    """Return the root of the lines' power together, in Hann windows of `size` samples every `hop`."""
    turns = np.outer(np.arange(size), lines) / RATE_HZ
    kernel = np.hanning(size)[:, None] * np.exp(-2j * np.pi * turns)
    frames = np.lib.stride_tricks.sliding_window_view(x, size)[::hop]
    amplitude: NDArray[np.float64] = np.sqrt((np.abs(frames @ kernel) ** 2).sum(axis=1))
    return amplitude


def _with_pauses(narrow: NDArray[np.float64], spectrum: NDArray[np.float64]) -> CallTone | None:
    """Return the tone that comes and goes with the cadence of a plan."""
    lines, _ = _lines(spectrum, MEAN_PROMINENCE_DB)
    if not lines:
        return None
    for window in _GATE_WINDOWS:
        intervals = _intervals(_amplitude(narrow, lines, window, _GATE_HOP))
        fits = [
            (tone, _cadence_error(intervals, tone.cadence)) for tone in national_tones() if not _sounds_continuous(tone)
        ]
        cadence = tuple(round(interval.seconds, 3) for interval in intervals[1:-1])
        named = _named(lines, cadence, [(tone, error) for tone, error in fits if error is not None])
        if named is not None:
            return named
    return None


def _intervals(amplitude: NDArray[np.float64]) -> list[_Interval]:
    """Return when the tone is on and when off; none for a sound that does not clearly do either."""
    full = float(np.percentile(amplitude, 95))
    on = amplitude > full / 2
    if on.all() or np.median(amplitude[~on]) > _CONTRAST * full:
        return []
    step = _GATE_HOP / RATE_HZ
    edges = [0, *(np.flatnonzero(np.diff(on)) + 1).tolist(), len(on)]
    found = [_Interval(bool(on[start]), (end - start) * step) for start, end in pairwise(edges)]
    return _without_glitches(found)


def _without_glitches(intervals: Sequence[_Interval]) -> list[_Interval]:
    """Return the intervals with clicks and short gaps added to what surrounds them.

    At the end of the recording it cannot be told whether an interval is a click: a short one there is left out.
    """
    kept: list[_Interval] = []
    for interval in intervals if intervals[-1].seconds >= _GLITCH_SECONDS else intervals[:-1]:
        if kept and (interval.seconds < _GLITCH_SECONDS or interval.on == kept[-1].on):
            kept[-1] = _Interval(kept[-1].on, kept[-1].seconds + interval.seconds)
        else:
            kept.append(interval)
    return kept


def _cadence_error(intervals: Sequence[_Interval], cadence: tuple[float, ...]) -> float | None:
    """Return the mean relative error against a cadence that begins anywhere in its cycle; None where it does not fit.

    The first and the last interval are cut off by the recording: they may be shorter. All others have to be as long as
    the plan says, and together nearly as long as a cycle.
    """
    whole = intervals[1:-1]
    if len(whole) < _WHOLE_INTERVALS or sum(one.seconds for one in whole) < 0.9 * (sum(cadence) - max(cadence)):
        return None
    errors = (_error_from(intervals, cadence, start) for start in range(len(cadence)))
    return min((error for error in errors if error is not None), default=None)


def _error_from(intervals: Sequence[_Interval], cadence: tuple[float, ...], start: int) -> float | None:
    if intervals[0].on == bool(start % 2):
        return None
    errors = []
    for index, interval in enumerate(intervals):
        planned = cadence[(start + index) % len(cadence)]
        late = interval.seconds - planned
        cut = index in (0, len(intervals) - 1)
        if late > _tolerance(planned) or (late < -_tolerance(planned) and not cut):
            return None
        if not cut:
            errors.append(abs(late) / planned)
    return float(np.mean(errors))


def _tolerance(seconds: float) -> float:
    return max(CADENCE_TOLERANCE * seconds, CADENCE_SECONDS)


def _sounds_continuous(tone: NationalTone) -> bool:
    """Whether a tone has no pauses, or such short ones that it counts as a dial tone all the same."""
    return not tone.cadence or (tone.meaning == "dial" and max(tone.cadence[1::2]) <= _SHORT_PAUSE_SECONDS)


def _yields(tone: NationalTone) -> bool:
    """Whether every other reading comes first: a further dial tone with pauses may be a busy tone abroad."""
    return tone.meaning == "dial" and tone.variant != "main" and not _sounds_continuous(tone)


def _named(
    lines: tuple[float, ...],
    cadence: tuple[float, ...],
    fits: Sequence[tuple[NationalTone, float]],
    hum: tuple[float, ...] = (),
) -> CallTone | None:
    """Return what the best of the tones means that have these lines and fit with the error beside them.

    A line of the plan may hide in `hum`: then the countries with it and those without are named.
    """
    for count in range(len(lines), 0, -1):  # the weakest lines may be distortion
        scored = ((tone, _line_error(tone, lines[:count], hum), error) for tone, error in fits)
        heard = [
            (_yields(tone), line_error + error, tone) for tone, line_error, error in scored if line_error is not None
        ]
        if heard:
            meaning = min(heard, key=lambda scored: scored[:2])[2].meaning
            fitting = tuple(dict.fromkeys((tone.meaning, tone.country) for *_, tone in heard))
            countries = tuple(country for meant, country in fitting if meant == meaning)
            return CallTone(meaning, countries, tuple(one for one in fitting if one[0] != meaning), lines, cadence)
    return None


def _line_error(tone: NationalTone, lines: tuple[float, ...], hum: tuple[float, ...]) -> float | None:
    """Return by how much the lines differ from the plan's, as a share; None when they are others."""
    errors = [min(abs(line / planned - 1) for line in lines) for planned in tone.lines_hz]
    hidden = [
        error > LINE_TOLERANCE and any(abs(line / planned - 1) <= LINE_TOLERANCE for line in hum)
        for error, planned in zip(errors, tone.lines_hz, strict=True)
    ]
    if len(lines) + sum(hidden) != len(tone.lines_hz):
        return None
    error = max(error for error, is_hidden in zip(errors, hidden, strict=True) if not is_hidden)
    return error if error <= LINE_TOLERANCE else None
