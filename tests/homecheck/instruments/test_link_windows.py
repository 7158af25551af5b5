"""Rows in the shape of .NET's NetworkInterface as ConvertTo-Json writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.link_facts import LinkFacts
from homecheck.instruments.link_windows import COST_SCRIPT, SCRIPT, facts, parse

ADAPTER = "1a2b3c4d-0000-4000-8000-00aa00bb00cc"  # as WinRT writes it; .NET has braces and capitals


def listing(number: int, description: str, speed: object = 1_000_000_000, name: str = "Anslutning 1") -> str:
    rows: list[dict[str, Any]] = [
        {"Name": "Loopback Pseudo-Interface 1", "Description": "Software Loopback Interface 1",
         "NetworkInterfaceType": 24, "OperationalStatus": 1, "Speed": 1_073_741_824},
        {"Id": "{1A2B3C4D-0000-4000-8000-00AA00BB00CC}", "Name": name, "Description": description,
         "NetworkInterfaceType": number, "OperationalStatus": 1, "Speed": speed},
    ]  # fmt: skip
    return json.dumps(rows)


def answers(interfaces: str, cost: str | ProbeError = "") -> Callable[[str], str]:
    def run(script: str) -> str:
        if script == SCRIPT:
            return interfaces
        assert script == COST_SCRIPT
        if isinstance(cost, ProbeError):
            raise cost
        return cost

    return run


def cost_of(number: object, adapter: str = ADAPTER, *, roaming: bool = False, over: bool = False) -> str:
    return json.dumps({"Adapter": adapter, "Type": number, "Roaming": roaming, "OverDataLimit": over})


@pytest.mark.parametrize(
    ("number", "description", "kind", "vpn"),
    [
        (6, "Realtek PCIe GbE Family Controller", "ethernet", False),
        (117, "Intel(R) PRO/1000 MT", "ethernet", False),
        (71, "Intel(R) Wi-Fi 6 AX201 160MHz", "wifi", False),
        (243, "Generic Mobile Broadband Adapter", "cellular", False),
        (244, "Generic Mobile Broadband Adapter", "cellular", False),
        (6, "Remote NDIS based Internet Sharing Device", "cellular", False),
        (6, "Apple Mobile Device Ethernet", "cellular", False),
        (53, "WireGuard Tunnel", "other", True),
        (6, "TAP-Windows Adapter V9", "other", True),
        (53, "Wintun Userspace Tunnel", "other", True),
        (23, "WAN Miniport (IKEv2)", "other", True),
        (131, "Microsoft Teredo Tunneling Adapter", "other", True),
        (6, "Hyper-V Virtual Ethernet Adapter", "other", False),
        (6, "Bluetooth Device (Personal Area Network)", "other", False),
        (1, "Something new", "other", False),
    ],
)
def test_an_interface_is_told_by_its_number_and_a_tether_by_its_description(
    number: int, description: str, kind: str, vpn: bool
) -> None:
    found, _ = parse(listing(number, description), "Anslutning 1")
    assert (found.kind, found.vpn) == (kind, vpn)


def test_the_speed_is_bits_per_second() -> None:
    assert facts("Ethernet", answers(listing(6, "Realtek", 2_500_000_000, "Ethernet"))) == LinkFacts(
        "Ethernet", "ethernet", False, 2500.0, (), "Realtek"
    )


@pytest.mark.parametrize("speed", [-1, 0, 9_223_372_036_854_775_807, None, "fast", True])
def test_a_speed_that_windows_does_not_know_is_none(speed: object) -> None:
    assert parse(listing(6, "Realtek", speed), "Anslutning 1")[0].speed_mbit_s is None


@pytest.mark.parametrize("text", ["", "not JSON", "{}", "[]", "[1, null]", '[{"Name": 7}]'])
def test_an_interface_that_is_not_listed_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(ProbeError) as raised:
        parse(text, "Ethernet")
    assert raised.value.code == "interface_unknown"


@pytest.mark.parametrize(
    ("cost", "metered", "words"),
    [
        (cost_of(1), False, "Windows: unrestricted"),
        (cost_of(2), True, "Windows: fixed"),
        (cost_of(3), True, "Windows: variable"),
        (cost_of(1, roaming=True), True, "Windows: unrestricted, Roaming"),
        (cost_of(0, over=True), True, "Windows: OverDataLimit"),
        (cost_of(0), None, ""),
        (cost_of(True), None, ""),
        (cost_of(2, adapter="99999999-0000-4000-8000-00aa00bb00cc"), None, ""),  # the internet is somewhere else
        ("", None, ""),
        ("[]", None, ""),
        ("{}", None, ""),
        (ProbeError("powershell", "again"), None, ""),
    ],
)
def test_what_data_costs_is_told_for_the_connection_in_use_and_never_guessed(
    cost: str | ProbeError, metered: bool | None, words: str
) -> None:
    found = facts("Anslutning 1", answers(listing(71, "Intel(R) Wi-Fi 6 AX201 160MHz"), cost))
    assert (found.kind, found.metered, found.metered_by) == ("wifi", metered, words)
