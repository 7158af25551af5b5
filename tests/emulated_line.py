"""A line with known faults between two network namespaces, emulated in user space: delay, jitter, loss, bursts, queue.

    with emulated_line(up=Faults(delay_ms=20, loss_pct=2), down=Faults(delay_ms=20, rate_mbit_s=100)) as line:
        ...                     # line.at("client") stands before a command; the server is at 10.96.0.2
    line.report                 # afterwards: what was really done to the packets, the truth for a measurement

Each namespace has a TUN device; every IP packet that leaves by one is read here and written to the other when due.
Order in each direction: loss, then the bottleneck with its queue, then delay and jitter, then copies. The rate counts
bytes of IP, so that true TCP goodput is rate x 1448 / 1500. Linux, root, IPv4.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

SERVER = "10.96.0.2"
CLIENT = "10.96.0.1"
PAYLOAD_SHARE = 1448 / 1500
MTU = 1500
BATCH = 64  # packets of one direction that are taken in before due ones are looked for
SPIN_SECONDS = 60e-6  # select wakes up that late; the rest is spent turning


@dataclass(frozen=True)
class Faults:
    """One direction. Zero means none; a rate of 0 is without limit."""

    rate_mbit_s: float = 0.0
    queue_ms: float = 50.0  # of waiting at that rate; what would wait longer is dropped
    delay_ms: float = 0.0
    jitter_ms: float = 0.0  # standard deviation of a normal distribution
    overtaking: bool = False  # whether a packet may arrive before an earlier one
    loss_pct: float = 0.0
    burst: float = 1.0  # mean packets lost in a row; 1: independent
    copies_pct: float = 0.0
    seed: int = 1


@dataclass
class Counts:
    """What happened to the packets of one direction."""

    offered: int = 0
    lost: int = 0
    loss_runs: int = 0
    queue_drops: int = 0
    copied: int = 0
    delivered: int = 0
    late_us: float = 0.0  # mean lateness of the emulator itself
    udp_lost: int = 0  # of these, UDP
    udp_copied: int = 0
    udp_overtaken: int = 0  # delivered after one that was offered later


@dataclass
class EmulatedLine:
    """A line that is up; `report` is filled in when it has gone down."""

    name: str
    up: Faults
    down: Faults
    report: dict[str, Counts] = field(default_factory=dict)

    def at(self, end: str) -> tuple[str, ...]:
        """Return what stands before a command that runs at `end` (client or server)."""
        return ("ip", "netns", "exec", f"{self.name}_{end}")


@contextmanager
def emulated_line(up: Faults, down: Faults, congestion_control: str = "cubic") -> Iterator[EmulatedLine]:
    """Put the line up until the context ends. Skips the test where the machine cannot."""
    from tests.needs import need, need_program  # here: the emulator's own process needs no pytest

    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    need_program("ip", package="iproute2")
    line = EmulatedLine(f"hce{os.getpid()}", up, down)
    made: list[str] = []
    try:
        for end in ("client", "server"):
            namespace = f"{line.name}_{end}"
            done = subprocess.run(["ip", "netns", "add", namespace], capture_output=True, text=True, check=False)
            need(done.returncode == 0, f"no namespace can be made: {done.stderr.strip()}", "allow CAP_SYS_ADMIN")
            made.append(namespace)
        settings = json.dumps({"name": line.name, "up": asdict(up), "down": asdict(down), "cc": congestion_control})
        process = subprocess.Popen([sys.executable, __file__, settings], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            need(process.stdout.readline() == "ready\n", "the line cannot be emulated", "make /dev/net/tun available")
            yield line
        finally:
            process.terminate()
            report, _ = process.communicate(timeout=10)
            if report:
                line.report = {way: Counts(**counts) for way, counts in json.loads(report).items()}
    finally:
        for namespace in made:
            subprocess.run(["ip", "netns", "del", namespace], check=False)


class Direction:
    """One direction: packets wait here until they are due."""

    def __init__(self, faults: Faults, output: int) -> None:
        self.faults, self.output, self.counts = faults, output, Counts()
        self.random = random.Random(faults.seed)
        self.byte_seconds = 8e-6 / faults.rate_mbit_s if faults.rate_mbit_s else 0.0
        self.queue_seconds, self.delay_seconds = faults.queue_ms / 1e3, faults.delay_ms / 1e3
        self.in_order: deque[tuple[float, bytes]] = deque()
        self.unordered: list[tuple[float, int, bytes]] = []
        self.free_at = self.last_due = self.late = 0.0
        self.losing = False
        self.newest_udp = 0
        # Gilbert's chain: the mean run is 1 / (1 - stay), and the share of losses is that asked for.
        share = faults.loss_pct / 100
        self.stay = 1 - 1 / faults.burst if faults.burst > 1 else share
        self.enter = (1 - self.stay) * share / (1 - share)

    def accept(self, packet: bytes, now: float) -> None:
        """Take a packet in, or lose it."""
        faults, counts = self.faults, self.counts
        counts.offered += 1
        is_udp = packet[9] == socket.IPPROTO_UDP
        if faults.loss_pct and self._loses():
            counts.lost += 1
            counts.udp_lost += is_udp
            return
        due = now
        if self.byte_seconds:
            begin = max(now, self.free_at)
            if begin - now > self.queue_seconds:
                counts.queue_drops += 1
                return
            due = self.free_at = begin + len(packet) * self.byte_seconds
        due += self.delay_seconds
        if faults.jitter_ms:
            due = max(now, due + self.random.gauss(0.0, faults.jitter_ms / 1e3))
            if not faults.overtaking:
                due = max(due, self.last_due)
        self.last_due = due
        copies = 1
        if faults.copies_pct and self.random.random() < faults.copies_pct / 100:
            copies = 2
            counts.copied += 1
            counts.udp_copied += is_udp
        for _ in range(copies):
            if faults.overtaking:
                heapq.heappush(self.unordered, (due, counts.offered, packet))
            else:
                self.in_order.append((due, packet))

    def deliver(self, now: float) -> float:
        """Hand over what is due, and return when the next packet will be."""
        while self.in_order and self.in_order[0][0] <= now:
            self._hand_over(*self.in_order.popleft(), now)
        while self.unordered and self.unordered[0][0] <= now:
            due, number, packet = heapq.heappop(self.unordered)
            if packet[9] == socket.IPPROTO_UDP:
                self.counts.udp_overtaken += number < self.newest_udp
                self.newest_udp = max(self.newest_udp, number)
            self._hand_over(due, packet, now)
        waiting = [queue[0][0] for queue in (self.in_order, self.unordered) if queue]
        return min(waiting, default=float("inf"))

    def _hand_over(self, due: float, packet: bytes, now: float) -> None:
        try:
            os.write(self.output, packet)
        except OSError:
            return
        self.counts.delivered += 1
        self.late += now - due

    def _loses(self) -> bool:
        before = self.losing
        self.losing = self.random.random() < (self.stay if before else self.enter)
        self.counts.loss_runs += self.losing and not before
        return self.losing

    def report(self) -> Counts:
        """Return the counts; packets still waiting are in none of them but `offered`."""
        self.counts.late_us = self.late / max(self.counts.delivered, 1) * 1e6
        return self.counts


def forward(ways: dict[int, Direction], going: list[bool]) -> None:
    """Read packets and hand them over until `going` is emptied."""
    while going:
        now = time.monotonic()
        pause = min(way.deliver(now) for way in ways.values()) - time.monotonic()
        # select, because epoll rounds to whole milliseconds.
        ready, _, _ = select.select(ways, (), (), 0 if pause < SPIN_SECONDS else min(pause - SPIN_SECONDS / 2, 0.05))
        for device in ready:
            way = ways[device]
            for _ in range(BATCH):
                try:
                    way.accept(os.read(device, MTU + 64), time.monotonic())
                except BlockingIOError:
                    break


def attach(namespace: str, address: str, peer: str, congestion_control: str) -> int:
    """Return a TUN device that is the only way out of `namespace`."""
    # A device belongs to the namespace in which it was opened: step in, open, step back.
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open() as home, Path("/run/netns", namespace).open() as away:
        if libc.setns(away.fileno(), 0x40000000):  # CLONE_NEWNET
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"line0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        libc.setns(home.fileno(), 0x40000000)
    for words in (
        "link set lo up",
        "link set line0 addrgenmode none",  # no IPv6 of its own among the counts
        f"link set line0 up mtu {MTU} txqueuelen 5000",
        f"addr add {address} peer {peer} dev line0",
        f"route replace default via {peer} dev line0 congctl {congestion_control}",
        f"route replace {peer} dev line0 congctl {congestion_control}",
    ):
        subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
    # A test must not begin with what the one before has learnt about the path.
    subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"], check=False)
    return device


def main(settings: dict[str, object]) -> None:
    """Be the line until told to stop, then print the report."""
    going = [True]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: going.clear())
    ctypes.CDLL(None).prctl(29, 1, 0, 0, 0)  # PR_SET_TIMERSLACK, 1 ns
    with suppress(OSError):  # whoever else is busy on this machine must not make packets late
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    name, control = settings["name"], str(settings["cc"])
    client = attach(f"{name}_client", CLIENT, SERVER, control)
    server = attach(f"{name}_server", SERVER, CLIENT, control)
    up = Direction(Faults(**settings["up"]), server)  # type: ignore[arg-type]  # written by emulated_line
    down = Direction(Faults(**settings["down"]), client)  # type: ignore[arg-type]
    print("ready", flush=True)
    forward({client: up, server: down}, going)
    print(json.dumps({"up": asdict(up.report()), "down": asdict(down.report())}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
