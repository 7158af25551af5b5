"""Decoded values of ITU-T G.711, Tables 1 and 2, scaled to 16 bits (mu-law times 4, A-law times 8)."""

from __future__ import annotations

import itertools

import pytest

from homecheck.standards.itu_g711 import decode_a_law, decode_mu_law


@pytest.mark.parametrize(
    ("coded", "value"),
    # Table 2a: decoder outputs 8031, 4191, 99, 33, 2 and 0 of 8159, the character signal as it is sent.
    [(0x80, 32124), (0x8F, 16764), (0xDF, 396), (0xEF, 132), (0xFE, 8), (0xFF, 0), (0x00, -32124), (0x7E, -8)],
)
def test_mu_law_is_decoded_as_its_table_says(coded: int, value: int) -> None:
    assert decode_mu_law(bytes((coded,)))[0] * 32768 == value


@pytest.mark.parametrize(
    ("coded", "value"),
    # Table 1a: decoder outputs 4032, 2112, 66, 33 and 1 of 4096; every other bit inverted.
    [(0xAA, 32256), (0xA5, 16896), (0xF5, 528), (0xC5, 264), (0xD5, 8), (0x55, -8), (0x2A, -32256), (0x75, -528)],
)
def test_a_law_is_decoded_as_its_table_says(coded: int, value: int) -> None:
    assert decode_a_law(bytes((coded,)))[0] * 32768 == value


def test_both_laws_rise_through_all_their_values() -> None:
    mu = decode_mu_law(bytes(range(255, 127, -1)))
    a = decode_a_law(bytes(code ^ 0x55 for code in range(128, 256)))
    assert all(earlier < later for values in (mu, a) for earlier, later in itertools.pairwise(values))
