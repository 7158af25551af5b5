"""Sending what a call sends: a packet the size of 20 ms of G.711 fifty times a second, and hearing it come back.

Two threads with blocking sockets, because event loops round their timers to milliseconds; arrival times are those of
the kernel where it tells them (packet_clock). The wall clock is watched: a step during the run spoils its times.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from homecheck.instruments import packet_clock, wall_clock
from homecheck.instruments.far_end import FarEnd, failed_connection
from homecheck.standards import rfc_8762

INTERVAL_SECONDS: Final = 0.02
TAIL_SECONDS: Final = 1.5  # how long the last replies are waited for
LAST_LATE_SECONDS: Final = 0.1  # so late a packet is still made up for by sending the next ones sooner
STEP_NS: Final = 2_000_000  # a change of the wall clock against the monotonic one, between two packets
FAR_STEP_MS: Final = 20.0  # of the responder's clock: more than one that is slewed gains in a run
FIRST_REPLY_SECONDS: Final = 0.5  # the same, where none has come at all
UDP_ADVICE: Final = (
    "Something between this computer and the internet stops UDP, which calls need: a VPN, a firewall or the router. "
    "Switch the VPN off, or try another network."
)
_POLL_SECONDS: Final = 0.1
_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class UdpSession:
    """What the responder told about its UDP end."""

    port: int
    ssid: int
    key: bytes
    flows: int


@dataclass(frozen=True)
class Packet:
    """One packet and its reply, in nanoseconds since 1970: sent here, received and returned there, arrived here.

    The last three are None when no reply came. `moment` is the sending time on the monotonic clock, in seconds.
    """

    sequence: int
    moment: float
    sent_ns: int
    received_ns: int | None = None
    returned_ns: int | None = None
    arrived_ns: int | None = None

    @property
    def rtt_ms(self) -> float | None:
        """The round trip without the time that the responder kept the packet; None without a reply."""
        if self.arrived_ns is None or self.received_ns is None or self.returned_ns is None:
            return None
        there_and_back = self.arrived_ns - self.sent_ns
        kept = self.returned_ns - self.received_ns
        return (there_and_back - (kept if 0 <= kept <= there_and_back else 0)) / 1e6

    @property
    def up_ms(self) -> float | None:
        """The transit time there by two clocks: only its changes mean something."""
        return None if self.received_ns is None else (self.received_ns - self.sent_ns) / 1e6

    @property
    def down_ms(self) -> float | None:
        """The transit time back by two clocks: only its changes mean something."""
        if self.arrived_ns is None or self.returned_ns is None:
            return None
        return (self.arrived_ns - self.returned_ns) / 1e6


@dataclass(frozen=True)
class Log:
    """One flow: its packets in sending order, and what else happened."""

    flow: int
    packets: tuple[Packet, ...]
    duplicates: int
    reordered: int  # replies that a later one overtook
    strangers: int  # datagrams that no key of this session signed
    refused: int  # ICMP answers that nobody listens there
    clock_stepped: bool
    kernel_stamps: bool
    held_up_seconds: float = 0.0  # the latest that a packet was sent after its time

    @property
    def answered(self) -> int:
        """How many packets came back."""
        return sum(packet.arrived_ns is not None for packet in self.packets)

    @property
    def far_clock_stepped(self) -> bool:
        """Whether the responder's clock was changed meanwhile, by more than a round trip.

        Between two clocks that keep their distance, the shortest ways there and back together cannot take less than
        no time.
        """
        there = [packet.up_ms for packet in self.packets if packet.up_ms is not None]
        back = [packet.down_ms for packet in self.packets if packet.down_ms is not None]
        return min(there, default=0.0) + min(back, default=0.0) < -FAR_STEP_MS


class VoiceFlow:
    """One flow while it runs. `start` it, look at `recent_rtts`, `stop` it.

    Raises ProbeError where this computer knows no way there any more.
    """

    def __init__(
        self,
        far_end: FarEnd,
        udp: UdpSession,
        flow: int,
        interval: float = INTERVAL_SECONDS,
        clock_offset: Callable[[], int] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep, self._held_up = sleep, 0.0
        self._clock_offset = clock_offset or clock_offset_ns
        self._udp, self._flow, self._interval = udp, flow, interval
        self._sent: list[tuple[float, int]] = []
        self._replies: dict[int, tuple[int, int, int]] = {}
        self._duplicates = self._reordered = self._strangers = self._refused = 0
        self._stepped = self._by_kernel = False
        self._last_arrived = self._newest_reply = -1
        self._sending, self._listening = threading.Event(), threading.Event()
        self._socket = connected(far_end, udp.port)
        self._socket.settimeout(_POLL_SECONDS)
        packet_clock.ask_for_timestamps(self._socket)
        works = (self._send, self._listen)
        self._threads = [threading.Thread(target=work, name="voice", daemon=True) for work in works]

    def start(self) -> None:
        """Begin to send and to listen."""
        self._sending.set()
        self._listening.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> Log:
        """Stop sending, wait for the last replies, and return everything."""
        self._sending.clear()
        self._threads[0].join()
        deadline = time.monotonic() + (TAIL_SECONDS if self._replies else FIRST_REPLY_SECONDS)
        while len(self._replies) < len(self._sent) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS / 2)
        self._listening.clear()
        self._threads[1].join()
        self._socket.close()
        return self._log()

    @property
    def answered(self) -> int:
        """How many packets have come back so far."""
        return len(self._replies)

    @property
    def refused(self) -> int:
        """How often this computer or the responder's said that nobody listens there."""
        return self._refused

    def recent_rtts(self, count: int) -> list[float]:
        """Return the round trips of the newest `count` packets that must be back if the path is quick, in ms."""
        newest = self._last_arrived
        packets = [self._packet(number) for number in range(max(0, newest + 1 - count), newest + 1)]
        return [rtt for packet in packets if (rtt := packet.rtt_ms) is not None]

    def _send(self) -> None:
        due, offset = time.perf_counter(), self._clock_offset()
        while self._sending.is_set():
            before, offset = offset, self._clock_offset()
            self._stepped |= abs(offset - before) > STEP_NS
            sequence = len(self._sent)
            sent_ns = wall_clock.now_ns()
            self._sent.append((time.monotonic(), sent_ns))
            packet = rfc_8762.Request(sequence, self._udp.ssid + self._flow, sent_ns)
            with suppress(OSError):  # a packet that cannot leave is a packet lost
                self._socket.send(rfc_8762.pack_request(packet, self._udp.key))
            due += self._interval
            self._sleep(max(0.0, due - time.perf_counter()))
            late = time.perf_counter() - due
            self._held_up = max(self._held_up, late)
            if late > LAST_LATE_SECONDS:
                due = time.perf_counter()  # else all that was missed would leave at once

    def _listen(self) -> None:
        while self._listening.is_set():
            try:
                received = packet_clock.receive(self._socket)
            except TimeoutError:
                continue
            except ConnectionError:
                self._refused += 1
                continue
            except OSError:
                time.sleep(self._interval)  # the network is gone for a moment: do not spin
                continue
            with suppress(rfc_8762.BadPacket):
                self._take(received)

    def _take(self, received: packet_clock.Received) -> None:
        try:
            reply = rfc_8762.unpack_reply(received.data, self._udp.key)
        except rfc_8762.BadPacket:
            self._strangers += 1
            raise
        number = reply.request_sequence
        if reply.ssid != self._udp.ssid + self._flow or number >= len(self._sent):
            self._strangers += 1
        elif number in self._replies:
            self._duplicates += 1
        else:
            self._by_kernel |= received.by_kernel
            self._reordered += reply.sequence < self._newest_reply  # the responder's own count: what came late there
            self._newest_reply = max(self._newest_reply, reply.sequence)  # is not late again
            self._replies[number] = (reply.received_ns, reply.sent_ns, received.wall_ns)
            self._last_arrived = max(self._last_arrived, number)

    def _packet(self, number: int) -> Packet:
        moment, sent_ns = self._sent[number]
        return Packet(number, moment, sent_ns, *self._replies.get(number, (None, None, None)))

    def _log(self) -> Log:
        packets = tuple(self._packet(number) for number in range(len(self._sent)))
        return Log(
            flow=self._flow,
            packets=packets,
            duplicates=self._duplicates,
            reordered=self._reordered,
            strangers=self._strangers,
            refused=self._refused,
            clock_stepped=self._stepped,
            kernel_stamps=self._by_kernel,
            held_up_seconds=self._held_up,
        )


def connected(far_end: FarEnd, port: int) -> socket.socket:
    """Return a UDP socket for `port` of the far end alone: the kernel drops what others send. Raises ProbeError."""
    sock = socket.socket(far_end.family, socket.SOCK_DGRAM)
    try:
        sock.connect(far_end.socket_address(port))
    except OSError as error:
        sock.close()
        raise failed_connection(far_end, error) from None
    return sock


def clock_offset_ns() -> int:
    """Return wall clock minus the finest monotonic one, read so closely together that no pause lies between them."""
    best, offset = _NS, 0
    for _ in range(3):
        before = time.perf_counter_ns()
        wall = wall_clock.now_ns()
        after = time.perf_counter_ns()
        if after - before < best:
            best, offset = after - before, wall - (before + after) // 2
    return offset


def between(packets: Sequence[Packet], begin: float, end: float) -> tuple[Packet, ...]:
    """Return the packets that were sent between two readings of the monotonic clock."""
    return tuple(packet for packet in packets if begin <= packet.moment < end)
