"""Who refuses UDP packets: the far end itself, or a firewall in its place."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from homecheck.instruments.far_end import named
from homecheck.instruments.udp_refusal import is_strangers, refuser
from tests.needs import need_program
from tests.ports import free_port
from tests.routed_home import ROUTER, SERVER, Home, routed_home

ROOT = Path(__file__).parents[3]
HERE = replace(named("http://127.0.0.1:9"), family=socket.AF_INET, address="127.0.0.1")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who refuses")


def test_a_far_end_where_nobody_listens_refuses_itself() -> None:
    port = free_port()
    assert refuser(HERE, port) == "127.0.0.1"
    assert not is_strangers(HERE, port)


def test_a_far_end_that_listens_is_refused_by_nobody() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        assert refuser(HERE, listening.getsockname()[1]) is None


def refuser_seen_from(home: Home) -> str:
    program = (
        "import socket, sys; sys.path.insert(0, sys.argv[1])\n"
        "from dataclasses import replace\n"
        "from homecheck.instruments.far_end import named\n"
        "from homecheck.instruments.udp_refusal import refuser\n"
        "end = replace(named('http://' + sys.argv[2]), family=socket.AF_INET, address=sys.argv[2])\n"
        "print(refuser(end, 8862))"
    )
    return home.run("client", sys.executable, "-c", program, str(ROOT), SERVER).strip()


@pytest.mark.namespaces
def test_a_firewall_that_refuses_in_the_far_ends_place_is_told_from_it() -> None:
    need_program("iptables", package="iptables")
    reject = ("-p", "udp", "-j", "REJECT")
    with routed_home() as home:
        home.let_routers_answer_always()
        assert refuser_seen_from(home) == SERVER  # nobody listens there
        home.run("router", "iptables", "-w", "-I", "FORWARD", *reject)
        assert refuser_seen_from(home) == ROUTER
        home.run("client", "iptables", "-w", "-I", "OUTPUT", *reject)
        assert refuser_seen_from(home) == "192.168.97.2"  # this computer itself
