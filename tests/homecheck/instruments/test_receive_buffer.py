from __future__ import annotations

import socket

from homecheck.instruments.receive_buffer import unread


def test_what_was_sent_and_not_read_waits() -> None:
    sender, receiver = socket.socketpair()
    with sender, receiver:
        assert unread(receiver) == 0
        sender.sendall(bytes(70_001))
        assert unread(receiver) == 70_001
        receiver.recv(70_000)
        assert unread(receiver) == 1


def test_nothing_waits_in_a_closed_socket() -> None:
    sender, receiver = socket.socketpair()
    with sender:
        sender.sendall(b"some")
        receiver.close()
        assert unread(receiver) == 0
