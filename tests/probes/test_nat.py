"""The probe on loopback: against the responder as its operator runs it, and against responders that offer nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from homecheck.errors import ProbeError
from homecheck.measurement import CheckSetup, Measurement, Probe
from homecheck.responder.app import Responder
from probes.nat import NAT, SIP_ALG, Nat
from tests.far_ends import InThread, Running, responder_process, responder_thread
from tests.needs import need


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with responder_process(tmp_path_factory.mktemp("home"), "--other-host", "127.0.0.2") as responder:
        yield responder


def run(url: str) -> dict[str, Measurement]:
    probe = Nat.for_check(CheckSetup(responder_url=url))
    return {found.quantity.name: found for found in probe.run()}


def code(measurement: Measurement) -> tuple[str, str]:
    assert measurement.failure is not None, measurement
    return measurement.failure.code, measurement.failure.at_fault


def test_the_probe_keeps_the_contract() -> None:
    assert isinstance(Nat.for_check(CheckSetup()), Probe)


def test_on_loopback_there_is_neither_nat_nor_gateway(running: Running) -> None:
    found = run(running.url)
    assert found["network.nat"].value == "none", found["network.nat"]
    assert found["network.nat"].details["filtering"] == "endpoint-independent"
    assert found["network.nat"].details["address_there"] == "loopback"
    assert found["network.sip_alg"].value is False, found["network.sip_alg"]
    assert set(found) == {NAT.name, SIP_ALG.name}


def test_on_the_loopback_of_ipv6_it_is_the_same(tmp_path: Path) -> None:
    need(has_ipv6(), "this machine has no IPv6", "enable IPv6 on the loopback device")
    with responder_process(tmp_path, "--host", "::1") as responder:
        found = run(responder.url)
    assert found["network.nat"].value == "none", found["network.nat"]
    assert found["network.sip_alg"].value is False, found["network.sip_alg"]


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


def test_without_a_responder_nothing_can_be_measured() -> None:
    with pytest.raises(ProbeError) as raised:
        list(Nat.for_check(CheckSetup()).run())
    assert (raised.value.code, raised.value.at_fault) == ("no_responder", "agent")


@pytest.fixture(scope="module")
def bare() -> Iterator[InThread]:
    with responder_thread() as responder:
        yield responder


def test_a_responder_without_the_services_is_not_the_persons_fault(bare: InThread) -> None:
    found = run(bare.url)
    assert [code(measured) for measured in found.values()] == [("not_offered", "server")] * 2


def test_the_session_is_ended_whatever_was_found(bare: InThread) -> None:
    run(bare.url)
    assert list(bare.responder.sessions) == []


@dataclass(frozen=True)
class Moved(Responder):
    """Names a port beyond the last."""

    services: Mapping[str, Any] = field(default_factory=lambda: {"stun": {"port": 1, "other_port": 65536}})


def test_an_offer_that_makes_no_sense_is_our_servers_fault() -> None:
    with responder_thread(Moved) as responder, pytest.raises(ProbeError) as raised:
        run(responder.url)
    assert (raised.value.code, raised.value.at_fault) == ("responder_answer", "server")
