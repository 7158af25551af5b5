from __future__ import annotations

from homecheck.standards.rfc_5481 import delay_variation


def test_variation_counts_from_the_fastest_packet() -> None:
    assert delay_variation([21.0, 20.0, 24.5]) == [1.0, 0.0, 4.5]


def test_no_packets_have_no_variation() -> None:
    assert delay_variation([]) == []
