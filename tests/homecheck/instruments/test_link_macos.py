"""Texts in the shape of networksetup and system_profiler; the profiler's keys as of macOS 15."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from homecheck.instruments.link_facts import LinkFacts, Wifi
from homecheck.instruments.link_macos import classify, facts, parse_airport, parse_connection, parse_ports

PORTS = """
Hardware Port: Ethernet Adapter (en4)
Device: en4
Ethernet Address: 5e:bb:f6:00:00:01

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: 14:98:77:00:00:02

Hardware Port: iPhone USB
Device: en7
Ethernet Address: 9a:01:a7:00:00:03

Hardware Port: Thunderbolt Bridge
Device: bridge0
Ethernet Address: 36:a3:95:00:00:04

Hardware Port: USB 10/100/1000 LAN
Device: en8
Ethernet Address: 00:e0:4c:00:00:05

VLAN Configurations
===================
"""

AIRPORT = json.dumps(
    {
        "SPAirPortDataType": [
            {
                "spairport_airport_interfaces": [
                    {
                        "_name": "en0",
                        "spairport_current_network_information": {
                            "_name": "<redacted>",
                            "spairport_network_channel": "44 (5GHz, 80MHz)",
                            "spairport_network_mcs": 9,
                            "spairport_network_phymode": "802.11ac",
                            "spairport_network_rate": 866,
                            "spairport_signal_noise": "-52 dBm / -92 dBm",
                        },
                    },
                    {"_name": "awdl0", "spairport_current_network_information": {"spairport_network_type": "x"}},
                ]
            }
        ]
    }
)

AC_80 = Wifi(band="5 GHz", channel=44, width_mhz=80, standard="802.11ac", mcs=9, rate_mbit_s=866.0)


def run(command: Sequence[str]) -> str:
    return PORTS if command[0] == "networksetup" else AIRPORT


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        ("en0", LinkFacts("en0", "wifi", False, 866.0, (-52.0,), "hardware port Wi-Fi", AC_80)),
        ("en8", LinkFacts("en8", "ethernet", False, None, (), "hardware port USB 10/100/1000 LAN")),
        ("en4", LinkFacts("en4", "ethernet", False, None, (), "hardware port Ethernet Adapter (en4)")),
        ("en7", LinkFacts("en7", "cellular", False, None, (), "hardware port iPhone USB")),
        ("bridge0", LinkFacts("bridge0", "other", False, None, (), "hardware port Thunderbolt Bridge")),
        ("utun4", LinkFacts("utun4", "other", True, None, (), "tunnel interface")),
        ("en12", LinkFacts("en12", "other", False, None, (), "no hardware port")),
    ],
)
def test_an_interface_is_its_hardware_port(interface: str, expected: LinkFacts) -> None:
    assert facts(interface, run) == expected


@pytest.mark.parametrize(
    ("port", "kind"),
    [("Thunderbolt Ethernet Slot 1", "ethernet"), ("AX88179A", "ethernet"), ("Bluetooth PAN", "other"),
     ("iPad USB", "cellular"), ("RNDIS/Ethernet Gadget", "cellular"), ("", "other")],
)  # fmt: skip
def test_ports_by_name(port: str, kind: str) -> None:
    assert classify(port) == kind


def test_every_port_is_listed_with_its_device() -> None:
    assert sorted(parse_ports(PORTS)) == ["bridge0", "en0", "en4", "en7", "en8"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"SPAirPortDataType": [{}]}', '{"SPAirPortDataType": null}'])
def test_a_profiler_that_tells_nothing_is_no_guess(text: str) -> None:
    assert parse_airport(text, "en0") == (Wifi(), ())


def test_an_interface_that_is_not_associated_has_neither_rate_nor_signal() -> None:
    assert parse_airport(AIRPORT, "awdl0") == (Wifi(), ())


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("1 (2GHz, 20MHz)", Wifi(band="2.4 GHz", channel=1, width_mhz=20)),
        ("37 (6GHz, 160MHz)", Wifi(band="6 GHz", channel=37, width_mhz=160)),
        (11, Wifi(channel=11)),  # older systems: a number alone
        ("", Wifi()),
        (None, Wifi()),
    ],
)
def test_a_channel_is_told_as_far_as_the_system_writes_it(channel: object, expected: Wifi) -> None:
    assert parse_connection({"spairport_network_channel": channel}) == expected


@pytest.mark.parametrize("strange", [True, "fast", -1, None, [9]])
def test_a_rate_or_mcs_that_is_none_is_not_taken_over(strange: object) -> None:
    current = {
        "spairport_network_rate": strange,
        "spairport_network_mcs": strange,
        "spairport_network_phymode": strange,
    }
    assert parse_connection(current) == Wifi()


def test_nobody_tells_what_data_costs_and_a_telephone_is_taken_to_cost() -> None:
    assert facts("en0", run).costs is None
    assert facts("en7", run).costs is True
