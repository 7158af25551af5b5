"""Who may read the metrics: this computer, the networks and the token that the operator has named, nobody else."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck.errors import SetupError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SHORTEST_TOKEN: Final = 20  # characters


@dataclass(frozen=True)
class MetricsAccess:
    """Behind a proxy every stranger could look like this computer, so there `loopback` does not count."""

    loopback: bool = True
    networks: tuple[Network, ...] = ()
    token: str | None = None

    def allows(self, address: str, authorization: str) -> bool:
        """Tell whether a request from this address, with this header, may read them."""
        if self.token is not None:
            presented = authorization.encode("utf-8", "surrogatepass")
            if hmac.compare_digest(presented, f"Bearer {self.token}".encode()):
                return True
        try:
            source = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(source, "ipv4_mapped", None) or source
        return (self.loopback and mapped.is_loopback) or any(mapped in network for network in self.networks)


def read_token(file: Path) -> str:
    """Return the token in a file, without the white space around it. SetupError when it is none."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: no token: {error}", "Write one line: openssl rand -hex 32") from None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        advice = "Write one line: openssl rand -hex 32"
        raise SetupError(f"{file}: no token of at least {SHORTEST_TOKEN} characters", advice)
    return token


def read_network(text: str) -> Network:
    """Return the network that ``10.0.0.0/8`` or one address names. ValueError for anything else."""
    return ipaddress.ip_network(text)
