"""The routers on the way to a far end, and how long each takes to answer, without special rights.

A packet that may pass only n routers is given back by the n-th, which names itself (RFC 792, RFC 4443: time exceeded).
How such packets are sent and their answers heard differs from system to system: see `Asker`.

Routers answer such packets with low priority, and many answer only once a second. A slow or missing answer of a router
says nothing about the packets that it passes on.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

MOST_HOPS: Final = 20
NUMBERS: Final = 64  # of questions; they are used again after that many
ROUNDS: Final = 3
ROUND_SECONDS: Final = 0.8
SPACING_SECONDS: Final = 0.005  # between the questions of a round


@dataclass(frozen=True)
class Answer:
    """Who answered question `number` after how long; `reached` when it was the far end itself."""

    number: int
    address: str
    rtt_ms: float
    reached: bool


class Asker(Protocol):
    """Sends questions to one address. Not for several threads at once."""

    def ask(self, number: int, hops: int) -> None:
        """Send question `number` (0 … NUMBERS - 1), which may pass `hops` routers; one that cannot leave is lost."""

    def answers(self, seconds: float) -> list[Answer]:
        """Return what has been answered, after at most `seconds`; empty when nothing came."""

    def close(self) -> None:
        """Give the socket back."""


@dataclass(frozen=True)
class Hop:
    """A router, or at the end the far end: how many hops away, its address, its answers' round trips."""

    distance: int
    address: str
    rtts_ms: tuple[float, ...]

    @property
    def is_public(self) -> bool:
        """Whether its address is one of the internet (not private, nor 100.64.0.0/10 of RFC 6598)."""
        return ipaddress.ip_address(self.address.partition("%")[0]).is_global


@dataclass(frozen=True)
class Path:
    """The routers that answered, nearest first, and how far away the far end is (None: it did not answer)."""

    routers: tuple[Hop, ...] = ()
    far_end: Hop | None = None

    @property
    def gateway(self) -> Hop | None:
        """The first router."""
        return next((hop for hop in self.routers if hop.distance == 1), None)

    @property
    def first_public(self) -> Hop | None:
        """The first router behind the gateway that has an address of the internet: the provider's."""
        return next((hop for hop in self.routers if hop.distance > 1 and hop.is_public), None)

    @property
    def last(self) -> Hop | None:
        """The router nearest to the far end, among those that answered."""
        return self.routers[-1] if self.routers else None


def trace(asker: Asker, most_hops: int = MOST_HOPS, seconds: float = ROUND_SECONDS) -> Path:
    """Return the path, after at most ROUNDS times `seconds`, and a little more for sending."""
    heard: dict[int, list[Answer]] = {}
    asked: Iterable[int] = range(1, most_hops + 1)
    for number in range(ROUNDS):
        _round(asker, {number * most_hops + hops: hops for hops in asked}, heard, seconds)
        end = _end(heard)
        # A router that was silent is asked once more: one lost packet must not hide it. The far end is asked once in
        # every round.
        known = sorted(heard) if number else range(1, max(heard, default=0) + 1)
        asked = [hops for hops in known if end is None or hops <= end]
        if not asked:
            break
    return _path(heard)


def _round(asker: Asker, questions: Mapping[int, int], heard: dict[int, list[Answer]], seconds: float) -> None:
    waiting = dict(questions)

    def listen(most: float) -> None:
        for answer in asker.answers(most):
            hops = waiting.pop(answer.number, None)
            if hops is not None:
                heard.setdefault(hops, []).append(answer)

    for number, hops in questions.items():
        asker.ask(number, hops)
        listen(SPACING_SECONDS)
    deadline = time.monotonic() + seconds
    while waiting and (left := deadline - time.monotonic()) > 0:
        end = _end(heard)
        if end is not None and not any(hops < end for hops in waiting.values()):
            return
        listen(left)


def _end(heard: Mapping[int, Iterable[Answer]]) -> int | None:
    """Return the least number of hops at which the far end itself answered."""
    return min((hops for hops, answers in heard.items() if any(one.reached for one in answers)), default=None)


def _path(heard: Mapping[int, list[Answer]]) -> Path:
    end = _end(heard)
    routers = [_hop(hops, heard[hops], False) for hops in sorted(heard) if end is None or hops < end]
    return Path(tuple(hop for hop in routers if hop), _hop(end, heard[end], True) if end is not None else None)


def _hop(distance: int, answers: Iterable[Answer], reached: bool) -> Hop | None:
    """Return the router that answered most often at this distance: packets may take several ways."""
    fitting = [answer for answer in answers if answer.reached is reached]
    if not fitting:
        return None
    address, _ = Counter(answer.address for answer in fitting).most_common(1)[0]
    return Hop(distance, address, tuple(answer.rtt_ms for answer in fitting if answer.address == address))


def times(asker: Asker, hops: int, count: int, spacing: float, wait: float) -> tuple[float, ...]:
    """Return the round trips of `count` questions, `spacing` seconds apart; the last is waited for `wait` seconds."""
    found: list[float] = []
    for number in range(count):
        asker.ask(number, hops)
        deadline = time.monotonic() + (spacing if number < count - 1 else wait)
        while (left := deadline - time.monotonic()) > 0:
            found += [answer.rtt_ms for answer in asker.answers(left)]
            if len(found) >= count:
                break
    return tuple(found)
