"""What each system hands over when a router answers: bytes laid out by hand from RFC 792, RFC 4443 and the headers."""

from __future__ import annotations

import socket
import statistics
import struct
import sys
import time

import pytest
from hypothesis import given

from homecheck.errors import ProbeError
from homecheck.instruments.hops import Answer, Hop, trace
from homecheck.instruments.hops_icmp import EchoAsker, Message, checksum, echo, parse
from homecheck.instruments.hops_linux import ErrorQueueAsker, sender
from homecheck.instruments.hops_windows import WindowsAsker, parse_reply
from tests.strangers import strange, thoroughly

ROUTER = socket.inet_aton("192.168.1.1")


def error(origin: int, icmp_type: int, code: int, address: bytes) -> list[tuple[int, int, bytes]]:
    """Return the ancillary message of Linux: struct sock_extended_err and the sender's sockaddr."""
    fields = struct.pack("=IBBBBII", 113, origin, icmp_type, code, 0, 0, 0)
    return [(socket.IPPROTO_IPV6, 25, fields + address) if origin == 3 else (socket.IPPROTO_IP, 11, fields + address)]


SOCKADDR_IN = struct.pack("=HH", 2, 0) + ROUTER + bytes(8)
SOCKADDR_IN6 = struct.pack("=HHI", 10, 0, 0) + socket.inet_pton(socket.AF_INET6, "fe80::1") + bytes(4)


@pytest.mark.parametrize(
    ("ancillary", "told"),
    [
        (error(2, 11, 0, SOCKADDR_IN), ("192.168.1.1", False)),  # time exceeded in transit
        (error(2, 3, 3, SOCKADDR_IN), ("192.168.1.1", True)),  # port unreachable
        (error(2, 3, 13, SOCKADDR_IN), None),  # prohibited by a filter, wherever that is
        (error(3, 3, 0, SOCKADDR_IN6), ("fe80::1", False)),  # hop limit exceeded
        (error(3, 1, 4, SOCKADDR_IN6), ("fe80::1", True)),
        (error(1, 0, 0, SOCKADDR_IN), None),  # this computer's own error
        (error(2, 11, 0, SOCKADDR_IN6[:8]), None),  # an address that is cut off
        (error(2, 11, 0, SOCKADDR_IN[:7]), None),
        (error(2, 11, 0, bytes(16)), None),  # AF_UNSPEC: the kernel does not know the sender
        (error(2, 11, 0, b""), None),
        ([(socket.IPPROTO_IP, 11, b"short")], None),
        ([], None),
    ],
)
def test_linux_names_the_sender_of_an_error(
    ancillary: list[tuple[int, int, bytes]], told: tuple[str, bool] | None
) -> None:
    assert sender(ancillary) == told


@pytest.mark.skipif(sys.platform != "linux", reason="the error queue is Linux's")
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_this_computer_says_itself_that_nobody_listens(family: socket.AddressFamily, address: str) -> None:
    asker = ErrorQueueAsker(family, address)
    try:
        path = trace(asker, most_hops=2)
    finally:
        asker.close()
    assert path.far_end is not None
    assert (path.far_end.distance, path.far_end.address) == (1, address)
    assert min(path.far_end.rtts_ms) > 0
    assert statistics.median(path.far_end.rtts_ms) < 1000
    assert len(path.far_end.rtts_ms) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the error queue is Linux's")
def test_waiting_for_answers_that_do_not_come_costs_no_processor_time() -> None:
    asker = ErrorQueueAsker(socket.AF_INET, "127.0.0.1")
    try:
        asker.ask(0, 1)
        assert asker.answers(1.0)
        began = time.process_time()
        assert asker.answers(0.5) == []
        assert time.process_time() - began < 0.2
    finally:
        asker.close()


def ip_header(protocol: int = 1, words: int = 5) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x40 + words, 0, 60, 0, 0, 64, protocol, 0, ROUTER, ROUTER)
    return head + bytes(4 * (words - 5))


QUESTION = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 7)
REPLY = struct.pack("!BBHHH", 0, 0, 0, 0x1234, 7) + b"homecheck"
EXCEEDED = struct.pack("!BBHI", 11, 0, 0, 0) + ip_header() + QUESTION


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (REPLY, Message(0, 0x1234, 7)),  # Linux
        (ip_header() + REPLY, Message(0, 0x1234, 7)),  # macOS
        (ip_header() + EXCEEDED, Message(11, 0x1234, 7)),
        (ip_header(words=6) + EXCEEDED, Message(11, 0x1234, 7)),  # with an option of IP
        (ip_header() + EXCEEDED[:8] + ip_header(words=6) + QUESTION, Message(11, 0x1234, 7)),
        (ip_header() + EXCEEDED[:8] + ip_header(17) + b"\x82\x9a\x82\x9b\0\0\0\0", None),  # another program's UDP
        (ip_header() + struct.pack("!BBHI", 3, 3, 0, 0) + ip_header() + QUESTION, None),
        (ip_header() + QUESTION, None),  # on loopback the own question is heard
        (ip_header() + EXCEEDED[:20], None),  # cut off
        (b"", None),
        (b"\x45", None),
    ],
)
def test_an_icmp_message_tells_which_question_it_answers(data: bytes, message: Message | None) -> None:
    assert parse(data, is_v6=False) == message


def test_an_icmpv6_reply_comes_without_a_header() -> None:
    assert parse(struct.pack("!BBHHH", 129, 0, 0, 5, 6), is_v6=True) == Message(129, 5, 6)
    assert parse(struct.pack("!BBHHH", 128, 0, 0, 5, 6), is_v6=True) is None


def test_the_checksum_is_that_of_rfc_1071() -> None:
    # RFC 1071 section 3: the sum of 0001 f203 f4f5 f6f7 is ddf2.
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF
    assert checksum(echo(8, 0x1234, 7)) == 0  # a message with its checksum sums up to nothing


def test_a_system_that_allows_no_echo_says_so_or_answers() -> None:
    try:
        asker = EchoAsker(socket.AF_INET, "127.0.0.1")
    except ProbeError as refused:
        assert refused.code == "not_allowed"  # noqa: PT017 - which of both it is, is the system's setting
        return
    asker.ask(5, 64)
    assert [answer.number for answer in asker.answers(2.0)] == [5]
    asker.close()


def windows_reply(status: int) -> bytes:
    """Return ICMP_ECHO_REPLY of a 64-bit Windows, 40 bytes, as IcmpSendEcho writes it."""
    return ROUTER + struct.pack("<IIHHQBBBBIQ", status, 12, 9, 0, 0, 64, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (windows_reply(0), ("192.168.1.1", True)),
        (windows_reply(11_013), ("192.168.1.1", False)),  # IP_TTL_EXPIRED_TRANSIT
        (windows_reply(11_010), None),  # IP_REQ_TIMED_OUT
        (b"", None),
        (windows_reply(0)[:12], None),
    ],
)
def test_windows_replies_are_read(data: bytes, told: tuple[str, bool] | None) -> None:
    assert parse_reply(data) == told


def test_windows_questions_wait_side_by_side() -> None:
    def send(_address: str, hops: int) -> bytes:
        time.sleep(1.0)
        return windows_reply(0 if hops == 2 else 11_013)

    asker = WindowsAsker(socket.AF_INET, "11.0.0.1", send)
    began = time.monotonic()
    for number in range(10):
        asker.ask(number, 1 if number else 2)
    found: list[Answer] = []
    while len(found) < 10 and time.monotonic() - began < 60:
        found += asker.answers(1.0)
    asker.close()
    assert time.monotonic() - began < 6  # one after the other they take ten
    assert [answer.number for answer in found if answer.reached] == [0]
    assert all(answer.rtt_ms >= 1000 for answer in found)


def test_windows_has_no_way_to_ask_over_ipv6() -> None:
    with pytest.raises(ProbeError, match="only IPv4"):
        WindowsAsker(socket.AF_INET6, "::1")


@pytest.mark.skipif(sys.platform == "win32", reason="interfaces have numbers there")
@pytest.mark.parametrize("kind", [EchoAsker, ErrorQueueAsker])
def test_a_router_behind_an_interface_that_is_gone_cannot_be_asked(kind: type[EchoAsker | ErrorQueueAsker]) -> None:
    with pytest.raises(ProbeError):
        kind(socket.AF_INET6, "fe80::1%gone0")


@thoroughly
@given(strange(REPLY, ip_header() + EXCEEDED, ip_header(words=15) + EXCEEDED))
def test_any_icmp_message_answers_a_question_or_none(data: bytes) -> None:
    for is_v6 in (False, True):
        message = parse(data, is_v6=is_v6)
        assert message is None or message.kind in (0, 11, 129)


@thoroughly
@given(strange(windows_reply(0), error(2, 11, 0, SOCKADDR_IN)[0][2], error(3, 3, 0, SOCKADDR_IN6)[0][2]))
def test_any_bytes_of_a_kernel_name_an_address_or_nobody(data: bytes) -> None:
    for told in (parse_reply(data), sender([(socket.IPPROTO_IP, 11, data)]), sender([(socket.IPPROTO_IPV6, 25, data)])):
        assert told is None or isinstance(Hop(1, told[0], ()).is_public, bool)
