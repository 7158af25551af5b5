"""Reach: whether the servers that the policy names, such as the softphone's, can be reached from this home.

The collector and the responder are tried beside them. Where those answer, the home's link works, and a target that does
not is out of order or filtered: which of the two, one home alone can rarely tell. Such a `no` names our side, which is
the policy's owner too, as its cause and counts against nobody; any other was seen to be made here or on the way.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Final
from urllib.parse import urlsplit

from homecheck.errors import AtFault, ProbeError
from homecheck.instruments import hop_watch, proxies, target_round
from homecheck.instruments.default_gateway import leaves_by_tunnel
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.target_connection import BY_PROXY, Reached
from homecheck.instruments.target_round import Outcome, Surroundings, Tried
from homecheck.measurement import Cause, CheckSetup, Json, Measurement, Need, Quantity, Target, clean_text

METHODS: Final = {
    "tcp": "TCP handshake at one of its addresses",
    "tls": "TLS handshake at one of its addresses, certificate trusted by this computer",
    "https": "any answer in HTTP over trusted TLS, through the system's proxy where there is one",
    "wss": "opening handshake of a WebSocket (RFC 6455 4), as https",
    "any": "connected to a target of the policy: TCP, TLS, an HTTP answer, a WebSocket, or an answer over UDP",
    "udp": "an answer to STUN (RFC 8489) or to SIP OPTIONS (RFC 3261) over UDP",
}
# What was seen to stop a connection, and whose doing it is; None: the router's, a VPN's or the provider's.
SEEN: Final[Mapping[str, AtFault | None]] = {
    "local_firewall": "device",
    "name_blocked": "home_link",
    "proxy_refused": "home_link",
    "name_filtered": None,
    "udp_refused_on_the_way": None,
}
# What says neither yes nor no.
UNTOLD: Final = ("udp_silent", "target_private", "bad_address", "proxy_kind", "dns_failed", "proxy_silent")
TELLING: Final = (*SEEN, "target_certificate", "target_tls", "target_answer", "target_broke_off", "target_refused")
FAMILIES: Final = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
FAMILY_ADVICE: Final = (
    "Ask the internet provider for the kind of address that is missing, or tell the people who asked for the check."
)
SCRIPT_ADVICE: Final = "Nothing to do: homecheck runs no script that chooses a proxy. The softphone may get through."
ONE_BY_ONE: Final = "Check for each program by itself: homecheck check --program NAME"


@dataclass(frozen=True)
class Reach:
    """Tries `targets`, and `witnesses`, which tell whether the home's link works at all."""

    targets: tuple[Target, ...] = ()
    witnesses: tuple[Target, ...] = ()
    local: bool = False
    around: Surroundings = field(default_factory=Surroundings)
    script: Callable[[], str] = proxies.script
    is_tunnel: Callable[[str], bool] = hop_watch.is_tunnel

    name: ClassVar[str] = "reach"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.NETWORK_QUIET})
    reveals: ClassVar[str] = (
        "Whether the servers that the work needs can be reached from here, by which kind of address, through which "
        "proxy, and whether a VPN is on. Each of them sees your internet address."
    )
    deadline_seconds: ClassVar[float] = 20.0  # eight of measuring, and what a loaded computer takes

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Reach:
        """Return the probe for one check."""
        servers = (("collector", setup.collector_url), ("responder", setup.responder_url))
        return cls(setup.targets, tuple(witness(name, url) for name, url in servers if url), setup.local_targets)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """One for each name of a target."""
        return tuple({target.name: quantity_of(target) for target in self.targets}.values())

    def run(self) -> Iterator[Measurement]:
        """Measure."""
        found = target_round.try_all((*self.targets, *self.witnesses), local=self.local, around=self.around)
        by_name: dict[str, list[Tried]] = {}
        for one in found:
            if one.target in self.targets:
                by_name.setdefault(one.target.name, []).append(one)
        for quantity, tried in zip(self.quantities, by_name.values(), strict=True):
            if len(tried) > 1:
                yield Measurement.failed(quantity, two_of_one_name(tried[0].target))
            else:
                yield self.measured(quantity, tried[0], others_answer=link_works(tried[0], found))

    def measured(self, quantity: Quantity, tried: Tried, *, others_answer: bool) -> Measurement:
        """Return whether one target is reached, and if not, what is known of why."""
        details = self.details(tried)
        if tried.reached:
            return Measurement(quantity, value=True, details=details)
        error = most_telling(tried)
        if error.code in SEEN:
            return _no(quantity, Cause(SEEN[error.code], clean_text(error.message)), details)
        if error.code == "no_route" and others_answer:
            error = missing_family(tried)
            return _no(quantity, Cause(error.at_fault, clean_text(error.message)), details)
        if details.get("script"):
            error = script_decides(tried.target, error, str(details["script"]))
        if error.code in UNTOLD or error.code in ("no_route", "script_decides") or not others_answer:
            return Measurement.failed(quantity, error, details)
        return _no(quantity, Cause("server", out_of_order(error)), details)

    @cached_property
    def _script(self) -> str:
        """What decides about proxies beside the settings; asking may start a program, so it is asked once."""
        return self.script()

    def details(self, tried: Tried) -> dict[str, Json]:
        """Return where it was tried, and what came of each address."""
        addresses: list[Json] = [told(end, outcome) for end, outcome in tried.outcomes.items()]
        by_proxy = tried.target.protocol in BY_PROXY
        script = self._script if by_proxy and tried.proxy is None else ""
        routed = [end.address for end in tried.outcomes if end.address]
        return {
            "target": tried.target.address,
            "addresses": addresses,
            **({"proxy": tried.proxy.name} if tried.proxy else {}),
            **({"script": script} if script else {}),
            "vpn": any(leaves_by_tunnel(address, self.is_tunnel) for address in routed),
        }


def quantity_of(target: Target) -> Quantity:
    """Return the quantity that a target is measured by; its method says which far end, by which appraisal knows it."""
    at = "" if target.protocol == "any" else f"{target.address}: "
    return Quantity.yes_no(target.quantity, f"{at}{METHODS[target.protocol]}")


def witness(name: str, url: str) -> Target:
    """Return a server of ours as a target that nobody asks for."""
    parts = urlsplit(url)
    secured = parts.scheme == "https"
    return Target(name, parts.hostname or "", parts.port or (443 if secured else 80), "https" if secured else "tcp")


def link_works(tried: Tried, found: Sequence[Tried]) -> bool:
    """Tell whether another host answered; one on this computer says nothing about the way to the internet."""
    return any(one.reached and one.target.host != tried.target.host and one.is_here == tried.is_here for one in found)


def most_telling(tried: Tried) -> ProbeError:
    """Return the error that tells most of those at a target's addresses; a family that has no route tells least."""
    errors = [one for one in (tried.error, *tried.outcomes.values()) if isinstance(one, ProbeError)]
    routed = [error for error in errors if error.code != "no_route"] or errors
    rank = {code: number for number, code in enumerate(TELLING)}
    return min(routed, key=lambda error: rank.get(error.code, len(rank)))


def told(end: FarEnd, outcome: Outcome) -> dict[str, Json]:
    """Return what came of one address."""
    where: dict[str, Json] = {
        "address": end.address or None,
        "family": FAMILIES.get(socket.AddressFamily(end.family), ""),
    }
    if isinstance(outcome, Reached):
        return {**where, "reached": True, "ms": outcome.ms, **outcome.details}
    return {**where, "reached": False, "why": outcome.code}


def out_of_order(error: ProbeError) -> str:
    """Return what can be said of a target that does not answer while the home's link works."""
    either = "it is out of order, or something on the way (router, VPN, provider) stops it"
    return clean_text(f"{error.message}, while other servers answer: {either}")


def missing_family(tried: Tried) -> ProbeError:
    """Return why a target is not reached whose addresses are all of a kind that this home does not have."""
    kinds = " and ".join(sorted({FAMILIES.get(socket.AddressFamily(end.family), "") for end in tried.outcomes}))
    message = f"{tried.target.host} has addresses of {kinds} alone, and this home has no {kinds}"
    return ProbeError("no_route", FAMILY_ADVICE, message=message, at_fault="home_link")


def script_decides(target: Target, error: ProbeError, kind: str) -> ProbeError:
    """Return why a target that browsers may reach through a script's proxy, or by SOCKS, is not decided."""
    if kind == proxies.SOCKS:
        message = f"{error.message}; browsers here may take a SOCKS proxy to {target.host}, and homecheck takes none"
        return ProbeError("script_decides", proxies.KIND_ADVICE, message=clean_text(message), at_fault="agent")
    message = f"{error.message}; browsers here ask a script for a proxy to {target.host}, and homecheck runs none"
    return ProbeError("script_decides", SCRIPT_ADVICE, message=clean_text(message), at_fault="agent")


def two_of_one_name(target: Target) -> ProbeError:
    """Return the failure of a name that two programs give to different servers."""
    message = f"two programs call different servers {target.name}"
    return ProbeError("two_of_one_name", ONE_BY_ONE, message=message, at_fault="agent")


def _no(quantity: Quantity, cause: Cause, details: Mapping[str, Json]) -> Measurement:
    return Measurement(quantity, value=False, details=details, cause=cause)
