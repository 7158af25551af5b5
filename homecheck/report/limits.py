"""Limits as people read them: what is needed, and what would be better."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from homecheck.locale import ENGLISH, Translator
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


def needed(limits: Limits, unit: str, say: Translator = ENGLISH) -> str:
    """Return what a value must be, e.g. ``at least 10 Mbit/s``; empty when nothing is strictly needed."""
    parts = []
    if limits.at_least is not None:
        parts.append(say.fill("at least {value}", value=say.numbers(with_unit(limits.at_least, unit))))
    if limits.at_most is not None:
        parts.append(say.fill("at most {value}", value=say.numbers(with_unit(limits.at_most, unit))))
    if limits.equals is not None:
        parts.append(written(limits.equals, say))
    if limits.one_of:
        parts.append(f" {say('or')} ".join(written(value, say) for value in limits.one_of))
    if limits.none_of:
        parts.append(_none_of(limits.none_of, say))
    return f" {say('and')} ".join(parts)


def better(limits: Limits, unit: str, say: Translator = ENGLISH) -> str:
    """Return what a value should be, e.g. ``25 Mbit/s or more``; empty when there is no such limit."""
    parts = []
    if limits.warn_below is not None:
        parts.append(say.fill("{value} or more", value=say.numbers(with_unit(limits.warn_below, unit))))
    if limits.warn_above is not None:
        parts.append(say.fill("{value} or less", value=say.numbers(with_unit(limits.warn_above, unit))))
    if limits.warn_on:
        parts.append(_none_of(limits.warn_on, say))
    return f" {say('and')} ".join(parts)


def written(value: Value, say: Translator = ENGLISH) -> str:
    """Return a value as people write it: yes and no, names as they are called, numbers with the digits that count."""
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    return say(value) if isinstance(value, str) else say.numbers(number(value))


def _none_of(values: Iterable[Value], say: Translator) -> str:
    return ", ".join(f"{say('not')} {written(value, say)}" for value in values)
