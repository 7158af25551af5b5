from __future__ import annotations

import os
import subprocess
import sys

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.route import Interface, first, interfaces, local_address, path_mtu, route_of
from tests.needs import need, need_program

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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell it")
def test_the_path_mtu_of_loopback_is_that_of_its_interface() -> None:
    mtu = next(one.mtu for one in interfaces().values() if "127.0.0.1" in one.addresses)
    assert path_mtu("127.0.0.1") == min(mtu, 65_535)  # the longest packet of IPv4
    assert path_mtu("not an address") is None


@pytest.mark.namespaces
def test_the_path_mtu_is_that_of_the_route_where_that_is_smaller() -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    need_program("ip", package="iproute2")
    name = f"levels{os.getpid()}"
    inside = (
        "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up; "
        "ip addr add 10.98.1.1/24 dev v0; ip route add 10.98.7.0/24 via 10.98.1.2 mtu lock 1400; "
        f"{sys.executable} -c 'from homecheck.instruments.route import *; "
        'print(path_mtu("10.98.7.7"), path_mtu("10.98.1.7"))\''
    )
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        command = ["ip", "netns", "exec", name, "sh", "-ec", inside]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    assert done.stdout.split() == ["1400", "1500"], done.stderr
