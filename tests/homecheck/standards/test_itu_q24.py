"""Digits made by the formula of ITU-T Q.23, against the limits of Q.24 Annex A (the column of AT&T)."""

from __future__ import annotations

import numpy as np
import pytest

from homecheck.standards.itu_q24 import AT_A_MICROPHONE_DBOV, find_digits
from homecheck.standards.telephone_band import telephone_band
from tests.telephone_sounds import ALL, RATES, Noise, Sound, at_a_microphone, pink, press, speech_shaped, through_a_line
from tests.telephone_sounds import white as noise


def heard(x: Sound, rate: int = 8000) -> str:
    return "".join(digit.symbol for digit in find_digits(x, rate))


@pytest.mark.parametrize("rate", RATES)
def test_every_digit_is_heard_at_every_rate(rate: int) -> None:
    assert heard(press(ALL, rate), rate) == ALL
    assert heard(press(ALL, rate, on=0.04, off=0.04, snr_db=15), rate) == ALL


@pytest.mark.parametrize("offset", [-0.015, 0.015])
@pytest.mark.parametrize("snr_db", [None, 15])
def test_tones_off_by_one_and_a_half_percent_must_work(offset: float, snr_db: float | None) -> None:
    assert heard(press(ALL, on=0.04, off=0.04, offset=offset, snr_db=snr_db)) == ALL


@pytest.mark.parametrize("offset", [-0.05, -0.035, 0.035, 0.05])
@pytest.mark.parametrize("on", [0.04, 0.5])
def test_tones_off_by_three_and_a_half_percent_must_not(offset: float, on: float) -> None:
    assert heard(press("123A456B789C*0#D", on=on, offset=offset)) == ""
    assert heard(press("123A456B789C*0#D", on=on, offset=offset, snr_db=15)) == ""


def test_one_wrong_tone_is_enough_to_refuse() -> None:
    t = np.arange(4000) / 8000
    right_row = 0.2 * np.sin(2 * np.pi * 770 * t) + 0.2 * np.sin(2 * np.pi * 1336 * 1.035 * t)
    right_column = 0.2 * np.sin(2 * np.pi * 770 * 0.965 * t) + 0.2 * np.sin(2 * np.pi * 1336 * t)
    assert (heard(right_row), heard(right_column)) == ("", "")


@pytest.mark.parametrize("twist_db", [-8, -4, 4])
def test_twist_within_the_limits_must_work(twist_db: float) -> None:
    assert heard(press(ALL, twist_db=twist_db, snr_db=15)) == ALL
    assert heard(press(ALL, on=0.04, off=0.04, twist_db=twist_db)) == ALL


@pytest.mark.parametrize("twist_db", [-14, 10])
def test_a_tone_without_its_partner_is_no_digit(twist_db: float) -> None:
    assert heard(press(ALL, twist_db=twist_db)) == ""


@pytest.mark.parametrize("seconds", [0.010, 0.020, 0.023])
@pytest.mark.parametrize("snr_db", [None, 15])
def test_23_milliseconds_are_no_digit(seconds: float, snr_db: float | None) -> None:
    assert heard(press(ALL, on=seconds, off=0.1, snr_db=snr_db)) == ""


def test_a_break_of_10_milliseconds_does_not_make_two_digits_of_one() -> None:
    for start in np.arange(0.04, 0.16, 0.01):
        x = press("5", on=0.2)
        x[round((0.2 + start) * 8000) : round((0.2 + start + 0.010) * 8000)] = 0
        assert heard(x) == "5", start


def test_a_pause_of_40_milliseconds_parts_two_equal_digits_and_so_do_30() -> None:
    assert heard(press("5" * 20, on=0.04, off=0.04)) == "5" * 20
    assert heard(press("5" * 20, on=0.05, off=0.03)) == "5" * 20


@pytest.mark.parametrize("level_db", [-6.1, -28, -45])
def test_the_range_of_levels_is_heard(level_db: float) -> None:
    """0 to -25 dBm must work; full scale of a telephone codec is 3.14 dBm0 (ITU-T G.711)."""
    assert heard(press(ALL, level_db=level_db)) == ALL


def test_minus_55_dbm_is_not_heard() -> None:
    assert heard(press(ALL, level_db=-55 - 3.14 - 3.01)) == ""


def test_where_the_level_says_nothing_weaker_digits_are_heard() -> None:
    x = press(ALL, level_db=-75, snr_db=10)
    assert heard(x) == ""
    assert "".join(digit.symbol for digit in find_digits(x, 8000, AT_A_MICROPHONE_DBOV)) == ALL


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("hum_hz", "hum_db"), [(50, -50), (60, -50)])
def test_a_handset_at_a_microphone_55_decibels_below_full_scale_is_heard(
    rate: int, hum_hz: float, hum_db: float
) -> None:
    line = through_a_line(press(ALL, rate, on=0.06, snr_db=30), rate, "A")
    assert heard(at_a_microphone(line, rate, level_db=-55, room_db=-75, hum_hz=hum_hz, hum_db=hum_db), rate) == ALL


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("noise", "snr_db"), [(noise, 2), (pink, 6), (speech_shaped, 8)])
def test_noise_nearly_as_strong_as_the_digits_hides_none(rate: int, noise: Noise, snr_db: float) -> None:
    assert heard(press(ALL, rate, snr_db=snr_db, noise=noise), rate) == ALL


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("twist_db", "offset"), [(-8, 0.015), (-8, -0.015), (4, 0.015), (4, -0.015)])
def test_everything_at_its_limit_at_once_must_work(rate: int, twist_db: float, offset: float) -> None:
    x = press(ALL, rate, on=0.04, off=0.04, twist_db=twist_db, offset=offset, snr_db=15)
    assert heard(x, rate) == ALL


@pytest.mark.parametrize("law", ["mu", "A"])
def test_a_line_of_8_bits_changes_nothing(law: str) -> None:
    for offset, expected in ((0.015, ALL), (-0.015, ALL), (0.035, ""), (-0.035, "")):
        assert heard(through_a_line(press(ALL, offset=offset, snr_db=20), 8000, law)) == expected


def test_a_trace_of_a_digit_in_the_pause_behind_it_is_no_part_of_it() -> None:
    """Noise in a pause has now and then the key of the digit before; it reaches to the next digit."""
    x = press("12", on=0.04, off=0.04)
    t = np.arange(len(x)) / 8000
    trace = 3e-3 * (np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1209 * t))
    x += np.where((t > 0.24) & (t < 0.28), trace, 0)
    assert heard(x) == "12"


def test_loud_neighbours_do_not_excuse_what_stands_beside_two_tones() -> None:
    """A third tone is no noise, and no noise is louder than the moment in which it goes on."""
    t = np.arange(480) / 8000
    chord = np.sum([0.01 * a * np.sin(2 * np.pi * f * t) for f, a in ((770, 1), (1336, 1), (1040, 0.9))], axis=0)
    hiss = telephone_band(noise(8000, 8000, -20), 8000, (2000, 3300))
    x = np.concatenate([hiss[:4000], chord, hiss[4000:]])
    assert heard(chord) == ""
    assert heard(x) == ""


def test_noise_does_not_make_a_tone_right_that_is_off() -> None:
    for snr_db in (6, 3, 0):
        for offset in (0.035, -0.035):
            assert heard(press(ALL, on=0.1, offset=offset, snr_db=snr_db)) == ""


def test_a_dial_tone_under_the_digits_hides_none() -> None:
    x = press(ALL, level_db=-25)
    t = np.arange(len(x)) / 8000
    for tones in ((350, 440), (425,)):
        dial_tone = sum(0.2 * np.sin(2 * np.pi * f * t) for f in tones)
        assert heard(x + dial_tone) == ALL


def test_digits_that_overdrive_the_microphone_are_heard() -> None:
    assert heard(np.clip(3 * press(ALL, level_db=-6), -1, 1)) == ALL


def test_a_digit_tells_when_it_was_pressed_and_how() -> None:
    digit = find_digits(press("0", 44100, on=0.1, offset=0.01, twist_db=-5, level_db=-20), 44100)[0]
    assert digit.start_seconds == pytest.approx(0.2, abs=0.004)
    assert digit.seconds == pytest.approx(0.1, abs=0.005)
    assert (digit.row_db, digit.column_db) == pytest.approx((-20, -25), abs=0.3)
    assert (digit.row_offset, digit.column_offset) == pytest.approx((0.01, 0.01), abs=0.001)


def test_noise_tones_and_call_progress_are_no_digits() -> None:
    t = np.arange(80000) / 8000
    for f in ((697,), (1209,), (350, 440), (440, 480), (480, 620), (697, 770), (1209, 1336), (700, 1100), (2100,)):
        assert heard(sum((0.2 * np.sin(2 * np.pi * each * t) for each in f), np.zeros(80000))) == "", f
    assert heard(noise(480000, 8000, -20)) == ""


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(1), np.zeros(204), np.zeros(8000), np.ones(8000)])
def test_nothing_is_heard_in_nothing(x: Sound) -> None:
    assert heard(x) == ""


def test_a_driver_that_delivers_no_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no numbers"):
        find_digits(np.array([0.0, np.nan]), 8000)


@pytest.mark.parametrize("edge", ["start", "end"])
def test_a_digit_that_is_cut_off_by_the_recording_is_heard_when_enough_is_left(edge: str) -> None:
    x = press("7", on=0.1)
    cut = x[round(0.25 * 8000) :] if edge == "start" else x[: round(0.25 * 8000)]
    assert heard(cut) == "7"
