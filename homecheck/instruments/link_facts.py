"""What a network interface is, as each system's module finds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ethernet", "wifi", "cellular", "other"]


@dataclass(frozen=True)
class LinkFacts:
    """One interface: its kind, whether it is a tunnel, what it says of its speed and signal, and how that was told.

    `speed_mbit_s` and `signals_dbm` (one or several readings) are None and empty where the system does not tell.
    """

    interface: str
    kind: Kind
    vpn: bool = False
    speed_mbit_s: float | None = None
    signals_dbm: tuple[float, ...] = ()
    told_by: str = ""
