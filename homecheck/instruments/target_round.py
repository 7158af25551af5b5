"""All targets of one check tried at the same time: first their names are looked up, then every address is tried.

Eight seconds at most, however many there are. What a softphone would take in turn (RFC 8305: the other family a moment
later) is taken at once, so that each family's own result can be told.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import far_end, proxies, target_addresses, target_connection, target_datagram
from homecheck.instruments.far_end import FarEnd, server_error
from homecheck.instruments.proxies import Proxy
from homecheck.instruments.resolvers import dns_failed, is_name
from homecheck.instruments.side_by_side import side_by_side
from homecheck.instruments.target_addresses import LookUp, Network
from homecheck.instruments.target_connection import BY_PROXY, Reached, of_target
from homecheck.measurement import Target

NAME_SECONDS: Final = 3.0
ATTEMPT_SECONDS: Final = 5.0
NO_NAME: Final = ("dns_failed", "responder_unknown")  # a proxy may know it all the same

Outcome = Reached | ProbeError


@dataclass(frozen=True)
class Tried:
    """What came of one target: at which addresses, by what they are, or `error` where none could be tried.

    The outcomes are by address; through a proxy there is one, and its address is the proxy's to know.
    """

    target: Target
    outcomes: Mapping[FarEnd, Outcome] = field(default_factory=dict)
    proxy: Proxy | None = None
    is_here: bool = False
    error: ProbeError | None = None

    @property
    def reached(self) -> bool:
        """Whether it answered anywhere: a softphone takes that address."""
        return any(isinstance(outcome, Reached) for outcome in self.outcomes.values())


@dataclass(frozen=True)
class Surroundings:
    """What a round depends on of this computer; fields, so that a test needs no broken one."""

    find_proxy: Callable[[str], Proxy | None] = proxies.proxy_for
    networks: Callable[[], tuple[Network, ...]] = target_addresses.own_networks
    look_up: LookUp = far_end.resolve
    trust: Callable[[], ssl.SSLContext] = far_end.client_context


@dataclass(frozen=True)
class _Way:
    """Where one target is to be tried."""

    target: Target
    ends: tuple[FarEnd, ...] = ()
    proxy: Proxy | None = None
    is_here: bool = False
    error: ProbeError | None = None


def try_all(targets: Iterable[Target], *, local: bool, around: Surroundings) -> list[Tried]:
    """Return what came of each target, in their order; with `local`, those on this computer itself are tried too."""
    wanted = {_name(target): target for target in targets}
    networks, trust = around.networks(), around.trust()
    look_ups = {name: partial(_way, target, networks, around, local=local) for name, target in wanted.items()}
    found = side_by_side(look_ups, NAME_SECONDS, _late_name)
    ways = [_Way(wanted[name], error=way) if isinstance(way, ProbeError) else way for name, way in found.items()]
    names_work = any(way.error is None and way.proxy is None and is_name(way.target.host) for way in ways)
    works = {
        _key(way.target, end): partial(_attempt, way.target, end, trust, way.proxy) for way in ways for end in way.ends
    }
    outcomes = side_by_side(works, ATTEMPT_SECONDS, _late_answer)
    return [
        Tried(
            way.target,
            {end: outcomes[_key(way.target, end)] for end in way.ends},
            way.proxy,
            way.is_here,
            None if way.error is None else _of_name(way.target, way.error, names_work=names_work),
        )
        for way in ways
    ]


def _way(target: Target, networks: tuple[Network, ...], around: Surroundings, *, local: bool) -> _Way:
    """Return where a target is to be tried. Raises ProbeError where it cannot be."""
    end = target_addresses.unresolved(target)
    proxy = around.find_proxy(end.host) if target.protocol in BY_PROXY else None
    try:
        places = target_addresses.find(target, networks, local=local, look_up=around.look_up)
    except ProbeError as error:
        if proxy is not None and error.code in NO_NAME:  # it looks names up itself
            return _Way(target, (end,), proxy)
        raise
    return _Way(target, places.ends if proxy is None else (end,), proxy, places.is_here)


def _of_name(target: Target, error: ProbeError, *, names_work: bool) -> ProbeError:
    """Return why a name leads nowhere; the name service is not at fault where it knows other names."""
    if error.code == "dns_failed" and names_work:
        return server_error("target_unknown", f"the name service (DNS) knows other names, and not {target.host}")
    return of_target(error)


def _attempt(target: Target, end: FarEnd, trust: ssl.SSLContext, proxy: Proxy | None) -> Reached:
    if target.protocol == "udp":
        return target_datagram.attempt(target, end)
    return target_connection.attempt(target, end, trust, proxy)


def _name(target: Target) -> str:
    return f"{target.address} {target.asked_by} {target.name}"


def _key(target: Target, end: FarEnd) -> str:
    return f"{_name(target)} {end.address}"


def _late_name(name: str) -> ProbeError:
    host = name.partition("://")[2].partition(" ")[0]
    return dns_failed(f"no answer of the name service within {NAME_SECONDS:.0f} s ({host})")


def _late_answer(key: str) -> ProbeError:
    where = key.partition("://")[2].partition(" ")[0]
    return server_error("target_silent", f"{where} does not answer within {ATTEMPT_SECONDS:.0f} s")
