"""The frame of the STUN server and of the SIP mirror, over real sockets."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from homecheck.responder.udp_service import Reply, UdpService, bind_all
from homecheck.standards.rfc_8489 import Endpoint

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="IP_PKTINFO of Linux")


@contextmanager
def mirror(host: str, through: int) -> Iterator[list[int]]:
    """Two sockets on `host` that send back what comes to the first, through one of them; their ports."""
    sockets = bind_all([(host, 0), (host, 0)])

    def answer(number: int, datagram: bytes, _: Endpoint) -> Reply | None:
        return Reply(datagram, through) if number == 0 else None

    service = UdpService("mirror", sockets, answer)
    service.start()
    try:
        yield [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        service.stop()


@LINUX
@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.2"), ("127.0.0.2", "127.0.0.2"), ("::", "::1")])
@pytest.mark.parametrize("through", [0, 1])
def test_an_answer_leaves_from_the_address_that_was_asked(host: str, asked: str, through: int) -> None:
    """The system's own choice would be 127.0.0.1, from which neither an agent nor its router takes anything."""
    family = socket.AF_INET6 if ":" in asked else socket.AF_INET
    with mirror(host, through) as ports, socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"anybody there?", (asked, ports[0]))
        data, source = client.recvfrom(100)
    assert (data, source[:2]) == (b"anybody there?", (asked, ports[through]))
