"""A home behind two routers, in network namespaces of its own. Linux, root.

    client 192.168.97.2 -- 192.168.97.1 router 11.97.1.2 -- 11.97.1.1 provider 11.97.2.1 -- 11.97.2.2 server
    client fd97::2 -- fd97::1 router 2a0e:97:1::2 -- 2a0e:97:1::1 provider 2a0e:97:2::1 -- 2a0e:97:2::2 server

The public addresses belong to others; nothing leaves the namespaces. A cable can hold frames back as Wi-Fi does
(`trembling`), and the routers can be narrow (`narrow`: the kernel's token bucket).
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.needs import need, need_program

Cable = Literal["home", "line", "far"]

ENDS = ("client", "router", "provider", "server")
CABLES: dict[Cable, tuple[str, str, str, str, str]] = {  # two ends, and the addresses' beginnings
    "home": ("client", "router", "192.168.97.", "fd97::", "2"),
    "line": ("router", "provider", "11.97.1.", "2a0e:97:1::", "2"),
    "far": ("provider", "server", "11.97.2.", "2a0e:97:2::", "1"),
}
SERVER = "11.97.2.2"
SERVER_V6 = "2a0e:97:2::2"
ROUTER = "192.168.97.1"
PROVIDER = "11.97.1.1"
SHARED_LINE = "100.64.97."  # RFC 6598
_numbers = itertools.count()


@dataclass(frozen=True)
class Home:
    """A home that is up."""

    name: str
    line: str = "11.97.1."  # how the addresses between router and provider begin

    def at(self, end: str) -> tuple[str, ...]:
        """Return what stands before a command that runs at `end`."""
        return ("ip", "netns", "exec", f"{self.name}_{end}")

    def run(self, end: str, *command: str, check: bool = True) -> str:
        """Run a command at `end` and return what it prints."""
        done = subprocess.run([*self.at(end), *command], capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def ask_for_names_at(self, name_server: str) -> None:
        """Let programs at the client, from now on, ask this address for names."""
        folder = _own_files(self)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(f"nameserver {name_server}\n")

    def let_routers_answer_always(self) -> None:
        """Lift Linux's limit of one ICMP error a second, which other routers do not have."""
        for end in ("router", "provider"):
            self.run(end, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")

    def narrow(self, cable: Cable, rate_mbit_s: float, queue_ms: float) -> None:
        """Let a cable carry no more than this, both ways, with so deep a queue at each end."""
        for end, device in _ends(cable):
            limit = str(int(rate_mbit_s * 125 * queue_ms))
            bucket = ("tbf", "rate", f"{rate_mbit_s}mbit", "burst", "4096", "limit", limit)
            self.run(end, "tc", "qdisc", "add", "dev", device, "root", *bucket)

    def widen(self, cable: Cable) -> None:
        """Let a cable that was made narrow carry everything again."""
        for end, device in _ends(cable):
            self.run(end, "tc", "qdisc", "del", "dev", device, "root")

    @contextmanager
    def entered(self, end: str) -> Iterator[None]:
        """Let this thread, and the threads and programs that it starts meanwhile, live at `end`; Linux, setns(2)."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as outside, Path(f"/run/netns/{self.name}_{end}").open() as inside:
            assert libc.setns(inside.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(outside.fileno(), 0) == 0, os.strerror(ctypes.get_errno())


@contextmanager
def routed_home(
    trembling: Mapping[Cable, tuple[float, float]] | None = None, line: str = CABLES["line"][2]
) -> Iterator[Home]:
    """Put a home up until the context ends; `trembling` holds every frame of a cable back for so many ms, from … to."""
    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("ethtool", "ethtool")):
        need_program(program, package=package)
    home = Home(f"hcp{os.getpid()}_{next(_numbers)}", line)
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, _own_files(home), ignore_errors=True)
        for end in (*ENDS, *(f"air_{cable}" for cable in trembling or ())):
            done = subprocess.run(["ip", "netns", "add", f"{home.name}_{end}"], capture_output=True, check=False)
            need(done.returncode == 0, f"no namespace can be made: {done.stderr!r}", "allow CAP_SYS_ADMIN")
            undo.callback(subprocess.run, ["ip", "netns", "del", f"{home.name}_{end}"], check=False)
        for cable in CABLES:
            _lay(home, cable, through_air=cable in (trembling or {}))
        _route(home)
        for cable, held_ms in (trembling or {}).items():
            copier = str(Path(__file__).parent / "trembling_air.py")
            command = [*home.at(f"air_{cable}"), sys.executable, copier, "near", "away", *map(str, held_ms)]
            air = subprocess.Popen(command)
            undo.callback(air.wait)
            undo.callback(air.terminate)
        _wait_until_up(home)
        yield home


def _ends(cable: Cable) -> tuple[tuple[str, str], tuple[str, str]]:
    one, other, *_ = CABLES[cable]
    return (one, f"{cable}0"), (other, f"{cable}1")


def _lay(home: Home, cable: Cable, *, through_air: bool) -> None:
    (one, device), (other, other_device) = _ends(cable)
    if through_air:
        _veth(home, one, device, f"air_{cable}", "near")
        _veth(home, other, other_device, f"air_{cable}", "away")
    else:
        _veth(home, one, device, other, other_device)
    _, _, v4, v6, first = CABLES[cable]
    v4 = home.line if cable == "line" else v4
    second = {"1": "2", "2": "1"}[first]
    for end, name, number in ((one, device, first), (other, other_device, second)):
        home.run(end, "ip", "addr", "add", f"{v4}{number}/24", "dev", name)
        home.run(end, "ip", "addr", "add", f"{v6}{number}/64", "dev", name, "nodad")


def _veth(home: Home, one: str, device: str, other: str, other_device: str) -> None:
    pair = [(f"{home.name}_{one}", device), (f"{home.name}_{other}", other_device)]
    (netns, name), (peer_netns, peer) = pair
    command = ["ip", "link", "add", name, "netns", netns, "type", "veth", "peer", "name", peer, "netns", peer_netns]
    subprocess.run(command, check=True, capture_output=True)
    for end, name in ((one, device), (other, other_device)):
        home.run(end, "ip", "link", "set", "lo", "up")
        # Frames in the air are copied by a program: none may be larger than the cable's, or without its checksum.
        home.run(end, "ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        # Until it is sure of its link-local address, for a second or two, a router asks for no neighbours.
        home.run(end, "sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0", f"net.ipv6.conf.{name}.dad_transmits=0")
        home.run(end, "ip", "link", "set", name, "up")


def _route(home: Home) -> None:
    for end in ("router", "provider"):
        home.run(end, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for end, v4, v6 in (
        ("client", ROUTER, "fd97::1"),
        ("router", f"{home.line}1", "2a0e:97:1::1"),
        ("server", "11.97.2.1", "2a0e:97:2::1"),
    ):
        home.run(end, "ip", "route", "add", "default", "via", v4, "congctl", "cubic")
        home.run(end, "ip", "route", "add", "default", "via", v6)
    home.run("provider", "ip", "route", "add", "192.168.97.0/24", "via", f"{home.line}2")
    home.run("provider", "ip", "route", "add", "fd97::/64", "via", "2a0e:97:1::2")


def _own_files(home: Home) -> Path:
    """Return where `ip netns exec` finds the client's own files of /etc."""
    return Path("/etc/netns") / f"{home.name}_client"


def _wait_until_up(home: Home) -> None:
    need_program("ping", package="iputils-ping")
    deadline = time.monotonic() + 10
    while subprocess.run(
        [*home.at("client"), "ping", "-c", "1", "-W", "1", SERVER], capture_output=True, check=False
    ).returncode:
        assert time.monotonic() < deadline, "the namespaces do not reach one another"
