"""A home line made of three network namespaces, shaped by the kernel's token bucket.

    client 10.97.2.2 -- 10.97.2.1 router 10.97.1.2 -- 10.97.1.1 server

True TCP goodput is rate x 1448 / 1514: the bucket counts Ethernet frames, each with 1448 bytes of payload. Linux, root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.needs import need, need_program

SERVER = "10.97.1.1"
PAYLOAD_SHARE = 1448 / 1514
LEAST_BURST_BYTES = 16_384
BURST_SECONDS = 0.005  # a bucket that holds less loses capacity whenever the kernel's timer is late


@dataclass(frozen=True)
class Line:
    """A line that is up."""

    name: str
    rate_mbit_s: float

    @property
    def goodput_mbit_s(self) -> float:
        return self.rate_mbit_s * PAYLOAD_SHARE

    def at(self, end: str) -> tuple[str, ...]:
        """Return what stands before a command that runs at `end` (client or server)."""
        return ("ip", "netns", "exec", f"{self.name}_{end}")


@contextmanager
def shaped_line(rate_mbit_s: float, queue_ms: float) -> Iterator[Line]:
    """Put a line of this rate and queue up, both ways, until the context ends."""
    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("ethtool", "ethtool")):
        need_program(program, package=package)
    line = Line(f"hct{os.getpid()}", rate_mbit_s)
    ends = [f"{line.name}_{end}" for end in ("client", "router", "server")]
    made = []
    try:
        for namespace in ends:
            done = subprocess.run(["ip", "netns", "add", namespace], capture_output=True, text=True, check=False)
            need(done.returncode == 0, f"no namespace can be made: {done.stderr.strip()}", "allow CAP_SYS_ADMIN")
            made.append(namespace)
        _build(line, int(rate_mbit_s * 125 * queue_ms))
        yield line
    finally:
        for namespace in made:
            subprocess.run(["ip", "netns", "del", namespace], check=False)


def _build(line: Line, queue_bytes: int) -> None:
    client, router, server = (f"{line.name}_{end}" for end in ("client", "router", "server"))
    _cable(client, "lan", "10.97.2.2", router, "lan", "10.97.2.1")
    _cable(server, "wan", SERVER, router, "wan", "10.97.1.2")
    _run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    # Congestion control stands on the route: inside a namespace sysctl may refuse it.
    _run("ip", "-n", client, "route", "add", "default", "via", "10.97.2.1", "congctl", "cubic")
    _run("ip", "-n", server, "route", "add", "default", "via", "10.97.1.2", "congctl", "cubic")
    burst = max(LEAST_BURST_BYTES, round(line.rate_mbit_s * 125_000 * BURST_SECONDS))
    bucket = ("tbf", "rate", f"{line.rate_mbit_s}mbit", "burst", str(burst), "limit", str(queue_bytes))
    for device in ("lan", "wan"):
        _run("ip", "netns", "exec", router, "tc", "qdisc", "add", "dev", device, "root", *bucket)


def _cable(one: str, device: str, address: str, other: str, other_device: str, other_address: str) -> None:
    _run("ip", "link", "add", device, "netns", one, "type", "veth", "peer", "name", other_device, "netns", other)
    for namespace, name, own in ((one, device, address), (other, other_device, other_address)):
        _run("ip", "-n", namespace, "addr", "add", f"{own}/24", "dev", name)
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        _run("ip", "-n", namespace, "link", "set", name, "up")
        # Else the kernel passes packets of up to 64 KiB, and neither queue nor loss looks like those of a line.
        _run("ip", "netns", "exec", namespace, "ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
