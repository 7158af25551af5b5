"""The keypad, as every telephone has it printed on."""

from __future__ import annotations

import pytest

from homecheck.standards.itu_q23 import frequencies_hz


@pytest.mark.parametrize(
    ("symbol", "tones"),
    [("1", (697, 1209)), ("5", (770, 1336)), ("9", (852, 1477)), ("0", (941, 1336)), ("*", (941, 1209)),
     ("#", (941, 1477)), ("A", (697, 1633)), ("D", (941, 1633))],
)  # fmt: skip
def test_a_key_has_the_tones_of_its_row_and_its_column(symbol: str, tones: tuple[int, int]) -> None:
    assert frequencies_hz(symbol) == tones


def test_sixteen_keys_have_sixteen_pairs() -> None:
    assert len({frequencies_hz(symbol) for symbol in "0123456789*#ABCD"}) == 16


@pytest.mark.parametrize("symbol", ["", "12", "E", "a", "٣"])
def test_what_is_no_key_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        frequencies_hz(symbol)
