"""The table itself: facts that are public for each country, typed again."""

from __future__ import annotations

import pytest

from homecheck.standards.national_tones import national_tones


def tone(country: str, meaning: str, variant: str = "main") -> tuple[tuple[float, ...], tuple[float, ...]]:
    (found,) = (
        (each.lines_hz, each.cadence)
        for each in national_tones()
        if (each.country, each.meaning, each.variant) == (country, meaning, variant)
    )
    return found


@pytest.mark.parametrize(
    ("country", "meaning", "lines_hz", "cadence"),
    [
        ("US", "dial", (350, 440), ()),
        ("US", "ringback", (440, 480), (2, 4)),
        ("US", "busy", (480, 620), (0.5, 0.5)),
        ("GB", "ringback", (400, 450), (0.4, 0.2, 0.4, 2)),
        ("GB", "congestion", (400,), (0.4, 0.35, 0.225, 0.525)),
        ("SE", "busy", (425,), (0.25, 0.25)),
        ("IT", "dial", (425,), (0.2, 0.2, 0.6, 1)),
        ("ZA", "unobtainable", (400,), (2.5, 0.5)),
    ],
)
def test_a_tone_is_as_the_national_plan_has_it(
    country: str, meaning: str, lines_hz: tuple[float, ...], cadence: tuple[float, ...]
) -> None:
    assert tone(country, meaning) == (lines_hz, cadence)


def test_tones_that_alternate_sound_continuous_and_keep_both_lines() -> None:
    assert tone("GB", "dial", "special") == ((350, 440), ())


def test_thirteen_countries_have_the_four_tones() -> None:
    for meaning in ("dial", "ringback", "busy", "congestion"):
        countries = {each.country for each in national_tones() if each.meaning == meaning and each.variant == "main"}
        assert countries == {"US", "CA", "SE", "GB", "DE", "FR", "ES", "IN", "PH", "AU", "JP", "ZA", "IT"}, meaning


def test_a_cadence_is_on_and_off_in_turn() -> None:
    assert all(len(each.cadence) % 2 == 0 and min(each.cadence, default=1) > 0 for each in national_tones())
