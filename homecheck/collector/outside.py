"""Which addresses a message of ours may go to: those of the internet, and networks that the operator has named.

Whoever may type in an address must not be able to make the collector talk to machines inside the company's network
(server-side request forgery). So the name is looked up here, every address it has is judged, and the connection is made
to an address that was judged and not to whatever the name means a moment later.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
LookUp = Callable[..., Sequence[tuple[object, ...]]]
# What older Pythons take for global: IETF protocol assignments (RFC 6890) and the former 6to4 relays (RFC 7526).
NOT_GLOBAL: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")  # RFC 8215: translated inside, to whatever the company chose


class NotAllowed(Exception):
    """An address of this name is not of the internet."""


def may_reach(address: Address, inside: Sequence[Network] = ()) -> bool:
    """Tell whether messages may go to `address`: a global unicast address, or one of the networks `inside`."""
    if any(address in network for network in inside):
        return True
    if isinstance(address, IPv6Address):
        if (embedded := _embedded(address)) is not None:
            return may_reach(embedded, inside)
        if address in NAT64_LOCAL or address.is_site_local or address.scope_id:
            return False
    elif any(address in network for network in NOT_GLOBAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def addresses_of(
    host: str,
    port: int,
    inside: Sequence[Network] = (),
    look_up: LookUp = socket.getaddrinfo,
) -> list[str]:
    """Return the addresses of `host`, all judged. Raises NotAllowed for the first bad one, OSError where none is found.

    One bad address spoils the name: whoever mixes good ones with bad ones has a reason.
    """
    found = look_up(host, port, type=socket.SOCK_STREAM)
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found if isinstance(entry[4], tuple)))
    for text in texts:
        if not may_reach(ip_address(text), inside):
            raise NotAllowed(f"{host} is {text}, which is no address of the internet")
    if not texts:
        raise OSError(f"{host} has no address")
    return texts


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this IPv6 address end up at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo is not None else None
