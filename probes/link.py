"""Link: how the computer is connected, judged by the interface that the route to the responder really uses."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit

from homecheck.errors import ProbeError
from homecheck.instruments import link, route
from homecheck.instruments.link_facts import LinkFacts
from homecheck.instruments.route import Route
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Quantity
from homecheck.standards.batch_means import student_t95

TYPE = Quantity.text("link.type", "operating system's interface type of the route to the responder")
VPN = Quantity.yes_no("link.vpn", "operating system's interface type of the route to the responder")
SPEED = Quantity("link.speed", "Mbit/s", "the driver's own statement")
METERED = Quantity.yes_no("link.metered", "the system's own statement; a mobile network is metered unless it says no")
SIGNAL = Quantity("link.wifi_signal", "dBm", "the driver's own statement, mean of its readings")

SIGNAL_RESOLUTION_DB: Final = 1.0  # drivers tell whole decibels
FEWEST_READINGS: Final = 2

METERED_ADVICE: Final = (
    "If you pay for data by the amount, leave out what fills the line: homecheck check --skip 'network*'"
)
NOT_TOLD_ADVICE: Final = "Nothing needs to be done: the driver of this connection does not say it."


@dataclass(frozen=True)
class Link:
    """Judges the route to `host`; the default route where there is none, or where it is this computer."""

    host: str | None = None
    find_route: Callable[[str | None], Route] = route.to
    find_facts: Callable[[str], LinkFacts] = link.facts

    name: ClassVar[str] = "link"
    version: ClassVar[str] = "2"
    quantities: ClassVar[tuple[Quantity, ...]] = (TYPE, VPN, SPEED, SIGNAL, METERED)
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: ClassVar[str] = (
        "Whether you are connected by cable, Wi-Fi (with its channel and rate) or a mobile network, whether data costs "
        "money there, and whether a VPN is on; no name of a network."
    )
    deadline_seconds: ClassVar[float] = 60.0

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Link:
        """Return the probe that `setup` asks for."""
        return cls(urlsplit(setup.responder_url).hostname if setup.responder_url else None)

    def run(self) -> Iterator[Measurement]:
        """Measure. Raises ProbeError without a route."""
        used = self.find_route(self.host)
        facts = self.find_facts(used.interface)
        details: Details = {
            "interface": used.interface[:200],
            "judged": used.judged[:200],
            "told_by": facts.told_by[:200],
            "mtu": used.mtu,
            "path_mtu": used.path_mtu,
            "others_up": [name[:200] for name in used.others_up[:20]],
            **({"wifi": facts.wifi.members()} if facts.wifi.members() else {}),
        }
        yield Measurement(TYPE, facts.kind, details=details)
        yield Measurement(VPN, facts.vpn, details={"interface": used.interface[:200]})
        yield speed(facts, used)
        yield signal(facts)
        yield metered(facts)


def speed(facts: LinkFacts, used: Route) -> Measurement:
    """Return link.speed: what was agreed with the other end of the cable, or the Wi-Fi rate of the moment."""
    stated = facts.speed_mbit_s or float(used.speed_mbit_s)
    if facts.vpn or stated <= 0:
        why = "a tunnel has no speed of its own" if facts.vpn else "the driver does not tell its speed"
        error = ProbeError("not_told", NOT_TOLD_ADVICE, message=f"{facts.interface[:100]}: {why}")
        return Measurement.failed(SPEED, error)
    # A statement, not a measurement: it is exact as a statement.
    return Measurement(SPEED, stated, 0.0, details={"interface": facts.interface[:200]})


def signal(facts: LinkFacts) -> Measurement:
    """Return link.wifi_signal."""
    if facts.kind != "wifi":
        error = ProbeError("not_wifi", "Nothing needs to be done.", message="the connection in use is no Wi-Fi")
        return Measurement.failed(SIGNAL, error)
    readings = facts.signals_dbm
    if not readings:
        error = ProbeError(
            "not_told", NOT_TOLD_ADVICE, message="this system does not tell the signal without permission"
        )
        return Measurement.failed(SIGNAL, error)
    half_width = SIGNAL_RESOLUTION_DB
    if len(readings) >= FEWEST_READINGS:
        scatter = student_t95(len(readings) - 1) * statistics.stdev(readings) / math.sqrt(len(readings))
        half_width = math.hypot(half_width, scatter)
    details: Details = {"readings": len(readings)}
    return Measurement(SIGNAL, round(statistics.fmean(readings), 2), round(half_width, 2), details=details)


def metered(facts: LinkFacts) -> Measurement:
    """Return link.metered: whether data costs money by the amount."""
    if facts.costs is None:
        message = f"{facts.interface[:100]}: this system does not say whether data costs money here"
        return Measurement.failed(METERED, ProbeError("not_told", METERED_ADVICE, message=message))
    told_by = facts.metered_by or "a mobile network"
    return Measurement(METERED, facts.costs, details={"told_by": told_by[:200]})
