"""Packets written by hand from RFC 8762 figures 5 and 7, RFC 8972 figures 2 and 8; the HMAC by Python's own hmac."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.standards.rfc_2104 import PreparedKey
from homecheck.standards.rfc_8762 import (
    BadPacket,
    InPlace,
    Reply,
    Request,
    from_ntp,
    pack_reply,
    pack_request,
    peek_ssid,
    to_ntp,
    unpack_reply,
    unpack_request,
)
from tests.strangers import strange, thoroughly

KEY = bytes(range(32))
# 2026-11-23T21:00:00.5Z: Unix 1795467600.5, NTP seconds 1795467600 + 2208988800 = 4004456400 = 0xEEAF27D0
SENT_NS = 1_795_467_600_500_000_000
SENT_NTP = "eeaf27d080000000"

REQUEST = bytes.fromhex(
    "00000007" + "00" * 12  # sequence number, MBZ
    + SENT_NTP + "1601" + "1234"  # timestamp, error estimate, SSID
    + "00" * 68
)  # fmt: skip
PADDING_REQUEST = bytes.fromhex("80010038") + bytes(56)  # U set, type 1, length 56
REPLY = bytes.fromhex(
    "00000003" + "00" * 12
    + "eeaf27d1c0000000" + "1601" + "1234" + "00" * 4  # 1.25 s later
    + "eeaf27d180000000" + "00" * 8  # received 1 s later
    + "00000007" + "00" * 12
    + SENT_NTP + "1601" + "00" * 6
    + "ff" + "00" * 15
)  # fmt: skip
PADDING_REPLY = bytes.fromhex("00010038") + bytes(56)


def signed(base: bytes, padding: bytes) -> bytes:
    return base + hmac.new(KEY, base, hashlib.sha256).digest()[:16] + padding


def test_a_senders_packet_has_the_bytes_of_the_standard() -> None:
    packet = pack_request(Request(7, 0x1234, SENT_NS), KEY)
    assert packet == signed(REQUEST, PADDING_REQUEST)
    assert len(packet) == 172


def test_a_reflectors_packet_has_the_bytes_of_the_standard() -> None:
    request = signed(REQUEST, PADDING_REQUEST)
    reply = pack_reply(
        request, sequence=3, received_ns=SENT_NS + 1_000_000_000, sent_ns=SENT_NS + 1_250_000_000, key=KEY
    )
    assert reply == signed(REPLY, PADDING_REPLY)


def in_place(datagram: bytes) -> tuple[InPlace, bytearray]:
    buffer = bytearray(b"\xa5" * 1500)  # what an earlier datagram left behind
    buffer[: len(datagram)] = datagram
    packet = InPlace(memoryview(buffer))
    packet.peek()
    return packet, buffer


def test_an_answer_written_over_its_request_has_the_bytes_of_the_standard() -> None:
    packet, buffer = in_place(signed(REQUEST, PADDING_REQUEST))
    assert (packet.sequence, packet.ssid) == (7, 0x1234)
    assert packet.is_signed(PreparedKey(KEY))
    received, sent = to_ntp(SENT_NS + 1_000_000_000), to_ntp(SENT_NS + 1_250_000_000)
    packet.turn_round(172, 3, received, sent, PreparedKey(KEY))
    assert bytes(buffer[:172]) == signed(REPLY, PADDING_REPLY)
    assert set(buffer[172:]) == {0xA5}


@pytest.mark.parametrize("index", [0, 20, 27, 60, 95, 96, 111])
def test_a_byte_that_was_changed_on_the_way_is_noticed_in_place(index: int) -> None:
    datagram = bytearray(signed(REQUEST, PADDING_REQUEST))
    datagram[index] ^= 1
    packet, _ = in_place(bytes(datagram))
    assert not packet.is_signed(PreparedKey(KEY))


@pytest.mark.parametrize("length", [112, 113, 115])
def test_what_follows_a_packet_without_padding_is_left_alone(length: int) -> None:
    packet, buffer = in_place(signed(REQUEST, b"\x80\x01\xff"[: length - 112]))
    packet.turn_round(length, 3, to_ntp(SENT_NS), to_ntp(SENT_NS), PreparedKey(KEY))
    assert bytes(buffer[112:length]) == b"\x80\x01\xff"[: length - 112]


def test_what_is_packed_is_unpacked() -> None:
    request = unpack_request(signed(REQUEST, PADDING_REQUEST), KEY)
    assert request == Request(7, 0x1234, SENT_NS)
    reply = unpack_reply(signed(REPLY, PADDING_REPLY), KEY)
    assert (reply.sequence, reply.ssid, reply.request_sequence) == (3, 0x1234, 7)
    assert reply.request_sent_ns == SENT_NS
    assert reply.received_ns == SENT_NS + 1_000_000_000
    assert reply.sent_ns == SENT_NS + 1_250_000_000


@pytest.mark.parametrize("length", [112, 113, 116, 172, 1400])
def test_a_reply_is_as_long_as_its_request_and_never_longer(length: int) -> None:
    request = pack_request(Request(0, 4, SENT_NS), KEY, length)
    assert len(request) == length
    assert len(pack_reply(request, sequence=0, received_ns=SENT_NS, sent_ns=SENT_NS, key=KEY)) == length


@pytest.mark.parametrize("index", [0, 20, 27, 60, 95, 96, 111])
def test_a_changed_byte_is_noticed(index: int) -> None:
    packet = bytearray(signed(REQUEST, PADDING_REQUEST))
    packet[index] ^= 1
    with pytest.raises(BadPacket, match="HMAC"):
        unpack_request(bytes(packet), KEY)


@pytest.mark.parametrize("length", [0, 27, 111])
def test_a_short_datagram_is_no_packet(length: int) -> None:
    for read in (peek_ssid, lambda data: unpack_request(data, KEY), lambda data: unpack_reply(data, KEY)):
        with pytest.raises(BadPacket, match="at least 112"):
            read(bytes(length))


@pytest.mark.parametrize(
    ("unix_ns", "ntp"),
    [
        (0, 0x83AA7E80_00000000),  # RFC 5905 figure 4: 1970 is 2208988800
        (SENT_NS, 0xEEAF27D0_80000000),
        (2_085_978_496_000_000_000, 0x00000000_00000000),  # 2036-02-07T06:28:16Z, the first second of era 1
    ],
)
def test_timestamps_are_those_of_ntp(unix_ns: int, ntp: int) -> None:
    assert to_ntp(unix_ns) == ntp
    assert from_ntp(ntp) == unix_ns


def test_nanoseconds_survive_the_trip() -> None:
    for nanoseconds in (0, 1, 499, 999_999_999, 123_456_789):
        assert from_ntp(to_ntp(1_795_467_600_000_000_000 + nanoseconds)) == 1_795_467_600_000_000_000 + nanoseconds


LAST_NS = 4_233_462_143 * 10**9  # the second NTP era ends 2^31 s after 2036-02-07


@thoroughly
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), *[st.integers(0, LAST_NS)] * 3, st.integers(112, 300))
def test_whatever_is_written_is_read_and_both_ways_to_answer_agree(
    sequence: int, ssid: int, sent_ns: int, received_ns: int, returned_ns: int, length: int
) -> None:
    datagram = pack_request(Request(sequence, ssid, sent_ns), KEY, length)
    assert unpack_request(datagram, KEY) == Request(sequence, ssid, sent_ns)
    answer = pack_reply(datagram, sequence=3, received_ns=received_ns, sent_ns=returned_ns, key=KEY)
    assert unpack_reply(answer, KEY) == Reply(3, ssid, sequence, sent_ns, received_ns, returned_ns)
    packet, buffer = in_place(datagram)
    packet.turn_round(len(datagram), 3, to_ntp(received_ns), to_ntp(returned_ns), PreparedKey(KEY))
    assert bytes(buffer[: len(datagram)]) == answer


@thoroughly
@given(strange(signed(REQUEST, PADDING_REQUEST), signed(REPLY, PADDING_REPLY), bytes(112)), st.binary(min_size=96))
def test_any_bytes_are_a_packet_or_none(datagram: bytes, base: bytes) -> None:
    for data in (datagram, signed(base[:96], base[96:])):
        for unpack in (unpack_request, unpack_reply):
            with suppress(BadPacket):
                unpack(data, KEY)
