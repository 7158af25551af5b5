"""The router of a route, from each system's own table."""

from __future__ import annotations

import struct

import pytest

from homecheck.instruments.default_gateway import from_linux, from_macos, from_windows, linux_ipv4, linux_ipv6

# As /proc/net/route shows them: cable and Wi-Fi at once, a company's network behind another router.
IPV4 = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0000000A\tFE01A8C0\t0003\t0\t0\t100\t000000FF\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
IPV6 = """fd970000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003    eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200      lo
"""  # noqa: E501 - the kernel's own lines


@pytest.mark.parametrize(
    ("address", "gateway"),
    [("11.1.1.1", "192.168.1.1"), ("10.7.7.7", "192.168.1.254"), ("192.168.1.9", None)],
)
def test_linux_takes_the_narrowest_network_and_the_least_metric(address: str, gateway: str | None) -> None:
    assert from_linux(address, linux_ipv4(IPV4)) == gateway


@pytest.mark.parametrize(("address", "gateway"), [("2a00::1", "fe80::1%eth0"), ("fd97::5", None)])
def test_a_link_local_router_comes_with_its_interface(address: str, gateway: str | None) -> None:
    assert from_linux(address, linux_ipv6(IPV6)) == gateway


def test_a_computer_without_routes_has_no_gateway() -> None:
    assert from_linux("11.1.1.1", linux_ipv4("")) is None


def test_macos_says_it_in_a_line_of_its_own() -> None:
    text = "   route to: 11.1.1.1\ndestination: default\n    gateway: 192.168.1.1\n  interface: en0\n"
    assert from_macos("11.1.1.1", lambda _: text) == "192.168.1.1"
    assert from_macos("11.1.1.1", lambda _: "    gateway: link#4\n") is None
    assert from_macos("11.1.1.1", lambda _: "") is None


def windows_row(kind: int) -> bytes:
    """Return MIB_IPFORWARDROW: destination, mask, policy, next hop, interface, type, and eight numbers more."""
    return bytes(12) + bytes((192, 168, 1, 1)) + struct.pack("<II", 7, kind) + bytes(32)


def test_windows_names_the_next_hop_of_an_indirect_route() -> None:
    assert from_windows(windows_row(4)) == "192.168.1.1"
    assert from_windows(windows_row(3)) is None  # the far end is in the home's own network
    assert from_windows(b"") is None
