"""Where the way ends: by witnesses of whom all is known, and in a home that is really broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.lost_way import Witnesses, explained, is_gone
from tests.needs import need_program
from tests.routed_home import ROUTER, SERVER, Home, routed_home

ROOT = Path(__file__).parents[3]
NAMED, NUMBERED = "https://responder.example:8862", "https://198.51.100.7:8862"
WELL = Witnesses(
    gateway=lambda _target: "192.168.1.1",
    is_vpn=lambda _target: False,
    is_gone=lambda _router: False,
    answers_behind=lambda _target: True,
    names_work=lambda _host: True,
    signs_in=lambda _host: False,
)
NOTHING_BEHIND = replace(WELL, answers_behind=lambda _target: False)
DEAD = replace(NOTHING_BEHIND, names_work=lambda _host: False)
GONE = replace(DEAD, is_gone=lambda _router: True)
SIGN_IN = replace(DEAD, signs_in=lambda _host: True)


def cause(url: str, code: str, witnesses: Witnesses) -> ProbeError:
    with pytest.raises(ProbeError) as raised, explained(url, witnesses):
        raise ProbeError(code, "advice", message="the first word", at_fault="server")
    return raised.value


@pytest.mark.parametrize(
    ("url", "code", "witnesses", "proves", "at_fault"),
    [
        (NAMED, "responder_silent", WELL, "responder_silent", "server"),
        (NAMED, "responder_silent", NOTHING_BEHIND, "responder_silent", "server"),  # names are answered: the line works
        (NAMED, "responder_silent", DEAD, "line_down", "line"),
        (NUMBERED, "responder_silent", DEAD, "responder_silent", "server"),  # no name that could be asked for
        (NUMBERED, "responder_unreachable", GONE, "router_silent", "home_link"),
        (NUMBERED, "responder_unreachable", DEAD, "responder_unreachable", "server"),
        (NAMED, "dns_failed", GONE, "router_silent", "home_link"),
        (NAMED, "responder_silent", replace(GONE, is_vpn=lambda _target: True), "responder_silent", "server"),
        (NAMED, "responder_silent", replace(GONE, gateway=lambda _target: None), "responder_silent", "server"),
        (NUMBERED, "no_route", DEAD, "line_down", "line"),  # a router said so, as this computer knows a way
        (NUMBERED, "no_route", WELL, "responder_unreachable", "server"),  # and one far away
        (NAMED, "responder_tls", SIGN_IN, "captive_portal", "home_link"),
        (NAMED, "responder_certificate", SIGN_IN, "captive_portal", "home_link"),
        (NAMED, "responder_mute", DEAD, "responder_mute", "server"),  # packets get there: no line is down
        (NAMED, "responder_mute", SIGN_IN, "captive_portal", "home_link"),
        (NAMED, "responder_tls", GONE, "responder_tls", "server"),  # somebody answered: no router is in question
        (NAMED, "observation_refused", SIGN_IN, "observation_refused", "server"),
        ("https://127.0.0.1:8862", "responder_silent", GONE, "responder_silent", "server"),
    ],
)
def test_whose_it_is_follows_from_who_still_answers(
    url: str, code: str, witnesses: Witnesses, proves: str, at_fault: str
) -> None:
    error = cause(url, code, witnesses)
    assert (error.code, error.at_fault) == (proves, at_fault)
    assert error.advice


def test_what_is_likely_and_not_known_is_said_and_decides_nothing() -> None:
    error = cause(NUMBERED, "responder_silent", DEAD)
    assert error.message == "the first word, nor does any router behind yours: the line to your provider may be down"
    assert "call your internet provider" in error.advice


def test_without_an_address_nobody_is_asked() -> None:
    with pytest.raises(ProbeError, match="the first word"), explained(None, GONE):
        raise ProbeError("no_responder", "advice", message="the first word", at_fault="agent")


def test_a_router_that_refuses_is_there() -> None:
    assert not is_gone("127.0.0.1")  # nobody listens at the port of discard


def ask(home: Home, error: ProbeError, url: str) -> tuple[str, str]:
    """Return what `error` proves to be at the home's computer."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from homecheck.errors import ProbeError\n"
        "from homecheck.instruments.lost_way import Witnesses, cause_of\n"
        "error = ProbeError(sys.argv[2], '', at_fault=sys.argv[3])\n"
        "found = cause_of(error, sys.argv[4], Witnesses())\n"
        "print(json.dumps([found.code, found.at_fault]))"
    )
    told = home.run("client", sys.executable, "-c", program, str(ROOT), error.code, error.at_fault, url)
    code, at_fault = json.loads(told)
    return code, at_fault


@contextmanager
def sign_in_page(home: Home) -> Iterator[None]:
    command = [*home.at("router"), sys.executable, str(ROOT / "tests" / "sign_in_page.py")]
    redirect = ("-p", "tcp", "--dport", "80", "-j", "REDIRECT", "--to-ports", "8080")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        assert page.stdout.readline() == "ready\n"
        home.run("router", "iptables", "-w", "-t", "nat", "-A", "PREROUTING", "-i", "home1", *redirect)
        yield
        home.run("router", "iptables", "-w", "-t", "nat", "-F", "PREROUTING")
        page.terminate()


@pytest.mark.namespaces
def test_in_a_real_home_the_broken_part_is_named() -> None:
    need_program("iptables", package="iptables")
    silent = ProbeError("responder_silent", "", at_fault="server")
    refused = ProbeError("responder_refused", "", at_fault="server")
    url = f"https://{SERVER}:8862"
    with routed_home() as home:
        home.let_routers_answer_always()
        assert ask(home, silent, url) == ("responder_silent", "server")  # all routers answer
        assert ask(home, refused, url) == ("responder_refused", "server")
        with sign_in_page(home):
            assert ask(home, refused, url) == ("captive_portal", "home_link")
        home.ask_for_names_at(SERVER)  # where nobody answers for names
        home.run("router", "ip", "link", "set", "line0", "down")
        assert ask(home, silent, "https://responder.example") == ("line_down", "line")
        assert ask(home, ProbeError("no_route", "", at_fault="home_link"), url) == ("line_down", "line")
        home.run("router", "ip", "link", "set", "home1", "down")
        home.run("client", "ip", "neigh", "flush", "to", ROUTER)
        assert ask(home, silent, url) == ("router_silent", "home_link")
