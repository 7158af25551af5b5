"""Centre frequencies and channels from the tables of IEEE 802.11 Annex E (global operating classes)."""

from __future__ import annotations

import pytest

from homecheck.standards.ieee_80211 import band, channel


@pytest.mark.parametrize(
    ("frequency_mhz", "expected"),
    [
        (2412, ("2.4 GHz", 1)),
        (2472, ("2.4 GHz", 13)),
        (2484, ("2.4 GHz", 14)),
        (5180, ("5 GHz", 36)),
        (5320, ("5 GHz", 64)),
        (5500, ("5 GHz", 100)),
        (5825, ("5 GHz", 165)),
        (5885, ("5 GHz", 177)),
        (5955, ("6 GHz", 1)),
        (6415, ("6 GHz", 93)),
        (7115, ("6 GHz", 233)),
    ],
)
def test_a_frequency_is_a_channel_of_its_band(frequency_mhz: float, expected: tuple[str, int]) -> None:
    assert (band(frequency_mhz), channel(frequency_mhz)) == expected


@pytest.mark.parametrize("frequency_mhz", [0, 868, 3660, 58_320])
def test_other_bands_are_not_named(frequency_mhz: float) -> None:
    assert (band(frequency_mhz), channel(frequency_mhz)) == ("", None)


def test_between_channels_there_is_none() -> None:
    assert channel(5181.5) is None
