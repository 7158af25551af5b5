"""Names that nobody has looked up before: how long they take, and whose fault it is when none is answered."""

from __future__ import annotations

import socket
import statistics
import time
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.resolvers import described, is_name, lookup_times, shown


def test_every_query_is_for_another_name_that_ends_where_it_is_written() -> None:
    asked: list[str] = []
    lookup_times("example.org", look_up=asked.append)
    assert len(set(asked)) == 5
    assert all(name.endswith(".example.org.") for name in asked)  # no search domain is tried behind the last dot


def test_a_name_that_does_not_exist_is_an_answer() -> None:
    def no_such_name(_name: str) -> None:
        time.sleep(0.02)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = lookup_times("example.org", look_up=no_such_name)
    assert min(found) >= 20
    assert statistics.median(found) < 2000


def test_a_name_service_that_gives_no_answer_is_the_homes() -> None:
    def silent(_name: str) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(ProbeError) as raised:
        lookup_times("example.org", look_up=silent)
    assert (raised.value.code, raised.value.at_fault) == ("dns_failed", "home_link")


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("responder.example.org", True), ("11.97.2.2", False), ("2a0e::1", False), ("localhost", False), ("", False)],
)
def test_only_names_of_dns_are_asked_for(host: str, is_one: bool) -> None:
    assert is_name(host) is is_one


def test_name_servers_are_told_but_public_addresses_are_not(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# made by hand\nsearch home\nnameserver 192.168.1.1\nnameserver 2a02:1::53\nnameserver 127.0.0.53\n"
    )
    assert described(file) == ["192.168.1.1", "a public IPv6 address", "127.0.0.53"]
    assert described(tmp_path / "missing") == []
    assert shown("fe80::1ff:fe23:4567:890a%eth0") == "a link-local address"
    assert shown("what?") == "not an address"
