"""Datagrams in and out of one UDP socket: one by one here, as every system can, several at a time in datagrams_linux.

A datagram stays where the system put it, and its answer is written over it: that is half of the work saved.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

from homecheck.instruments import packet_clock

LARGEST: Final = 1500  # bytes of a datagram that is looked at


class Slot:
    """Room for one datagram, with what is known about the one that lies in it."""

    __slots__ = ("data", "length", "place", "sender", "wall_ns")

    def __init__(self, place: int, data: memoryview) -> None:
        self.place = place
        self.data = data
        self.length = 0  # bytes of `data` that were received, and that `send` sends
        self.wall_ns = 0  # when it arrived, in nanoseconds since 1970
        self.sender: Any = None


class Datagrams(Protocol):
    """One socket's datagrams, for one thread."""

    slots: Sequence[Slot]  # by place

    def receive(self) -> Sequence[Slot]:
        """Return the datagrams that wait, or the next one. Raises OSError, also when none comes in time."""

    def send(self, slots: Sequence[Slot]) -> Sequence[Slot]:
        """Send each back to its sender, some of what `receive` returned last; return those that could not leave."""


class OneByOne:
    """What every system can do. `receive` waits at most `timeout_seconds`."""

    def __init__(self, sock: socket.socket, timeout_seconds: float) -> None:
        self._socket = sock
        self.slots: Sequence[Slot] = [Slot(0, memoryview(bytearray(LARGEST)))]
        sock.settimeout(timeout_seconds)

    def receive(self) -> Sequence[Slot]:
        """Return the next datagram."""
        received, slot = packet_clock.receive(self._socket, LARGEST), self.slots[0]
        slot.length, slot.sender, slot.wall_ns = len(received.data), received.address, received.wall_ns
        slot.data[: slot.length] = received.data
        return self.slots

    def send(self, slots: Sequence[Slot]) -> Sequence[Slot]:
        """Send one after the other."""
        return [slot for slot in slots if not self._left(slot)]

    def _left(self, slot: Slot) -> bool:
        try:
            self._socket.sendto(slot.data[: slot.length], slot.sender)
        except OSError:
            return False
        return True
