from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.target_datagram import attempt, question
from homecheck.measurement import Target
from tests.coturn import coturn
from tests.ports import free_port
from tests.targets import HOST, is_translated, sip, stun, udp_server


def at(port: int, address: str = "127.0.0.1") -> FarEnd:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return FarEnd("http", HOST, port, "", family, address)


def target(port: int, probe: str = "stun") -> Target:
    return Target("media", HOST, port, "udp", probe=probe)


def failure(port: int, probe: str = "stun") -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        attempt(target(port, probe), at(port))
    assert is_translated(raised.value)
    return raised.value


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_stun_server_that_answers_is_reached(address: str) -> None:
    with udp_server(stun, address) as port:
        found = attempt(target(port), at(port, address))
    assert 0 < found.ms < 5000
    assert found.details == {"asked_by": "STUN"}


def test_a_stun_server_that_declines_is_reached_too() -> None:
    with udp_server(partial(stun, kind=0x0111)) as port:
        assert attempt(target(port), at(port)).ms > 0


def test_coturns_server_is_reached(tmp_path: Path) -> None:
    port = free_port(also_next=True)
    with coturn(tmp_path, port, "127.0.0.1"):
        give_up, found = time.monotonic() + 60, None
        while found is None and time.monotonic() < give_up:
            with suppress(ProbeError):  # it has not begun to listen yet
                found = attempt(target(port), at(port), refuser=lambda _end, _port: None)
    assert found is not None
    assert found.details == {"asked_by": "STUN"}


def test_a_sip_server_that_answers_options_is_reached_and_learns_no_address_of_this_computer() -> None:
    seen: list[bytes] = []

    def answer(datagram: bytes) -> bytes | None:
        seen.append(datagram)
        return sip(datagram)

    with udp_server(answer) as port:
        assert attempt(target(port, "sip"), at(port)).details == {"asked_by": "SIP"}
    assert b"127.0.0.1" not in seen[0]
    assert socket.gethostname().encode() not in seen[0]
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b""
    assert head.split(b"\r\n")[0] == b"OPTIONS sip:calls.example.com SIP/2.0"


def test_a_question_that_was_lost_is_asked_again_half_a_second_later() -> None:
    """RFC 8489 6.2.1: RTO of 500 ms."""
    times: list[float] = []  # at which this server read it, which may be later than it came

    def second_time(datagram: bytes) -> bytes | None:
        times.append(time.monotonic())
        return stun(datagram) if len(times) > 1 else None

    with udp_server(second_time) as port:
        began = time.monotonic()
        found = attempt(target(port), at(port))
        took_ms = 1e3 * (time.monotonic() - began)
    assert len(times) == 2
    assert found.ms < took_ms - 400  # counted from the question that was answered


def test_an_answer_to_another_question_is_none() -> None:
    """Somebody who has seen no question cannot make a target look alive."""

    def stray(datagram: bytes) -> bytes | None:
        return stun(datagram[:8] + secrets.token_bytes(12) + datagram[20:])

    with udp_server(stray) as port:
        error = failure(port)
    assert (error.code, error.at_fault) == ("udp_silent", "server")
    assert "gives no answer to STUN over UDP" in error.message


@pytest.mark.parametrize(
    "datagram", [b"", b"SIP/2.0 200 OK", b"SIP/2.0 200 OK\r\nCall-ID: ghost\r\n\r\n", b"\xff" * 2048]
)
def test_what_is_no_answer_to_options_is_none(datagram: bytes) -> None:
    _, is_answer = question("sip", at(5060), 5060)
    assert not is_answer(datagram)


@contextmanager
def refusing_port() -> Iterator[int]:
    """A UDP port that is taken by somebody who hears one address alone: the system refuses all others by ICMP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.connect(("127.0.0.1", 9))
        yield taken.getsockname()[1]


def test_a_port_where_nobody_listens_is_told_by_icmp() -> None:
    with refusing_port() as port:
        error = failure(port)
    assert (error.code, error.at_fault) == ("target_refused", "server")
    assert error.message == f"nobody listens at UDP port {port} of {HOST}"


def test_a_refusal_by_somebody_else_is_a_filter_on_the_way() -> None:
    with refusing_port() as port, pytest.raises(ProbeError) as raised:
        attempt(target(port), at(port), refuser=lambda _end, _port: "192.0.2.1")
    assert raised.value.code == "udp_refused_on_the_way"
    assert raised.value.message == f"somebody on the way to {HOST}:{port} refuses UDP in its place"
