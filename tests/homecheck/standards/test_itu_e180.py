"""Tones made by formula from plans typed again here, in white noise, from any point of their cadence."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.standards.itu_e180 import CallTone, find_call_tone
from tests.telephone_sounds import Sound, at_a_microphone, pink, speech_shaped, through_a_line
from tests.telephone_sounds import exchange_tone as tone
from tests.telephone_sounds import white as noise

GROUPS: list[tuple[tuple[float, ...], set[str]]] = [
    ((350, 440), {"US", "CA", "GB"}),
    ((425,), {"SE", "DE", "ES", "PH"}),
    ((440,), {"FR"}),
    ((330, 440), {"FR"}),
    ((375, 425), {"IN"}),
    ((413, 438), {"AU"}),
    ((400,), {"JP"}),
    ((367, 433), {"ZA"}),
    ((383, 417), {"ZA"}),
    ((400, 425), {"DE", "PH"}),
    ((480, 720), {"US", "CA", "PH"}),
]
ITALIAN = (0.2, 0.2, 0.6, 1.0)


def heard(x: Sound, rate: int = 8000) -> CallTone:
    found = find_call_tone(x, rate)
    assert found is not None
    return found


@pytest.mark.parametrize(("lines", "countries"), GROUPS)
@pytest.mark.parametrize("snr_db", [None, 20, -10])
def test_a_dial_tone_names_the_countries_that_share_it(
    lines: tuple[float, ...], countries: set[str], snr_db: float | None
) -> None:
    for seed in range(3):
        found = heard(tone(lines, seconds=6, snr_db=snr_db, seed=seed))
        assert (found.meaning, set(found.countries), found.cadence) == ("dial", countries, ())
        assert sorted(found.lines_hz)[: len(lines)] == pytest.approx(lines, abs=1)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_the_rate_makes_no_difference(rate: int) -> None:
    assert heard(tone((350, 440), rate=rate, seconds=5, snr_db=-10), rate).countries == ("US", "CA", "GB")
    assert heard(tone((425,), ITALIAN, rate=rate, seconds=8), rate).countries == ("IT",)
    assert heard(tone((480, 620), (0.5, 0.5), rate=rate, seconds=8), rate).meaning == "busy"


@pytest.mark.parametrize("start", [0.0, 0.15, 0.3, 0.7, 1.4, 1.9])
def test_the_italian_dial_tone_is_known_by_its_cadence(start: float) -> None:
    for snr_db in (None, 0):
        found = heard(tone((425,), ITALIAN, start=start, seconds=8, snr_db=snr_db))
        assert (found.meaning, found.countries) == ("dial", ("IT",))


def test_a_dial_tone_that_tells_of_a_message_is_one() -> None:
    assert heard(tone((425,), (0.32, 0.01))).meaning == "dial"
    assert heard(tone((425,), (1.0, 0.1))).meaning == "dial"


@pytest.mark.parametrize(
    ("lines", "cadence", "meaning", "country"),
    [
        ((440, 480), (2, 4), "ringback", "US"),
        ((440, 480), (1, 3), "ringback", "US"),
        ((480, 620), (0.5, 0.5), "busy", "US"),
        ((480, 620), (0.25, 0.25), "congestion", "US"),
        ((425,), (1, 5), "ringback", "SE"),
        ((425,), (0.25, 0.25), "busy", "SE"),
        ((425,), (0.25, 0.75), "congestion", "SE"),
        ((400, 450), (0.4, 0.2, 0.4, 2), "ringback", "GB"),
        ((400,), (0.375, 0.375), "busy", "GB"),
        ((400,), (0.4, 0.35, 0.225, 0.525), "congestion", "GB"),
        ((425,), (0.48, 0.48), "busy", "DE"),
        ((425,), (0.24, 0.24), "congestion", "DE"),
        ((440,), (1.5, 3.5), "ringback", "FR"),
        ((440,), (0.5, 0.5), "busy", "FR"),
        ((425,), (1.5, 3), "ringback", "ES"),
        ((425,), (0.2, 0.2), "busy", "ES"),
        ((425,), (0.2, 0.2, 0.2, 0.2, 0.2, 0.6), "congestion", "ES"),
        ((375, 425), (0.4, 0.2, 0.4, 2), "ringback", "IN"),
        ((400,), (0.75, 0.75), "busy", "IN"),
        ((425, 480), (1, 4), "ringback", "PH"),
        ((413, 438), (0.4, 0.2, 0.4, 2), "ringback", "AU"),
        ((425,), (0.375, 0.375), "busy", "AU"),
        ((384, 416), (1, 2), "ringback", "JP"),
        ((400,), (0.5, 0.5), "busy", "JP"),
        ((367, 433), (0.4, 0.2, 0.4, 2), "ringback", "ZA"),
        ((400,), (0.25, 0.25), "congestion", "ZA"),
        ((425,), (1, 4), "ringback", "IT"),
        ((425,), (0.5, 0.5), "busy", "IT"),
        ((425,), (2.5, 0.5), "unobtainable", "AU"),
        ((400,), (2.5, 0.5), "unobtainable", "ZA"),
    ],
)
def test_what_is_not_a_dial_tone_is_told_by_its_cadence(
    lines: tuple[float, ...], cadence: tuple[float, ...], meaning: str, country: str
) -> None:
    for share in (0.1, 0.8):
        found = heard(tone(lines, cadence, start=share * sum(cadence), snr_db=10))
        assert (found.meaning, country in found.countries) == (meaning, True), found


def test_a_long_ring_is_no_dial_tone_wherever_the_recording_begins() -> None:
    for start in np.arange(0, 6, 0.4):
        found = find_call_tone(tone((440, 480), (2, 4), start=float(start), seconds=8), 8000)
        assert found is None or found.meaning == "ringback"


def test_a_continuous_tone_that_may_mean_two_things_says_both() -> None:
    found = heard(tone((400,)))
    assert (found.meaning, found.countries) == ("dial", ("JP",))
    assert set(found.also) == {("unobtainable", "GB"), ("unobtainable", "IN")}


def test_a_dial_tone_of_no_plan_is_one_without_a_country() -> None:
    found = heard(tone((340, 460)))
    assert (found.meaning, found.countries) == ("dial", ())
    assert find_call_tone(tone((480, 620)), 8000) is None
    assert find_call_tone(tone((700,)), 8000) is None


def test_hum_and_a_weak_distortion_do_not_change_the_country() -> None:
    x = tone((350, 440)) + tone((530,), level_db=-49) + tone((50,), level_db=-30) + tone((400,), level_db=-48)
    assert heard(x).countries == ("US", "CA", "GB")


def test_a_tone_that_began_late_or_ended_early_is_found() -> None:
    x = tone((425,), seconds=9, snr_db=10)
    quiet = noise(len(x), 8000, -60)
    x[:36000] = quiet[:36000]
    assert heard(x).meaning == "dial"
    assert heard(x[::-1]).meaning == "dial"


def test_three_seconds_of_a_tone_are_not_enough() -> None:
    x = tone((440,), seconds=9)
    x[24000:] = 0
    assert find_call_tone(x, 8000) is None


@pytest.mark.parametrize("tilt", [0, 1, 2])
def test_noise_of_any_colour_has_no_tone(tilt: int) -> None:
    for seed in range(10):
        spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=80000))
        spectrum[1:] /= np.arange(1, len(spectrum)) ** (tilt / 2)
        assert find_call_tone(np.fft.irfft(spectrum), 8000) is None


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(80000), np.ones(80000), np.full(4000, 0.1)])
def test_silence_has_no_tone(x: Sound) -> None:
    assert find_call_tone(x, 8000) is None


def test_a_driver_that_delivers_no_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no numbers"):
        find_call_tone(np.full(80000, np.nan), 8000)


@pytest.mark.parametrize("rate", [8000, 48000])
def test_a_dial_tone_is_found_in_noise_of_every_colour(rate: int) -> None:
    """Down to -10 dB in white noise; what is stronger at low frequencies has more power where the tones are."""
    for colour, snr_db in ((noise, -10), (pink, -9), (speech_shaped, -6)):
        for lines, countries in GROUPS[:8:2]:
            found = heard(tone(lines, rate=rate, seconds=6, snr_db=snr_db, noise=colour), rate)
            assert (found.meaning, set(found.countries)) == ("dial", countries), colour


@pytest.mark.parametrize(
    ("lines", "cadence", "meaning", "country"),
    [
        ((440, 480), (2, 4), "ringback", "US"),
        ((425,), (1, 5), "ringback", "SE"),
        ((400, 450), (0.4, 0.2, 0.4, 2), "ringback", "GB"),
        ((480, 620), (0.5, 0.5), "busy", "US"),
        ((425,), (0.25, 0.75), "congestion", "SE"),
        ((400,), (0.375, 0.375), "busy", "GB"),
    ],
)
def test_tones_with_pauses_are_told_apart_8_decibels_below_the_noise(
    lines: tuple[float, ...], cadence: tuple[float, ...], meaning: str, country: str
) -> None:
    for start in (0.1, 0.7):
        found = heard(tone(lines, cadence, seconds=14, start=start * sum(cadence), snr_db=-8))
        assert (found.meaning, country in found.countries) == (meaning, True), found


def test_a_further_dial_tone_with_pauses_gives_way_to_a_tone_that_sounds_the_same() -> None:
    assert (heard(tone((400,), (0.2, 0.2))).meaning, heard(tone((400,), (0.2, 0.2))).countries) == ("dial", ("PH",))
    found = heard(tone((400,), (0.25, 0.25)))
    assert (found.meaning, ("dial", "JP") in found.also) == ("congestion", True)


def buzz(hz: float, fall_db: float, seed: int) -> Sound:
    """Return what a transformer or a lamp sounds like: every multiple of `hz`, weaker by `fall_db` an octave."""
    random = np.random.default_rng(seed)
    t = np.arange(8 * 8000) / 8000
    k = np.arange(1, 3900 // hz)
    levels = 10 ** ((-45 - fall_db * np.log2(k) + random.normal(0, 2, len(k))) / 20)
    phases = random.uniform(0, 2 * np.pi, len(k))
    return np.asarray(levels @ np.sin(2 * np.pi * np.outer(k * hz, t) + phases[:, None]))


@pytest.mark.parametrize("hz", [50, 49.95, 60, 60.03, 100, 120])
def test_the_hum_of_the_mains_is_no_dial_tone(hz: float) -> None:
    """Its multiples of 350, 400 and 600 Hz are lines of plans."""
    for seed, fall_db in enumerate((0, 3, 6, 10, 15)):
        assert find_call_tone(buzz(hz, fall_db, seed) + noise(64000, 8000, -75), 8000) is None


@pytest.mark.parametrize("hum_hz", [50, 60])
def test_a_handset_at_a_humming_microphone_still_names_the_country(hum_hz: float) -> None:
    for lines, countries in GROUPS[:10]:
        line = through_a_line(tone(lines, rate=16000, seconds=5, snr_db=30), 16000, "mu")
        for hum_db in (-65, -50):
            if lines == (400,) and hum_db == -50:
                continue  # a line of the 50 Hz row, no stronger than the others: it cannot be told
            found = heard(at_a_microphone(line, 16000, hum_hz=hum_hz, hum_db=hum_db), 16000)
            assert (found.meaning, countries <= set(found.countries)) == ("dial", True), (lines, found)


def test_what_may_hide_in_the_hum_is_named_too() -> None:
    found = heard(tone((440,), seconds=8) + buzz(50, 3, 0) * 3)
    assert (found.meaning, set(found.countries)) == ("dial", {"FR", "US", "CA", "GB"})


def test_a_held_note_of_an_instrument_is_no_dial_tone() -> None:
    t = np.arange(8 * 8000) / 8000
    note = sum(0.1 / k * np.sin(2 * np.pi * 440 * k * t + k) for k in range(1, 6))
    assert find_call_tone(note + noise(64000, 8000, -70), 8000) is None


def test_a_dial_tone_that_overdrives_the_microphone_is_one() -> None:
    assert heard(np.clip(tone((350, 440), level_db=0), -0.3, 0.3)).countries == ("US", "CA", "GB")
    assert heard(np.clip(tone((425,), level_db=0), -0.3, 0.3)).countries == ("SE", "DE", "ES", "PH")
