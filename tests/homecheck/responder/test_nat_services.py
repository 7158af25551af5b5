from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from homecheck.errors import SetupError
from homecheck.responder import nat_services
from homecheck.responder.limits import Limits
from homecheck.responder.nat_services import NatPorts
from homecheck.responder.sessions import Sessions

HOST = "127.0.0.1"
ANY = NatPorts(0, None, 0, 0)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(Limits(), time.monotonic)


@pytest.fixture
def taken() -> Iterator[int]:
    """A UDP port that somebody else has."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


def test_what_is_offered_stands_in_the_well_known_document(sessions: Sessions) -> None:
    services = nat_services.bind(sessions, HOST, ANY)
    assert services.stun is not None
    assert services.sip is not None
    assert services.to_json() == {
        "stun": {"port": services.stun.port, "other_port": services.stun.other_port},
        "sip": {"port": services.sip.port, "control_port": services.sip.control_port},
    }
    assert services.missing == []
    services.stop()


def test_what_is_not_wanted_is_not_offered(sessions: Sessions) -> None:
    services = nat_services.bind(sessions, HOST, NatPorts(0, None, 0, 0, frozenset({"stun", "sip"})))
    assert services.to_json() == {}
    services.stop()


@pytest.mark.parametrize("option", ["--stun-port", "--sip-port", "--sip-control-port"])
def test_a_named_port_in_use_is_an_error_that_names_the_port_and_the_option(
    sessions: Sessions, taken: int, option: str
) -> None:
    ports = {
        "--stun-port": NatPorts(taken, None, 0, 0),
        "--sip-port": NatPorts(0, None, taken, 0),
        "--sip-control-port": NatPorts(0, None, 0, taken),
    }[option]
    with pytest.raises(SetupError) as raised:
        nat_services.bind(sessions, HOST, ports)
    assert str(taken) in raised.value.message
    assert option in raised.value.advice


def test_a_usual_port_in_use_is_said_and_the_rest_goes_on(sessions: Sessions) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        with suppress(OSError):  # somebody else has it already: all the same
            sock.bind((HOST, 3478))
        services = nat_services.bind(sessions, HOST, NatPorts(None, None, 0, 0))
    assert services.stun is None
    assert list(services.to_json()) == ["sip"]
    assert len(services.missing) == 1
    assert "3478" in services.missing[0]
    services.stop()


def test_a_second_address_that_this_machine_lacks_is_an_error(sessions: Sessions) -> None:
    with pytest.raises(SetupError, match="STUN"):
        nat_services.bind(sessions, HOST, NatPorts(0, "192.0.2.1", 0, 0))


def test_a_second_address_needs_a_first_one(sessions: Sessions) -> None:
    for everywhere in ("0.0.0.0", "::", ""):
        with pytest.raises(SetupError, match="one address"):
            nat_services.bind(sessions, everywhere, NatPorts(0, "127.0.0.2", 0, 0))
