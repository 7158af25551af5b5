"""Which way packets leave: the interface of the route really used, found without sending anything.

Connecting a UDP socket makes the system choose a route; its local address names the interface.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import psutil

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import LINK_ADVICE, resolve

# Addresses for documentation (RFC 5737, RFC 3849): no interface of a home owns them, so they take the default route.
ANYWHERE: Final = ("192.0.2.1", "2001:db8::1")
_PORT: Final = 9  # discard; no packet is sent
# linux/in.h and in6.h; Python does not name them all
_IP_MTU_DISCOVER, _IP_MTU, _IPV6_MTU_DISCOVER, _IPV6_MTU, _PMTUDISC_DO = 10, 14, 23, 24, 2


@dataclass(frozen=True)
class Route:
    """Where packets to `judged` leave; `judged` is a host name, or "default route"."""

    judged: str
    local_address: str
    interface: str
    mtu: int
    speed_mbit_s: int  # as the system's own table says; 0: it does not
    others_up: tuple[str, ...]
    path_mtu: int | None = None  # bytes; what the system has learnt about the way so far


@dataclass(frozen=True)
class Interface:
    """One interface of the system's table."""

    addresses: tuple[str, ...]
    up: bool
    loopback: bool
    mtu: int
    speed_mbit_s: int


def to(host: str | None) -> Route:
    """Return the route to `host`; the default route for None, for this computer itself and for a name unknown to DNS.

    Raises ProbeError ``no_route`` (home_link) or ``no_interface``.
    """
    target = address_of(host) if host is not None else None
    address = local_address(target) if target is not None else None
    judged = host or ""
    if address is None or ipaddress.ip_address(address).is_loopback:
        # A responder on this computer says nothing about the home's link, and a dead DNS does not change it.
        judged = "default route"
        target = first(lambda anywhere: anywhere if local_address(anywhere) else None, ANYWHERE)
        address = local_address(target) if target is not None else None
    if address is None:
        raise ProbeError(
            "no_route", LINK_ADVICE, message="this computer knows no way to the internet", at_fault="home_link"
        )
    return replace(route_of(judged, address, interfaces()), path_mtu=path_mtu(target) if target else None)


def address_of(host: str) -> str | None:
    """Return the first address of `host`, or None when DNS does not tell."""
    try:
        return str(resolve(host, _PORT)[0][4][0])
    except ProbeError:
        return None


def local_address(address: str) -> str | None:
    """Return the address of this computer that packets to `address` would carry, or None without a route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, _PORT))
            return str(sock.getsockname()[0]).partition("%")[0]
    except OSError:
        return None


def anywhere() -> str:
    """Return an address that takes the default route: of IPv4, but where IPv6 alone has one."""
    v4, v6 = ANYWHERE
    return v6 if local_address(v4) is None and local_address(v6) is not None else v4


def path_mtu(address: str) -> int | None:
    """Return how large packets to `address` may be as far as the system knows (ip(7), ipv6(7)): nothing is sent.

    That is the interface's or the route's own size until a router on the way has refused a larger one. Linux only.
    """
    if sys.platform != "linux":
        return None
    level, discover, mtu = (
        (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IPV6_MTU)
        if ":" in address
        else (socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_MTU)
    )
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(level, discover, _PMTUDISC_DO)
            sock.connect((address, _PORT))
            return sock.getsockopt(level, mtu)
    except OSError:
        return None


def first(find: Callable[[str], str | None], candidates: Sequence[str]) -> str | None:
    """Return the first thing found among `candidates`."""
    return next((found for candidate in candidates if (found := find(candidate)) is not None), None)


def interfaces() -> dict[str, Interface]:
    """Return the system's interfaces by name."""
    states = psutil.net_if_stats()
    found = {}
    for name, entries in psutil.net_if_addrs().items():
        state = states.get(name)
        inet = (entry for entry in entries if entry.family in (socket.AF_INET, socket.AF_INET6))
        addresses = tuple(str(entry.address).partition("%")[0] for entry in inet)
        loopback = bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)
        up = state is not None and state.isup
        found[name] = Interface(addresses, up, loopback, state.mtu if state else 0, state.speed if state else 0)
    return found


def route_of(judged: str, address: str, table: Mapping[str, Interface]) -> Route:
    """Return the route whose packets carry the local `address`. Raises ProbeError when no interface has it."""
    for name, interface in table.items():
        if address in interface.addresses:
            others = (n for n, i in table.items() if n != name and i.up and i.addresses and not i.loopback)
            return Route(judged, address, name, interface.mtu, interface.speed_mbit_s, tuple(sorted(others)))
    message = f"no interface of this computer has the address {address}"
    raise ProbeError("no_interface", "Repeat the check; the network was changing.", message=message, at_fault="device")
