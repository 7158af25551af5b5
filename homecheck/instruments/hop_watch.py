"""How long the routers on the way take while something else is measured: whose share a delay is.

Up to three of them are timed five times a second: the home's own router, the provider's first one, and the last one
that answers before the far end. What is heard is only ever used together with the packets of the measurement itself:
see `homecheck.instruments.blame`.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from homecheck.errors import ProbeError
from homecheck.instruments import hops, link_linux, link_macos, link_windows
from homecheck.instruments.default_gateway import gateway_to, leaves_by_tunnel
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.hops import NUMBERS, Asker, Path
from homecheck.instruments.hops_icmp import EchoAsker
from homecheck.instruments.hops_linux import ErrorQueueAsker
from homecheck.instruments.hops_windows import WindowsAsker
from homecheck.loopback import is_loopback

Place = Literal["gateway", "public", "last"]
INTERVAL_SECONDS: Final = 0.2
TAIL_SECONDS: Final = 1.0
TRY_SECONDS: Final = 0.4  # that a gateway has for its first answer
FAR: Final = 64  # hops: as far as needed
# Behind the last router that answers: those of a data centre keep silent, those of a provider's backbone do not.
SILENT_ROUTERS: Final = 2
CONNECT_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Sample:
    """One question: when it was sent, on the monotonic clock in seconds, and its round trip; None without an answer."""

    moment: float
    rtt_ms: float | None


@dataclass(frozen=True)
class Post:
    """A router that can be timed: its address, how to ask it, and how far the questions may go."""

    address: str
    hops: int
    open: Callable[[], Asker]
    told_by: str


@dataclass(frozen=True)
class Posts:
    """The routers on the way that can be timed. `ends_at_ours`: behind `last` there is only the far end's own network.

    `path` is what the trace found.
    """

    by_place: Mapping[Place, Post] = field(default_factory=dict)
    ends_at_ours: bool = False
    path: Path = field(default_factory=Path)


@dataclass(frozen=True)
class HopLog:
    """What a watch heard, place by place."""

    samples: Mapping[Place, tuple[Sample, ...]] = field(default_factory=dict)
    ends_at_ours: bool = False

    def between(self, begin: float, end: float) -> HopLog:
        """Return what was asked between two readings of the monotonic clock."""
        part = {
            place: tuple(one for one in samples if begin <= one.moment < end) for place, samples in self.samples.items()
        }
        return HopLog(part, self.ends_at_ours)


def asker_towards(family: int, address: str) -> Asker:
    """Return this system's way to ask the routers on the way to `address`. Raises ProbeError."""
    if sys.platform == "win32":
        return WindowsAsker(family, address)
    if sys.platform == "darwin":
        return EchoAsker(family, address)
    return ErrorQueueAsker(family, address)


def is_tunnel(interface: str) -> bool:
    """Tell whether an interface is a tunnel, as far as that is told without running a program."""
    if sys.platform == "win32":
        return any(word in interface.lower() for word in link_windows.TUNNEL_WORDS)
    if sys.platform == "darwin":
        return link_macos.TUNNEL.fullmatch(interface) is not None
    return link_linux.classify(link_linux.SYSFS / interface)[1]


def find_posts(far_end: FarEnd, *, judge_end: bool = True) -> Posts:
    """Return the routers on the way to `far_end`, after at most about four seconds; none on this computer itself.

    Without `judge_end` it is not found out where the far end's own network begins.
    """
    if is_loopback(far_end.address):
        return Posts()
    path = trace_to(far_end)
    found: dict[Place, Post] = {}
    # Behind a tunnel the first router is not that of the home.
    gateway = None if leaves_by_tunnel(far_end.address, is_tunnel) else gateway_post(far_end.address, path)
    if gateway is not None:
        found["gateway"] = gateway
    towards = partial(asker_towards, far_end.family, far_end.address)
    if path.first_public is not None:
        found["public"] = Post(path.first_public.address, path.first_public.distance, towards, "time exceeded")
    if path.last is None or path.last.distance == 1:
        return Posts(found, False, path)
    if path.last != path.first_public:
        found["last"] = Post(path.last.address, path.last.distance, towards, "time exceeded")
    return Posts(found, judge_end and ends_nearby(far_end, path), path)


def trace_to(far_end: FarEnd) -> Path:
    """Return the path to `far_end`; an empty one where this system cannot ask."""
    try:
        asker = asker_towards(far_end.family, far_end.address)
    except ProbeError:
        return Path()
    try:
        return hops.trace(asker)
    finally:
        asker.close()


def gateway_post(target: str, path: Path) -> Post | None:
    """Return the router that packets to `target` are handed to, with the first way of asking that it answers.

    Echo comes first: many routers answer it at once, and their errors once a second. None when it keeps silent.
    """
    address = gateway_to(target) or (path.gateway.address if path.gateway else None)
    if address is None:
        return None
    ways = [Post(address, FAR, partial(EchoAsker, family_of(address), address), "echo")]
    if path.gateway is not None:
        ways.append(Post(path.gateway.address, 1, partial(asker_towards, family_of(target), target), "time exceeded"))
    if sys.platform == "linux":
        ways.append(Post(address, FAR, partial(ErrorQueueAsker, family_of(address), address), "port unreachable"))
    return next((way for way in ways if answers(way)), None)


def family_of(address: str) -> int:
    """Return the address family of an address that is written in numbers."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def answers(post: Post) -> bool:
    """Tell whether a router answers when it is asked this way."""
    try:
        return bool(time_post(post, count=2, spacing=TRY_SECONDS / 2, wait=TRY_SECONDS))
    except ProbeError:
        return False


def time_post(post: Post, count: int, spacing: float, wait: float) -> tuple[float, ...]:
    """Return the round trips of a few questions. Raises ProbeError where this system cannot ask this way."""
    asker = post.open()
    try:
        return hops.times(asker, post.hops, count, spacing, wait)
    finally:
        asker.close()


def ends_nearby(far_end: FarEnd, path: Path) -> bool:
    """Tell whether the far end lies so close behind the last router that answers that all between is its own network.

    Where it does not say itself how far away it is, a TCP connection of limited reach tells.
    """
    assert path.last is not None
    reach = path.last.distance + SILENT_ROUTERS + 1
    if path.far_end is not None:
        return path.far_end.distance <= reach
    with suppress(OSError), socket.socket(far_end.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(CONNECT_SECONDS)
        level, option = (
            (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
            if far_end.family == socket.AF_INET6
            else (socket.IPPROTO_IP, socket.IP_TTL)
        )
        sock.setsockopt(level, option, reach)
        sock.connect(far_end.socket_address())
        return True
    return False


class HopWatch:
    """Times routers while it runs, one thread for each. `start` it, `stop` it."""

    def __init__(self, posts: Posts, interval: float = INTERVAL_SECONDS) -> None:
        self._posts, self._interval = posts, interval
        self._running = threading.Event()
        self._asked: dict[Place, list[float]] = {place: [] for place in posts.by_place}
        self._heard: dict[Place, dict[int, float]] = {place: {} for place in posts.by_place}
        self._threads = [
            threading.Thread(target=self._watch, args=(place, post), daemon=True)
            for place, post in posts.by_place.items()
        ]

    def start(self) -> None:
        """Begin to ask."""
        self._running.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> HopLog:
        """End, after a moment for the last answers, and return everything."""
        self._running.clear()
        for thread in self._threads:
            thread.join()
        return HopLog({place: self._samples(place) for place in self._posts.by_place}, self._posts.ends_at_ours)

    def _watch(self, place: Place, post: Post) -> None:
        try:
            asker = post.open()
        except ProbeError:
            return
        asked, due = self._asked[place], time.monotonic()
        try:
            while self._running.is_set():
                asked.append(time.monotonic())
                asker.ask(len(asked) - 1, post.hops)
                due = max(due + self._interval, time.monotonic())
                self._listen(place, post, asker, due)
            self._listen(place, post, asker, time.monotonic() + TAIL_SECONDS, until_all=True)
        finally:
            asker.close()

    def _listen(self, place: Place, post: Post, asker: Asker, until: float, until_all: bool = False) -> None:
        asked, heard = self._asked[place], self._heard[place]
        while (left := until - time.monotonic()) > 0:
            for answer in asker.answers(left):
                newest = len(asked) - 1
                index = newest - (newest - answer.number) % NUMBERS
                # Packets may take several ways: what another router says is not about this one.
                if index >= 0 and _same(answer.address, post.address):
                    heard.setdefault(index, answer.rtt_ms)
            if until_all and (len(asked) - 1 in heard or not heard):
                return

    def _samples(self, place: Place) -> tuple[Sample, ...]:
        heard = self._heard[place]
        return tuple(Sample(moment, heard.get(index)) for index, moment in enumerate(self._asked[place]))


@dataclass
class Watching:
    """A watch under way, and what it heard once it is over."""

    log: HopLog = field(default_factory=HopLog)


@contextmanager
def watching(posts: Posts) -> Iterator[Watching]:
    """Watch `posts` until the context ends; then `log` holds what was heard."""
    watch, under_way = HopWatch(posts), Watching()
    watch.start()
    try:
        yield under_way
    finally:
        under_way.log = watch.stop()


def _same(one: str, other: str) -> bool:
    return one.partition("%")[0] == other.partition("%")[0]
