"""The whole probe, over TLS, behind routers whose truth is known: the kernel's NAT, its filter, its own SIP gateway.

All homes are measured at the same time: they mostly wait for answers that a filter keeps from them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.far_ends import Running, responder_process, write_certificate
from tests.homes import BY_ADDRESS, FULL_CONE, MASQUERADE, OTHER_SERVER, RANDOM, SERVER, SIP_HELPER, far_away

pytestmark = pytest.mark.namespaces

PROGRAM = Path(__file__).parents[1] / "nat_in_namespace.py"
HOMES = {
    "no NAT": (),
    "masquerade": MASQUERADE,
    "random ports": RANDOM,
    "by address": BY_ADDRESS,
    "full cone": FULL_CONE,
    "SIP gateway": SIP_HELPER,
    "3478 dropped": (*FULL_CONE, "-A FORWARD -p udp --dport 3478 -j DROP"),
    "ports closed": (*FULL_CONE, "-A FORWARD -p udp -m multiport --dports 3478,5060,5099 -j DROP"),
    "5060 dropped": (*FULL_CONE, "-A FORWARD -p udp --dport 5060 -j DROP"),
    "UDP dropped": (*FULL_CONE, "-A FORWARD -p udp -j DROP"),
    "softphone": FULL_CONE,
    "second address dropped": (*FULL_CONE, f"-A FORWARD -d {OTHER_SERVER} -j DROP"),
}
FIRST = ("full cone", "3478 dropped")
BY_ONE_ADDRESS = ("masquerade", "random ports", "full cone")

Found = dict[tuple[str, int], dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """What the probe found, by home and by the number of the far end's addresses."""
    folder = tmp_path_factory.mktemp("homes")
    certificate, key = write_certificate(folder, SERVER)
    host = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    usual = ("--stun-port", "3478", "--sip-port", "5060", "--sip-control-port", "5099", "--other-host", OTHER_SERVER)

    def measure(home: tuple[str, ...], responder: Running, word: str = "") -> dict[str, Any]:
        done = subprocess.run(
            [*home, sys.executable, str(PROGRAM), responder.url, word],
            env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer

    with ExitStack() as stack:
        place = stack.enter_context(far_away())
        two = stack.enter_context(responder_process(folder, *host, *usual, prefix=place.server))
        one = stack.enter_context(responder_process(folder, *host, "--without", "sip", prefix=place.server))
        homes = {
            name: stack.enter_context(place.home(number, *rules))
            for number, (name, rules) in enumerate(HOMES.items(), start=1)
        }
        pool = stack.enter_context(ThreadPoolExecutor(len(HOMES)))
        # Two come first: only with their proof that SIP and voice packets pass elsewhere is a home to be named.
        runs = {(name, 2): pool.submit(measure, homes[name], two, name) for name in FIRST}
        wait(runs.values())
        runs |= {(name, 2): pool.submit(measure, home, two, name) for name, home in homes.items() if name not in FIRST}
        runs |= {(name, 1): pool.submit(measure, homes[name], one) for name in BY_ONE_ADDRESS}
        yield {which: run.result() for which, run in runs.items()}


@pytest.mark.parametrize(
    ("home", "value", "filtering"),
    [
        ("no NAT", "none", "endpoint-independent"),
        ("masquerade", "endpoint-independent", "address-and-port-dependent"),
        ("random ports", "address-and-port-dependent", "address-and-port-dependent"),
        ("by address", "address-dependent", "address-and-port-dependent"),
        ("full cone", "endpoint-independent", "endpoint-independent"),
        ("SIP gateway", "endpoint-independent", "address-and-port-dependent"),
    ],
)
def test_mapping_and_filter_are_what_the_router_was_told(found: Found, home: str, value: str, filtering: str) -> None:
    nat = found[home, 2]["network.nat"]
    assert nat["value"] == value, nat
    assert nat["details"]["filtering"] == filtering
    assert nat["details"]["address_here"] == "private"
    assert nat["details"]["address_there"] == ("private" if value == "none" else "shared")
    assert nat["details"]["port_preserved"] == (home != "random ports")


@pytest.mark.parametrize(
    ("home", "value", "filtering"),
    [
        ("masquerade", "nat", "address-and-port-dependent"),
        ("random ports", "address-and-port-dependent", "address-and-port-dependent"),
        ("full cone", "nat", None),
    ],
)
def test_one_address_tells_less_and_nothing_wrong(found: Found, home: str, value: str, filtering: str | None) -> None:
    nat = found[home, 1]["network.nat"]
    assert nat["value"] == value, nat
    assert nat["details"]["filtering"] == filtering
    assert nat["details"]["server_addresses"] == 1


def test_the_kernels_gateway_is_found_with_what_it_rewrites(found: Found) -> None:
    alg = found["SIP gateway", 2]["network.sip_alg"]
    assert alg["value"] is True, alg
    details = alg["details"]
    assert (details["arrived"], details["control_arrived"]) == ("rewritten", "as sent")
    rewritten = {piece["line"]: piece for piece in details["rewritten"]}
    assert set(rewritten) == {"via", "from", "contact", "content-length", "o=", "c="}
    assert rewritten["c="] == {"line": "c=", "sent": "c=IN IP4 <private>", "arrived": "c=IN IP4 <shared>"}


@pytest.mark.parametrize("home", ["no NAT", "masquerade", "random ports", "full cone", "3478 dropped"])
def test_a_router_that_translates_without_rewriting_is_no_gateway(found: Found, home: str) -> None:
    alg = found[home, 2]["network.sip_alg"]
    assert alg["value"] is False, alg
    assert (alg["details"]["arrived"], alg["details"]["control_arrived"]) == ("as sent", "as sent")


@pytest.mark.parametrize(
    ("home", "quantity", "code", "at_fault"),
    [
        ("3478 dropped", "network.nat", "port_blocked", "server"),
        ("ports closed", "network.nat", "port_blocked", "server"),
        ("ports closed", "network.sip_alg", "port_blocked", "server"),
        ("5060 dropped", "network.sip_alg", "sip_blocked", "home_link"),
        ("softphone", "network.sip_alg", "sip_port_busy", "device"),
        ("UDP dropped", "network.nat", "udp_blocked", "home_link"),
        ("UDP dropped", "network.sip_alg", "udp_blocked", "home_link"),
        ("second address dropped", "network.nat", "other_address_silent", "server"),
    ],
)
def test_what_does_not_pass_is_a_failure_and_never_a_finding(
    found: Found, home: str, quantity: str, code: str, at_fault: str
) -> None:
    measured = found[home, 2][quantity]
    assert measured["value"] is None
    assert (measured["code"], measured["at_fault"]) == (code, at_fault)


def test_no_address_of_a_home_stands_in_what_is_found(found: Found) -> None:
    text = json.dumps(list(found.values()))
    assert "10.96." not in text
    assert "100.64." not in text
