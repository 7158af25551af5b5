"""No message goes into the company's own network, however its address is written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from homecheck.collector.outside import NotAllowed, addresses_of, may_reach


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254",  # where clouds keep their secrets
        "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::7f00:1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_internet_are_refused(text: str) -> None:
    assert not may_reach(ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]
)
def test_addresses_of_the_internet_are_taken(text: str) -> None:
    assert may_reach(ip_address(text))


def test_a_network_that_the_operator_names_is_taken_and_its_neighbour_is_not() -> None:
    inside = [ip_network("10.1.0.0/16")]
    assert may_reach(ip_address("10.1.2.3"), inside)
    assert may_reach(ip_address("::ffff:10.1.2.3"), inside)
    assert not may_reach(ip_address("10.2.0.1"), inside)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "0"])
def test_loopback_in_disguise_is_refused_by_the_systems_own_look_up(host: str) -> None:
    with pytest.raises(NotAllowed, match="no address of the internet"):
        addresses_of(host, 443)


def test_one_bad_address_spoils_a_name() -> None:
    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("1.1.1.1", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]

    with pytest.raises(NotAllowed, match=r"receiver\.example is 10\.0\.0\.1"):
        addresses_of("receiver.example", 443, look_up=look_up)
