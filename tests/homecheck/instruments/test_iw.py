"""Texts in the form of iw's own format strings (iw 5.19, link.c and station.c)."""

from __future__ import annotations

import pytest

from homecheck.instruments.iw import IwLink, command, parse
from homecheck.instruments.link_facts import Wifi

HEAD = "Connected to 02:00:00:00:00:01 (on wlan0)\n\tSSID: freq: 2412\n"


def text(freq: str, rate: str) -> str:
    return f"{HEAD}\tfreq: {freq}\n\tRX: 35272331 bytes (40261 packets)\n\tsignal: -48 dBm\n\ttx bitrate: {rate}\n"


@pytest.mark.parametrize(
    ("freq", "rate", "expected"),
    [
        ("2437", "54.0 MBit/s", Wifi("2.4 GHz", 6, 2437.0, None, "", None, 54.0)),
        ("2462", "144.4 MBit/s MCS 15 short GI", Wifi("2.4 GHz", 11, 2462.0, None, "802.11n", 15, 144.4)),
        ("5500.0", "300.0 MBit/s MCS 15 40MHz", Wifi("5 GHz", 100, 5500.0, 40, "802.11n", 15, 300.0)),
        ("5180", "433.3 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 1",
         Wifi("5 GHz", 36, 5180.0, 80, "802.11ac", 9, 433.3)),
        ("5640.0", "2401.9 MBit/s 160MHz HE-MCS 11 HE-NSS 2 HE-GI 0 HE-DCM 0",
         Wifi("5 GHz", 128, 5640.0, 160, "802.11ax", 11, 2401.9)),
        ("6115", "1441.1 MBit/s 80MHz EHT-MCS 13 EHT-NSS 2 EHT-GI 0",
         Wifi("6 GHz", 33, 6115.0, 80, "802.11be", 13, 1441.1)),
    ],
)  # fmt: skip
def test_a_connection_is_read_from_its_text(freq: str, rate: str, expected: Wifi) -> None:
    assert parse(text(freq, rate)) == IwLink(expected, -48.0)


def test_a_network_that_calls_itself_a_frequency_is_no_frequency() -> None:
    assert parse(HEAD) == IwLink()


@pytest.mark.parametrize("nothing", ["", "Not connected.\n", "\tfreq: \n\tsignal: 0 dBm\n\ttx bitrate: none\n"])
def test_what_is_not_told_stays_open(nothing: str) -> None:
    assert parse(nothing) == IwLink()


def test_the_program_is_asked_in_english_and_found_beside_the_administrators() -> None:
    asked = command("wlan0")
    assert asked[:2] == ("env", "LC_ALL=C")
    assert asked[2].endswith(":/usr/sbin:/sbin")
    assert asked[3:] == ("iw", "dev", "wlan0", "link")
