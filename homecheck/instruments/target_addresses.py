"""The addresses at which a policy's target may be tried: those on the internet, and nothing else.

A policy comes from somebody else. Without this rule it could have the agent look around in the home: at the router's
own pages, at printers and cameras, at programs on this computer. Names are looked up once, and the addresses that pass
are connected to as they are, so that a name cannot lead elsewhere a moment later.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Final

import psutil

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import WAIT_ADVICE, FarEnd, named, resolve
from homecheck.measurement import Target
from homecheck.standards import rfc_6890

MOST_ADDRESSES: Final = 4  # of one target
SCHEMES: Final = {"tls": "https", "https": "https", "wss": "https"}
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
BLOCKED_ADVICE: Final = "Let the ad blocker or family filter of your network allow this name, then repeat the check."
PRIVATE_ADVICE: Final = (
    "Switch off VPNs and repeat the check. If it says the same, this is not your fault: tell the people who asked for "
    "it."
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LookUp = Callable[[str, int], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Places:
    """Where a target is tried: its addresses, IPv6 and IPv4 by turns, in the order that the system prefers."""

    ends: tuple[FarEnd, ...]

    @property
    def is_here(self) -> bool:
        """Whether it is on this computer itself."""
        return all(rfc_6890.kind(end.address) == "loopback" for end in self.ends)


def unresolved(target: Target) -> FarEnd:
    """Return the target before its name is looked up. Raises ProbeError ``bad_address`` (agent)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    end = named(f"{SCHEMES.get(target.protocol, 'http')}://{host}:{target.port}")
    try:
        end.host.encode("idna")  # as TLS does with it, whoever looks the name up
    except UnicodeError:
        message = f"{target.host!r:.100} is no name"
        raise ProbeError("bad_address", WAIT_ADVICE, message=message, at_fault="agent") from None
    return end


def find(target: Target, networks: Iterable[Network], *, local: bool, look_up: LookUp = resolve) -> Places:
    """Return where the target may be tried; `networks` are those that this computer is part of.

    With `local`, addresses of this computer itself may be. Raises ProbeError as `far_end.resolve` does, and
    ``name_blocked`` (home_link), ``target_private`` (server).
    """
    end = unresolved(target)
    found: dict[str, int] = {}
    for family, _, _, _, address in look_up(end.host, end.port):
        found.setdefault(str(address[0]), family)
    kinds = {address: kind(address, networks) for address in found}
    allowed = [address for address in found if kinds[address] in ("public", *(["loopback"] if local else []))]
    if not allowed:
        raise refused(target.host, set(kinds.values()))
    by_family = ([one for one in allowed if found[one] == family] for family in dict.fromkeys(found.values()))
    by_turns = [address for address in chain.from_iterable(zip_longest(*by_family)) if address is not None]
    ends = (FarEnd(end.scheme, end.host, end.port, "", found[one], one) for one in by_turns[:MOST_ADDRESSES])
    return Places(tuple(ends))


def kind(address: str, networks: Iterable[Network]) -> str:
    """Return what an address is: public, or in a word why it is none to be tried."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if found.is_unspecified:
        return "unspecified"
    if isinstance(found, ipaddress.IPv6Address) and (inner := carried(found)) is not None:
        return kind(str(inner), networks)
    word = rfc_6890.kind(str(found))
    inside = word == "public" and any(found in network for network in networks)
    return "home" if inside else word


def carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a translator or tunnel makes of this one (RFC 4291, 3056, 6052), if any."""
    if address in NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def refused(host: str, kinds: set[str]) -> ProbeError:
    """Return why none of a target's addresses is tried."""
    if "unspecified" in kinds:
        message = f"the name service here says that {host} is nowhere, as ad blockers and family filters do"
        return ProbeError("name_blocked", BLOCKED_ADVICE, message=message, at_fault="home_link")
    message = f"{host} leads to an address that is not on the internet ({', '.join(sorted(kinds))}): it was left alone"
    return ProbeError("target_private", PRIVATE_ADVICE, message=message, at_fault="server")


def own_networks() -> tuple[Network, ...]:
    """Return the networks that this computer is part of: what is inside is the home, even where it is public."""
    inet = (socket.AF_INET, socket.AF_INET6)
    entries = (entry for found in psutil.net_if_addrs().values() for entry in found if entry.family in inet)
    networks = (network_of(str(entry.address), entry.netmask) for entry in entries)
    return tuple(network for network in networks if network is not None)


def network_of(address: str, mask: str | None) -> Network | None:
    """Return the network of an address and its mask; None where psutil tells no mask, as of IPv6 on Windows."""
    if not mask:
        return None
    bits = bin(int(ipaddress.ip_address(mask))).count("1")
    return ipaddress.ip_network(f"{address.partition('%')[0]}/{bits}", strict=False)
