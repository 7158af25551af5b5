from __future__ import annotations

import socket
import struct
import sys

import pytest

from homecheck.responder.tcp_info import parse, read


def test_the_fields_stand_where_linux_tcp_h_puts_them() -> None:
    data = bytearray(160)
    struct.pack_into("=I", data, 100, 5)  # tcpi_total_retrans
    struct.pack_into("=Q", data, 120, 6_000_000_000)  # tcpi_bytes_acked
    struct.pack_into("=I", data, 148, 20_500)  # tcpi_min_rtt, microseconds
    struct.pack_into("=I", data, 156, 400)  # tcpi_data_segs_out
    info = parse(bytes(data))
    assert info is not None
    assert (info.bytes_acked, info.segments, info.retransmitted) == (6_000_000_000, 400, 5)
    assert info.min_rtt == pytest.approx(0.0205)


def test_an_old_kernel_tells_nothing() -> None:
    assert parse(bytes(104)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of Linux")
def test_the_kernel_counts_what_the_other_side_has_acknowledged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        receiver, _ = server.accept()
        with sender, receiver:
            sender.sendall(b"x" * 12_345)
            received = 0
            while received < 12_345:
                received += len(receiver.recv(65536))
            receiver.sendall(b"y")  # carries the acknowledgement
            sender.recv(1)
            info = read(sender)
    assert info is not None
    # The kernel counts the SYN as well.
    assert info.bytes_acked in (12_345, 12_346)
