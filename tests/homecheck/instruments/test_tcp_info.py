from __future__ import annotations

import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.instruments.tcp_info import parse, parse_members, read, read_members
from tests.strangers import thoroughly


def test_the_fields_stand_where_linux_tcp_h_puts_them() -> None:
    data = bytearray(160)
    struct.pack_into("=I", data, 68, 31_250)  # tcpi_rtt, microseconds
    struct.pack_into("=I", data, 100, 5)  # tcpi_total_retrans
    struct.pack_into("=Q", data, 120, 6_000_000_000)  # tcpi_bytes_acked
    struct.pack_into("=I", data, 148, 20_500)  # tcpi_min_rtt, microseconds
    struct.pack_into("=I", data, 156, 400)  # tcpi_data_segs_out
    info = parse(bytes(data))
    assert info is not None
    assert (info.bytes_acked, info.segments, info.retransmitted) == (6_000_000_000, 400, 5)
    assert info.min_rtt == pytest.approx(0.0205)
    assert info.rtt == pytest.approx(0.03125)


def test_an_old_kernel_tells_nothing() -> None:
    assert parse(bytes(104)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of Linux")
def test_the_kernel_counts_what_was_received_and_what_the_other_side_has_acknowledged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        receiver, _ = server.accept()
        with sender, receiver:
            sender.sendall(b"x" * 12_345)
            received = 0
            while received < 12_345:
                received += len(receiver.recv(65536))
            assert read_members(receiver)["BytesReceived"] == 12_345
            receiver.sendall(b"y")  # carries the acknowledgement
            sender.recv(1)
            info = read(sender)
    assert info is not None
    # The kernel counts the SYN as well.
    assert info.bytes_acked in (12_345, 12_346)
    assert 0 < info.min_rtt <= info.rtt < 1


def test_the_members_of_ndt7_stand_where_linux_tcp_h_puts_them() -> None:
    data = bytearray(216)
    places = {
        "RTT": ("=I", 68),  # tcpi_rtt
        "RTTVar": ("=I", 72),  # tcpi_rttvar
        "BytesAcked": ("=Q", 120),  # tcpi_bytes_acked
        "BytesReceived": ("=Q", 128),  # tcpi_bytes_received
        "MinRTT": ("=I", 148),  # tcpi_min_rtt
        "BusyTime": ("=Q", 168),  # tcpi_busy_time
        "RWndLimited": ("=Q", 176),  # tcpi_rwnd_limited
        "SndBufLimited": ("=Q", 184),  # tcpi_sndbuf_limited
        "BytesSent": ("=Q", 200),  # tcpi_bytes_sent
        "BytesRetrans": ("=Q", 208),  # tcpi_bytes_retrans
    }
    for number, (form, offset) in enumerate(places.values(), start=1):
        struct.pack_into(form, data, offset, number)
    assert parse_members(bytes(data)) == {name: number for number, name in enumerate(places, start=1)}


def test_members_that_an_older_kernel_does_not_have_are_left_out() -> None:
    assert set(parse_members(bytes(192))) == {
        *("RTT", "RTTVar", "BytesAcked", "BytesReceived", "MinRTT", "BusyTime", "RWndLimited", "SndBufLimited")
    }
    assert parse_members(b"") == {}


def test_a_round_trip_that_was_never_seen_is_left_out() -> None:
    data = bytearray(216)
    struct.pack_into("=I", data, 148, 2**32 - 1)
    assert "MinRTT" not in parse_members(bytes(data))


@thoroughly
@given(st.binary(max_size=300))
def test_any_structure_is_read_as_far_as_it_goes(data: bytes) -> None:
    assert (parse(data) is None) == (len(data) < 160)
    assert all(value >= 0 for value in parse_members(data).values())
