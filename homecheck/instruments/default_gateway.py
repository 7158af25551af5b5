"""The router that packets to an address are handed to, as the system's own table says; nothing is sent."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from homecheck.instruments.host.program import Runner, output_of
from homecheck.instruments.route import interfaces, local_address

LINUX_IPV4: Final = Path("/proc/net/route")
LINUX_IPV6: Final = Path("/proc/net/ipv6_route")
SECONDS: Final = 5.0
_RTF_GATEWAY: Final = 0x2  # linux/route.h
_NEXT_HOP: Final = 3  # of the fourteen numbers of MIB_IPFORWARDROW
_TYPE: Final = 5
_INDIRECT: Final = 4  # MIB_IPROUTE_TYPE_INDIRECT: over a router

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def gateway_to(address: str) -> str | None:
    """Return the router's address, with its interface where it needs one (fe80::1%eth0); None without any."""
    if sys.platform == "win32":
        return from_windows(best_route(address))
    if sys.platform == "darwin":
        return from_macos(address, lambda command: output_of(command, SECONDS))
    rows = linux_ipv6 if ":" in address else linux_ipv4
    return from_linux(address, rows(_read(LINUX_IPV6 if ":" in address else LINUX_IPV4)))


Row = tuple[str, str, str, int]  # network, router (or 0), interface, metric: of equals, the least is taken


def from_linux(address: str, rows: Iterable[Row]) -> str | None:
    """Return the router of the narrowest network that holds `address`."""
    target = ipaddress.ip_address(address)
    known = [(ipaddress.ip_network(network), metric, router, name) for network, router, name, metric in rows]
    fitting = [row for row in known if target in row[0]]
    if not fitting:
        return None
    _, _, router, name = max(fitting, key=lambda row: (row[0].prefixlen, -row[1]))
    found = ipaddress.ip_address(router)
    if found.is_unspecified:
        return None
    return f"{router}%{name}" if found.version == 6 and found.is_link_local else router


def linux_ipv4(text: str) -> Iterable[Row]:
    """Yield the rows of /proc/net/route, whose numbers are in the order of this computer."""
    for line in text.splitlines()[1:]:
        columns = line.split()
        network, mask = (socket.inet_ntoa(struct.pack("=I", int(columns[index], 16))) for index in (1, 7))
        router = int(columns[2], 16) if int(columns[3], 16) & _RTF_GATEWAY else 0
        yield f"{network}/{mask}", socket.inet_ntoa(struct.pack("=I", router)), columns[0], int(columns[6])


def linux_ipv6(text: str) -> Iterable[Row]:
    """Yield the rows of /proc/net/ipv6_route that lead somewhere."""
    for line in text.splitlines():
        columns = line.split()
        network, router = (str(ipaddress.IPv6Address(bytes.fromhex(columns[index]))) for index in (0, 4))
        if columns[9] != "lo":  # where the kernel keeps "unreachable" and its own addresses
            yield f"{network}/{int(columns[1], 16)}", router, columns[9], int(columns[5], 16)


def from_macos(address: str, run: Runner) -> str | None:
    """Return the line "gateway:" of ``route -n get``."""
    family = ("-inet6",) if ":" in address else ()
    for line in run(("route", "-n", "get", *family, address)).splitlines():
        name, _, value = line.strip().partition(": ")
        if name == "gateway":
            return _address_or_none(value.strip())
    return None


def from_windows(row: bytes) -> str | None:
    """Return the next hop of a MIB_IPFORWARDROW (Microsoft Learn): fourteen numbers, addresses as on the wire."""
    numbers = [row[start : start + 4] for start in range(0, len(row), 4)]
    if len(numbers) <= _TYPE or struct.unpack("<I", numbers[_TYPE]) != (_INDIRECT,):
        return None
    return socket.inet_ntoa(numbers[_NEXT_HOP])


def best_route(address: str) -> bytes:
    """Return what Windows' GetBestRoute writes for `address`; empty on failure and for IPv6."""
    if sys.platform != "win32" or ":" in address:
        return b""
    import ctypes

    row = ctypes.create_string_buffer(56)
    (target,) = struct.unpack("=I", socket.inet_aton(address))
    failed = ctypes.WinDLL("iphlpapi").GetBestRoute(ctypes.c_uint32(target), ctypes.c_uint32(0), row)
    return b"" if failed else row.raw


def leaves_by_tunnel(address: str, is_tunnel: Callable[[str], bool]) -> bool:
    """Tell whether packets to `address` leave by a tunnel: the first router is then not that of the home."""
    own = local_address(address)
    return any(own in interface.addresses and is_tunnel(name) for name, interface in interfaces().items())


def _address_or_none(text: str) -> str | None:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None  # "link#4": the network is at the cable's other end
    return text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
