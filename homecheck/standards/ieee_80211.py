"""IEEE 802.11: channels and bands from centre frequencies (17.3.8.4.2, 15.4.4.3 and Annex E), amendments from rates.

Frequencies in MHz are those of the primary channel of 20 MHz.
"""

from __future__ import annotations

from typing import Final

# The kind of MCS that a rate is told with names the amendment: HT, VHT, HE and EHT PHY (clauses 19, 21, 27, 36).
AMENDMENTS: Final = {"MCS": "802.11n", "VHT-MCS": "802.11ac", "HE-MCS": "802.11ax", "EHT-MCS": "802.11be"}


def band(frequency_mhz: float) -> str:
    """Return ``2.4 GHz``, ``5 GHz`` or ``6 GHz``; empty for any other frequency."""
    for name, low, high in (("2.4 GHz", 2400, 2500), ("5 GHz", 5000, 5925), ("6 GHz", 5925, 7125)):
        if low <= frequency_mhz < high:
            return name
    return ""


def channel(frequency_mhz: float) -> int | None:
    """Return the channel's number in its band, or None between channels."""
    if frequency_mhz == 2484:
        return 14
    start = {"2.4 GHz": 2407, "5 GHz": 5000, "6 GHz": 5950}.get(band(frequency_mhz))
    if start is None or (frequency_mhz - start) % 5 or frequency_mhz <= start:
        return None
    return round(frequency_mhz - start) // 5
