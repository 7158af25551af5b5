"""The probe in homes of namespaces: names that take 40 ms, a sign-in page, dead DNS, a shared address, IPv6 alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.far_ends import responder_process, write_certificate
from tests.needs import need_program
from tests.routed_home import SERVER, SERVER_V6, SHARED_LINE, Home, routed_home

pytestmark = pytest.mark.namespaces

TESTS = Path(__file__).parents[1]
NAME = "responder.homecheck.example"
LOOKUP_MS = 40.0

Measured = dict[str, Any]


@contextmanager
def server(home: Home, end: str, program: str, *arguments: str) -> Iterator[None]:
    """Run a program of this folder at one end of the home until the context ends."""
    command = [*home.at(end), sys.executable, str(TESTS / program), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.terminate()


def path(home: Home, certificate: Path, **setup: str) -> Measured:
    return probe("path", home, certificate, **setup)


def probe(name: str, home: Home, certificate: Path, **setup: str) -> Measured:
    done = subprocess.run(
        [*home.at("client"), sys.executable, str(TESTS / "probe_in_namespace.py"), name, json.dumps(setup)],
        env={**os.environ, "SSL_CERT_FILE": str(certificate)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return {"seconds": told["seconds"], **told["measurements"]}


def ordinary_home(folder: Path) -> dict[str, Measured]:
    certificate, key = write_certificate(folder, SERVER)
    tls = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    with (
        routed_home() as home,
        responder_process(folder, *tls, "--plain-port", "80", prefix=home.at("server")) as responder,
        server(home, "server", "name_server.py", NAME, SERVER, str(LOOKUP_MS)),
    ):
        home.ask_for_names_at(SERVER)
        # The responder's certificate is for its address; the collector's name is what is looked up.
        collector = f"https://{NAME}:{responder.url.rpartition(':')[2]}"
        found = {"ordinary": path(home, certificate, responder_url=responder.url, collector_url=collector)}
        with server(home, "router", "sign_in_page.py"):
            redirect = ("-p", "tcp", "-j", "REDIRECT", "--to-ports", "8080")
            home.run("router", "iptables", "-t", "nat", "-A", "PREROUTING", "-i", "home1", *redirect)
            found["portal"] = path(home, certificate, responder_url=responder.url)
            found["second opinion"] = probe("network", home, certificate, method="ndt7", ndt7_url=responder.url)
    return found


def home_without_names(folder: Path) -> dict[str, Measured]:
    with routed_home() as home:
        home.ask_for_names_at("11.97.2.77")
        return {"no names": path(home, folder / "none", responder_url=f"https://{NAME}/")}


def home_behind_a_shared_address(folder: Path) -> dict[str, Measured]:
    certificate, key = write_certificate(folder, SERVER_V6)
    tls = ("--host", SERVER_V6, "--tls-cert", str(certificate), "--tls-key", str(key))
    with routed_home(line=SHARED_LINE) as home:
        found = {"shared": path(home, certificate, responder_url=f"https://{SERVER}/")}
        with responder_process(folder, *tls, prefix=home.at("server")) as responder:
            found["ipv6"] = path(home, certificate, responder_url=responder.url)
            home.run("client", "ip", "-6", "route", "del", "default")
            found["no route"] = path(home, certificate, responder_url=responder.url)
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    need_program("iptables", package="iptables")
    kinds = (ordinary_home, home_without_names, home_behind_a_shared_address)
    with ThreadPoolExecutor(3) as side_by_side:
        homes = [side_by_side.submit(home, tmp_path_factory.mktemp("home")) for home in kinds]
    return {name: measured for home in homes for name, measured in home.result().items()}


def failure(measured: Measured, name: str) -> tuple[str, str]:
    failed = measured[f"network.{name}"]["failure"]
    assert failed is not None, measured[f"network.{name}"]
    return failed["code"], failed["at_fault"]


def value(measured: Measured, name: str) -> Any:
    assert measured[f"network.{name}"]["failure"] is None, measured[f"network.{name}"]
    return measured[f"network.{name}"]["value"]


def test_a_look_up_takes_as_long_as_the_name_server_does(found: dict[str, Measured]) -> None:
    assert LOOKUP_MS <= value(found["ordinary"], "dns_time") < LOOKUP_MS + 30
    assert found["ordinary"]["network.dns_time"]["details"]["servers"] == ["a public IPv4 address"]


def test_an_ordinary_home_has_nothing_in_the_way(found: dict[str, Measured]) -> None:
    ordinary = found["ordinary"]
    assert (value(ordinary, "ipv4"), value(ordinary, "captive_portal"), value(ordinary, "http_proxy")) == (
        True,
        False,
        False,
    )
    assert failure(ordinary, "ipv6") == ("not_offered", "server")
    assert 0 < value(ordinary, "gateway_rtt") < 20
    assert 0 < value(ordinary, "first_hop_rtt") < 20
    assert 0 < value(ordinary, "collector_rtt") < 50
    assert ordinary["network.first_hop_rtt"]["details"]["hops"] == 2
    assert ordinary["network.gateway_rtt"]["details"]["address"] == "192.168.97.1"
    assert "11.97." not in json.dumps(ordinary)  # no public address of the way is told


def test_a_sign_in_page_is_seen_and_nothing_behind_it_is_believed(found: dict[str, Measured]) -> None:
    portal = found["portal"]
    assert value(portal, "captive_portal") is True
    assert portal["network.captive_portal"]["details"]["told_by"] == "a redirect to another host"
    assert failure(portal, "ipv4") == ("captive_portal", "home_link")  # the page takes every connection
    assert failure(portal, "http_proxy") == ("captive_portal", "home_link")
    # Nor is it the fault of those who give a second opinion.
    assert failure(found["second opinion"], "download") == ("captive_portal", "home_link")


def test_dead_names_are_the_homes_fault_and_the_router_is_timed_all_the_same(found: dict[str, Measured]) -> None:
    dead = found["no names"]
    for name in ("dns_time", "ipv4", "ipv6", "captive_portal", "http_proxy", "first_hop_rtt"):
        assert failure(dead, name) == ("dns_failed", "home_link")
    assert 0 < value(dead, "gateway_rtt") < 20


def test_an_address_of_the_shared_range_among_the_first_hops_is_cgnat(found: dict[str, Measured]) -> None:
    shared = found["shared"]
    assert value(shared, "cgnat") is True
    assert shared["network.cgnat"]["details"]["told_by"] == "hop 2 has an address of RFC 6598"
    assert failure(shared, "first_hop_rtt") == ("no_public_hop", "line")
    assert failure(shared, "ipv4") == ("responder_refused", "server")  # nobody listens there


def test_ipv6_is_tried_for_itself(found: dict[str, Measured]) -> None:
    assert value(found["ipv6"], "ipv6") is True
    assert failure(found["ipv6"], "ipv4") == ("not_offered", "server")
    assert failure(found["ipv6"], "captive_portal") == ("not_offered", "server")  # this responder has no plain port
    assert 0 < value(found["ipv6"], "gateway_rtt") < 20
    assert value(found["no route"], "ipv6") is False
    # The home has IPv4 all the same, and an address of that is for the responder to have.
    assert failure(found["no route"], "gateway_rtt") == ("other_ip_version", "server")


@pytest.mark.parametrize("name", ["ordinary", "portal", "no names", "shared", "ipv6", "no route"])
def test_it_never_takes_long(found: dict[str, Measured], name: str) -> None:
    assert found[name]["seconds"] < 16  # twelve are meant; the machine is shared
