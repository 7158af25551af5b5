from __future__ import annotations

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.route import Interface, first, interfaces, local_address, route_of

TABLE = {
    "lo": Interface(("127.0.0.1", "::1"), up=True, loopback=True, mtu=65536, speed_mbit_s=0),
    "wlan0": Interface(("192.168.1.20", "fe80::1"), up=True, loopback=False, mtu=1500, speed_mbit_s=0),
    "wg0": Interface(("10.8.0.2",), up=True, loopback=False, mtu=1420, speed_mbit_s=0),
    "eth9": Interface(("192.168.9.9",), up=False, loopback=False, mtu=1500, speed_mbit_s=1000),
}


def test_the_local_address_names_the_interface() -> None:
    route = route_of("responder.example", "10.8.0.2", TABLE)
    assert (route.interface, route.mtu) == ("wg0", 1420)
    assert route.others_up == ("wlan0",)


def test_an_address_that_no_interface_has_is_an_error_and_no_guess() -> None:
    with pytest.raises(ProbeError) as raised:
        route_of("default route", "203.0.113.1", TABLE)
    assert raised.value.code == "no_interface"


def test_packets_to_this_computer_leave_by_loopback() -> None:
    assert local_address("127.0.0.1") == "127.0.0.1"


def test_an_address_without_a_route_is_none() -> None:
    assert local_address("not an address") is None


def test_the_systems_own_table_has_a_loopback() -> None:
    assert any(interface.loopback and "127.0.0.1" in interface.addresses for interface in interfaces().values())


def test_the_first_that_is_found_counts() -> None:
    known = {"b": "2", "c": "3"}
    assert first(lambda name: known.get(name), ("a", "b", "c")) == "2"
    assert first(lambda name: known.get(name), ("a",)) is None
