"""Limits as people read them: what is needed, and what would be better."""

from __future__ import annotations

from typing import Final

from homecheck.measurement import Value
from homecheck.numbers import number, with_unit
from homecheck.policy import Limits

# The quantities whose value is a number with a unit; for whoever shows a policy and has no probe installed.
UNITS: Final = {
    "host.cpu_ghz": "GHz",
    "host.cpu_load": "%",
    "host.memory": "GiB",
    "host.disk_free": "GiB",
    "host.screen_width": "px",
    "host.screen_height": "px",
    "host.clock_offset": "s",
    "security.updates_age": "days",
    "link.speed": "Mbit/s",
    "link.wifi_signal": "dBm",
    "network.download": "Mbit/s",
    "network.upload": "Mbit/s",
    "network.rtt": "ms",
    "network.rtt_p95": "ms",
    "network.jitter": "ms",
    "network.pdv_p95": "ms",
    "network.loss": "%",
    "network.loss_up": "%",
    "network.loss_down": "%",
    "network.mos": "MOS-CQE",
    "network.loaded_mos": "MOS-CQE",
    "network.loaded_rtt_increase": "ms",
    "network.rpm": "1/min",
    "network.gateway_rtt": "ms",
    "network.first_hop_rtt": "ms",
    "network.dns_time": "ms",
    "network.collector_rtt": "ms",
    "headset.speech_level": "dBFS",
    "headset.snr": "dB",
    "headset.clipping": "%",
    "headset.dropouts": "1/min",
    "headset.leak": "dB",
    "headset.roundtrip": "ms",
    "room.noise": "dBFS(A)",
    "room.snr": "dB",
    "room.variation": "dB",
    "room.voices": "%",
    "room.events": "1/min",
    "room.hum": "dB",
}


def needed(limits: Limits, unit: str) -> str:
    """Return what a value must be, e.g. ``at least 10 Mbit/s``; empty when nothing is strictly needed."""
    parts = []
    if limits.at_least is not None:
        parts.append(f"at least {with_unit(limits.at_least, unit)}")
    if limits.at_most is not None:
        parts.append(f"at most {with_unit(limits.at_most, unit)}")
    if limits.equals is not None:
        parts.append(written(limits.equals))
    if limits.one_of:
        parts.append(" or ".join(map(written, limits.one_of)))
    if limits.none_of:
        parts.append("not " + ", not ".join(map(written, limits.none_of)))
    return " and ".join(parts)


def better(limits: Limits, unit: str) -> str:
    """Return what a value should be, e.g. ``25 Mbit/s or more``; empty when there is no such limit."""
    parts = []
    if limits.warn_below is not None:
        parts.append(f"{with_unit(limits.warn_below, unit)} or more")
    if limits.warn_above is not None:
        parts.append(f"{with_unit(limits.warn_above, unit)} or less")
    if limits.warn_on:
        parts.append("not " + ", not ".join(map(written, limits.warn_on)))
    return " and ".join(parts)


def written(value: Value) -> str:
    """Return a value as people write it: yes and no, names as they are, numbers with the digits that count."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number(value)
