"""The STUN server and the SIP mirror of one responder: where they listen, and what to do when they cannot."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from homecheck.errors import SetupError
from homecheck.responder import sip, stun
from homecheck.responder.sessions import Sessions
from homecheck.responder.sip import SipMirror
from homecheck.responder.stun import StunServer
from homecheck.standards import rfc_3261

STUN_PORT: Final = 3478  # RFC 8489 18.6; the other port is the next one
SIP_CONTROL_PORT: Final = 5099  # nobody's: no application layer gateway looks there

Bound = TypeVar("Bound")


@dataclass(frozen=True)
class NatPorts:
    """Where the services listen. A port that the operator did not name (None) may be missing, a named one must not be.

    0 is any free port. `other_host` is a second address of this machine for STUN; `without` names what is not wanted.
    """

    stun: int | None = None
    other_host: str | None = None
    sip: int | None = None
    sip_control: int | None = None
    without: frozenset[str] = frozenset()


@dataclass
class NatServices:
    """What listens, and of what does not, why."""

    stun: StunServer | None = None
    sip: SipMirror | None = None
    missing: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the members of the well-known document; what is not offered has none."""
        members: dict[str, Any] = {}
        if self.stun is not None:
            members["stun"] = {"port": self.stun.port, "other_port": self.stun.other_port}
        if self.sip is not None:
            members["sip"] = {"port": self.sip.port, "control_port": self.sip.control_port}
        return members

    def start(self) -> None:
        """Begin to answer."""
        for server in (self.stun, self.sip):
            if server is not None:
                server.service.start()

    def stop(self) -> None:
        """End the threads and close the sockets."""
        for server in (self.stun, self.sip):
            if server is not None:
                server.service.stop()


def bind(sessions: Sessions, host: str, ports: NatPorts) -> NatServices:
    """Bind what is wanted. Raises SetupError when a port or an address that the operator named cannot be had."""
    if ports.other_host is not None and _is_every_address(host):
        raise SetupError(
            "--other-host needs a --host that is one address", "Name both addresses: --host ONE --other-host ANOTHER."
        )
    services = NatServices()
    try:
        if "stun" not in ports.without:
            services.stun = _bind_stun(sessions, host, ports, services.missing)
        if "sip" not in ports.without:
            services.sip = _bind_sip(sessions, host, ports, services.missing)
    except SetupError:
        services.stop()
        raise
    return services


def _is_every_address(host: str) -> bool:
    try:
        return host == "" or ipaddress.ip_address(host).is_unspecified
    except ValueError:  # a name
        return False


def _bind_stun(sessions: Sessions, host: str, ports: NatPorts, missing: list[str]) -> StunServer | None:
    port = STUN_PORT if ports.stun is None else ports.stun
    named = ports.stun is not None or ports.other_host is not None
    where = f"STUN: UDP ports {port} and {port + 1 if port else 0}"
    advice = "Choose another --stun-port or --other-host, or give --without stun."
    return _bound(lambda: stun.bind(sessions, host, ports.other_host, port), where, advice if named else None, missing)


def _bind_sip(sessions: Sessions, host: str, ports: NatPorts, missing: list[str]) -> SipMirror | None:
    port = rfc_3261.PORT if ports.sip is None else ports.sip
    control = SIP_CONTROL_PORT if ports.sip_control is None else ports.sip_control
    named = ports.sip is not None or ports.sip_control is not None
    where = f"SIP mirror: UDP ports {port} and {control}"
    advice = "Choose another --sip-port or --sip-control-port, or give --without sip."
    return _bound(lambda: sip.bind(sessions, host, port, control), where, advice if named else None, missing)


def _bound(bind_it: Callable[[], Bound], where: str, advice: str | None, missing: list[str]) -> Bound | None:
    """Return what `bind_it` binds. When it fails: SetupError where there is `advice`, else a line in `missing`."""
    try:
        return bind_it()
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if advice is not None:
            raise SetupError(f"{where}: {reason}", advice) from None
        missing.append(f"{where}: {reason}; not offered")
        return None
