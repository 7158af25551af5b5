from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import psutil
import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.target_addresses import Network, find, network_of, own_networks, unresolved
from homecheck.measurement import Target
from tests.targets import is_translated

TARGET = Target("phone", "calls.example.com", 443, "tls")
HOME: tuple[Network, ...] = (ipaddress.ip_network("2001:db8:7::/64"), ipaddress.ip_network("192.168.1.0/24"))
PUBLIC = ("2606:4700::1111", "1.1.1.1", "2606:4700::1001", "1.0.0.1", "2606:4700::64", "8.8.8.8")


def known_as(*addresses: str) -> Any:
    def look_up(_host: str, port: int) -> Sequence[tuple[Any, ...]]:
        found = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found.append((family, socket.SOCK_STREAM, 6, "", (address, port)))
        return found

    return look_up


def failure(*addresses: str, local: bool = False) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        find(TARGET, HOME, local=local, look_up=known_as(*addresses))
    assert is_translated(raised.value)
    return raised.value


def test_four_addresses_are_tried_the_families_by_turns() -> None:
    v6, v4 = PUBLIC[::2], PUBLIC[1::2]
    places = find(TARGET, HOME, local=False, look_up=known_as(*v6, *v4))
    assert [end.address for end in places.ends] == [v6[0], v4[0], v6[1], v4[1]]
    assert {(end.host, end.port, end.scheme) for end in places.ends} == {("calls.example.com", 443, "https")}
    assert not places.is_here


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("192.168.1.1", "private"), ("10.0.0.7", "private"), ("172.31.255.1", "private"), ("fd00::1", "private"),
        ("169.254.169.254", "link-local"), ("fe80::1", "link-local"), ("100.64.0.1", "shared"),
        ("127.0.0.1", "loopback"), ("::1", "loopback"), ("::ffff:192.168.1.1", "private"),
        ("64:ff9b::c0a8:101", "private"), ("2002:c0a8:101::1", "private"),
        ("239.255.255.250", "multicast"), ("ff02::fb", "multicast"), ("255.255.255.255", "special"),
    ],
)  # fmt: skip
def test_a_name_that_leads_into_the_home_is_left_alone(address: str, kind: str) -> None:
    error = failure(address)
    assert (error.code, error.at_fault) == ("target_private", "server")
    assert error.message == (
        f"calls.example.com leads to an address that is not on the internet ({kind}): it was left alone"
    )
    assert address not in error.message  # the home's addresses are not told


def test_a_public_address_in_a_network_that_this_computer_is_part_of_is_the_home_too() -> None:
    network: tuple[Network, ...] = (ipaddress.ip_network("2606:4700::/64"),)
    with pytest.raises(ProbeError, match="not on the internet"):
        find(TARGET, network, local=False, look_up=known_as("2606:4700::1111"))


def test_of_mixed_addresses_the_public_ones_alone_are_tried() -> None:
    places = find(TARGET, HOME, local=True, look_up=known_as("192.168.1.1", "1.1.1.1"))
    assert [end.address for end in places.ends] == ["1.1.1.1"]


def test_an_ipv4_address_behind_a_translator_is_the_one_that_counts() -> None:
    places = find(TARGET, HOME, local=False, look_up=known_as("64:ff9b::101:101"))
    assert [end.address for end in places.ends] == ["64:ff9b::101:101"]


def test_this_computer_is_tried_where_the_collector_is_on_it_as_well() -> None:
    places = find(TARGET, HOME, local=True, look_up=known_as("127.0.0.1", "::1"))
    assert [end.address for end in places.ends] == ["127.0.0.1", "::1"]
    assert places.is_here
    assert failure("192.168.1.1", local=True).code == "target_private"


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_name_that_an_ad_blocker_answers_with_nowhere_is_the_homes_doing(address: str) -> None:
    error = failure(address)
    assert (error.code, error.at_fault) == ("name_blocked", "home_link")
    assert failure(address, local=True).code == "name_blocked"


def test_a_name_with_other_letters_is_asked_for_as_dns_spells_it() -> None:
    asked = []

    def look_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
        asked.append(host)
        found: Sequence[tuple[Any, ...]] = known_as("1.1.1.1")(host, port)
        return found

    find(Target("växel", "bücher.example", 5061, "tls"), HOME, local=False, look_up=look_up)
    assert asked == ["xn--bcher-kva.example"]


@pytest.mark.parametrize("host", ["a..b", ".example.com", "x" * 64 + ".example.com", ":", "::::", "."])
def test_what_is_no_name_is_told_and_breaks_nothing(host: str) -> None:
    with pytest.raises(ProbeError) as raised:
        unresolved(Target("phone", host, 443, "https"))
    assert (raised.value.code, raised.value.at_fault) == ("bad_address", "agent")


def test_an_ipv6_address_is_a_host() -> None:
    end = unresolved(Target("phone", "2606:4700::1111", 5061, "tls"))
    assert (end.host, end.port) == ("2606:4700::1111", 5061)


def test_networks_are_told_by_address_and_mask() -> None:
    assert network_of("192.168.1.20", "255.255.255.0") == ipaddress.ip_network("192.168.1.0/24")
    assert network_of("fe80::1%eth0", "ffff:ffff:ffff:ffff::") == ipaddress.ip_network("fe80::/64")
    assert network_of("fe80::1", None) is None


def test_the_networks_of_this_computer_hold_its_own_addresses() -> None:
    entries = [entry for found in psutil.net_if_addrs().values() for entry in found if entry.family == socket.AF_INET]
    mine = [ipaddress.ip_address(str(entry.address)) for entry in entries]
    assert mine
    assert all(any(address in network for network in own_networks()) for address in mine)
