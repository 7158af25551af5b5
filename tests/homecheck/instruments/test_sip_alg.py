from __future__ import annotations

import socket
from contextlib import closing

import pytest

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.sip_alg import Mirrored, Piece, SipOffer, differences, look
from homecheck.instruments.sip_mirror import Arrived
from homecheck.standards.rfc_3261 import invite
from homecheck.strict_json import Record

HOST = "127.0.0.1"
LOOPBACK = FarEnd("http", HOST, 1, "", socket.AF_INET, HOST)
SENT = invite(("192.168.1.2", 5060), "192.0.2.1", "id@x", "b", 700)


def test_every_line_that_differs_is_named_with_both_sides() -> None:
    arrived = SENT.replace(b"UDP 192.168.1.2:5060", b"UDP 203.0.113.9:1024").replace(b"s=-\r\n", b"")
    arrived = arrived.replace(b"Max-Forwards: 70", b"Max-Forwards: 69\r\nX-Router: yes")
    assert differences(SENT, arrived) == [
        Piece(
            "via",
            "Via: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bKb",
            "Via: SIP/2.0/UDP 203.0.113.9:1024;branch=z9hG4bKb",
        ),
        Piece("max-forwards", "Max-Forwards: 70", "Max-Forwards: 69"),
        Piece("s=", "s=-", ""),
        Piece("x-router", "", "X-Router: yes"),
    ]


def test_the_same_header_twice_is_compared_in_its_order() -> None:
    arrived = SENT.replace(b"a=rtpmap", b"a=sendrecv\r\na=rtpmap")
    assert differences(SENT, arrived) == [
        Piece("a=", "a=rtpmap:0 PCMU/8000", "a=sendrecv"),
        Piece("a=", "", "a=rtpmap:0 PCMU/8000"),
    ]


def test_lines_in_another_order_are_a_change_too() -> None:
    swapped = SENT.replace(b"CSeq: 1 INVITE\r\n", b"").replace(b"To: ", b"CSeq: 1 INVITE\r\nTo: ")
    assert Mirrored(SENT, Arrived.of(swapped)).rewritten is True
    assert differences(SENT, swapped) == [Piece("order", "", "")]


def test_a_digest_alone_tells_that_something_changed() -> None:
    assert Mirrored(SENT, Arrived(Arrived.of(SENT).digest, None)).rewritten is False
    changed = Mirrored(SENT, Arrived("00", None))
    assert (changed.rewritten, changed.pieces) == (True, [])
    assert Mirrored(SENT, Arrived.of(SENT)).pieces == []
    assert Mirrored(SENT, None).rewritten is None


def test_a_busy_port_is_named_and_never_called_no_gateway() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as softphone:
        softphone.bind(("0.0.0.0", 0))
        port = softphone.getsockname()[1]
        with pytest.raises(ProbeError) as raised:
            look(LOOPBACK, SipOffer(1, 2), 4, bytes(32), port)
    assert (raised.value.code, raised.value.at_fault) == ("sip_port_busy", "device")
    assert str(port) in raised.value.message
    assert "softphone" in raised.value.advice


@pytest.mark.parametrize("sip", [{"port": 0, "control_port": 1}, {"port": 1}, {"port": 1, "control_port": 65536}, 7])
def test_an_offer_without_ports_is_refused(sip: object) -> None:
    with pytest.raises(Refused):
        SipOffer.read(Record({"sip": sip}, "about"))
