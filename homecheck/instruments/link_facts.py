"""What a network interface is, as each system's module finds out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from homecheck.measurement import Json

Kind = Literal["ethernet", "wifi", "cellular", "other"]


@dataclass(frozen=True)
class Wifi:
    """What a system tells of a Wi-Fi connection beside its signal; None and empty where it does not.

    `rate_mbit_s` is that of sending; `standard` is the amendment, e.g. 802.11ax. Names and addresses of networks are
    not wanted.
    """

    band: str = ""
    channel: int | None = None
    frequency_mhz: float | None = None
    width_mhz: int | None = None
    standard: str = ""
    mcs: int | None = None
    rate_mbit_s: float | None = None
    receiving_rate_mbit_s: float | None = None

    def members(self) -> dict[str, Json]:
        """Return what was told."""
        return {name: value for name, value in vars(self).items() if value not in (None, "")}


@dataclass(frozen=True)
class LinkFacts:
    """One interface: its kind, whether it is a tunnel, what it says of its speed and signal, and how that was told.

    `speed_mbit_s` and `signals_dbm` (one or several readings) are None and empty where the system does not tell.
    `metered` is whether the system says that data costs money here, in its own words in `metered_by`; None: it says
    neither.
    """

    interface: str
    kind: Kind
    vpn: bool = False
    speed_mbit_s: float | None = None
    signals_dbm: tuple[float, ...] = ()
    told_by: str = ""
    wifi: Wifi = field(default_factory=Wifi)
    metered: bool | None = None
    metered_by: str = ""

    @property
    def costs(self) -> bool | None:
        """Whether data costs money: as the system says, and on a mobile network unless it says otherwise."""
        if self.metered is None and self.kind == "cellular":
            return True
        return self.metered
