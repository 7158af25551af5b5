"""Homes behind routers of several kinds, and a far end with two addresses: network namespaces and the kernel's own NAT.

    client 10.96.N.2 -- 10.96.N.1 router 100.64.N.10 -- 100.64.N.9 server, which is 100.64.200.1 and 100.64.200.2

Several homes may stand at the same time, each with its number N. Linux, root, iptables.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.needs import need, need_program

SERVER, OTHER_SERVER = "100.64.200.1", "100.64.200.2"

MASQUERADE = ("-t nat -A POSTROUTING -o wan -j MASQUERADE",)
RANDOM = ("-t nat -A POSTROUTING -o wan -p udp -j MASQUERADE --to-ports 20000-60000 --random-fully", *MASQUERADE)
# One port for everything that goes to the second address, whatever its port there.
BY_ADDRESS = (f"-t nat -A POSTROUTING -o wan -d {OTHER_SERVER} -p udp -j MASQUERADE --to-ports 30000", *MASQUERADE)
FULL_CONE = (*MASQUERADE, "-t nat -A PREROUTING -i wan -p udp -j DNAT --to-destination {client}")
SIP_HELPER = (*MASQUERADE, "-t raw -A PREROUTING -p udp --dport 5060 -j CT --helper sip")


@dataclass(frozen=True)
class FarAway:
    """Where the server lives; homes are built beside it."""

    name: str

    @property
    def server(self) -> tuple[str, ...]:
        """What stands before a command that runs at the far end."""
        return ("ip", "netns", "exec", f"{self.name}_server")

    @contextmanager
    def home(self, number: int, *rules: str) -> Iterator[tuple[str, ...]]:
        """Build a home whose router has these rules of iptables; what stands before a command that runs in it."""
        client, router, server = f"{self.name}_client{number}", f"{self.name}_router{number}", f"{self.name}_server"
        lan, wan = f"10.96.{number}", f"100.64.{number}"
        with namespaces(client, router):
            _cable((client, "lan", f"{lan}.2/24"), (router, "lan", f"{lan}.1/24"))
            _cable((server, f"net{number}", f"{wan}.9/24"), (router, "wan", f"{wan}.10/24"))
            _run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            _run("ip", "-n", client, "route", "add", "default", "via", f"{lan}.1")
            _run("ip", "-n", router, "route", "add", "default", "via", f"{wan}.9")
            _run("ip", "-n", server, "route", "add", f"{lan}.0/24", "via", f"{wan}.10")
            for rule in rules:
                words = rule.format(client=f"{lan}.2").split()
                _run("ip", "netns", "exec", router, "iptables", "-w", *words)
            yield ("ip", "netns", "exec", client)


@contextmanager
def far_away() -> Iterator[FarAway]:
    """Make the namespace of the server until the context ends."""
    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    for program, package in (("ip", "iproute2"), ("iptables", "iptables"), ("sysctl", "procps")):
        need_program(program, package=package)
    place = FarAway(f"hcnat{os.getpid()}")
    with namespaces(f"{place.name}_server"):
        for address in (SERVER, OTHER_SERVER):
            _run("ip", "-n", f"{place.name}_server", "addr", "add", f"{address}/32", "dev", "lo")
        yield place


@contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Make namespaces with a loopback device until the context ends."""
    made = []
    try:
        for name in names:
            done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
            need(done.returncode == 0, f"no namespace can be made: {done.stderr.strip()}", "allow CAP_SYS_ADMIN")
            made.append(name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False)


def _cable(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Lay a cable between two namespaces; each end: namespace, device, address."""
    _run("ip", "link", "add", one[1], "netns", one[0], "type", "veth", "peer", "name", other[1], "netns", other[0])
    for namespace, device, address in (one, other):
        _run("ip", "-n", namespace, "addr", "add", address, "dev", device)
        _run("ip", "-n", namespace, "link", "set", device, "up")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
