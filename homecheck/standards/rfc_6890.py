"""RFC 6890: special-purpose addresses, told apart as far as it matters for reaching somebody."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_KINDS: Final = {
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),  # RFC 1918, RFC 4193
    "shared": ("100.64.0.0/10",),  # RFC 6598: between a subscriber and the provider's own NAT
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),  # RFC 5771, RFC 4291 2.7
}
_NETWORKS: Final = [(kind, ipaddress.ip_network(text)) for kind, texts in _KINDS.items() for text in texts]
_CANDIDATE: Final = re.compile(r"[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]*[0-9A-Fa-f:]")


def kind(address: str) -> str:
    """Return private, shared (carrier-grade NAT), link-local, loopback, multicast, public, or special for the rest."""
    found = ipaddress.ip_address(address)
    for name, network in _NETWORKS:
        if found in network:
            return name
    return "public" if found.is_global else "special"


def without_addresses(text: str) -> str:
    """Return `text` with every address in it replaced by its kind, as in ``<private>:5060``."""
    return _CANDIDATE.sub(lambda found: _masked(found[0]), text)


def _masked(candidate: str) -> str:
    """Return a candidate with its address replaced; behind IPv4 a port may stand, which is kept."""
    address, colon, port = candidate.partition(":") if "." in candidate else (candidate, "", "")
    try:
        return f"<{kind(address)}>{colon}{port}"
    except ValueError:
        return candidate
