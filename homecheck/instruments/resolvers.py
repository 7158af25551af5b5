"""How long the system's resolver takes to look up a name that nobody has looked up before, and which resolver it is."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import LINK_ADVICE

LOOKUPS: Final = 5
FEWEST_LOOKUPS: Final = 3  # where each takes long
LONG_SECONDS: Final = 2.5
RESOLV_CONF: Final = Path("/etc/resolv.conf")
MOST_SERVERS: Final = 3  # glibc asks no more
# A name that does not exist is an answer as good as any: resolv.h and netdb.h have two words for it.
ANSWERED: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

LookUp = Callable[[str], object]


def system_look_up(name: str) -> object:
    """Ask the system for the IPv4 addresses of `name`: one query."""
    return socket.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)


def lookup_times(domain: str, count: int = LOOKUPS, look_up: LookUp = system_look_up) -> tuple[float, ...]:
    """Return how many ms each of `count` queries took, for random names below `domain`, which no cache holds.

    Takes as long as the system's resolver does. Raises ProbeError ``dns_failed`` (home_link).
    """
    times: list[float] = []
    while len(times) < count and (len(times) < FEWEST_LOOKUPS or sum(times) < 1e3 * LONG_SECONDS):
        times.append(_time_one(f"{secrets.token_hex(8)}.{domain.rstrip('.')}.", look_up))
    return tuple(times)


def _time_one(name: str, look_up: LookUp) -> float:
    began = time.perf_counter()
    try:
        look_up(name)  # the final dot keeps the system from trying its search domains as well
    except socket.gaierror as error:
        if error.errno not in ANSWERED:
            raise dns_failed(f"looking up a name failed: {error.strerror}") from None
    return (time.perf_counter() - began) * 1e3


def dns_failed(message: str) -> ProbeError:
    """Return the failure of the home's name service."""
    return ProbeError("dns_failed", LINK_ADVICE, message=message, at_fault="home_link")


def is_name(host: str) -> bool:
    """Tell whether `host` is a name that DNS is asked for, not an address, nor one that this computer knows itself."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host.strip(".")
    return False


def described(path: Path = RESOLV_CONF) -> list[str]:
    """Return the name servers that resolv.conf names, public ones without their address; empty on Windows."""
    if sys.platform == "win32":
        return []
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    found = re.findall(r"^\s*nameserver\s+(\S+)", text, re.MULTILINE)
    return [shown(address) for address in found[:MOST_SERVERS]]


def shown(address: str) -> str:
    """Return an address of the home as it is, and of one on the internet no more than that."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    if found.is_global:
        return f"a public IPv{found.version} address"
    return "a link-local address" if found.is_link_local else str(found)  # which may hold the device's own number
