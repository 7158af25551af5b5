"""Why a re-check that is due should wait: somebody talks, or the computer runs on its battery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck.instruments.microphone_in_use import microphone_in_use

CALL: Final = "call"
BATTERY: Final = "battery"
BUSY: Final = "busy"
WORDS: Final[Mapping[str, str]] = {
    CALL: "a program uses the microphone, so somebody may be talking",
    BATTERY: "the computer runs on its battery",
    BUSY: "another check is under way",
}


def on_battery() -> bool:
    """Tell whether the computer has a battery and no mains power, as far as it knows."""
    import psutil  # here: a start that has nothing to do need not load it

    battery = psutil.sensors_battery()
    return battery is not None and battery.power_plugged is False


@dataclass(frozen=True)
class Surroundings:
    """What is looked at before a re-check."""

    in_use: Callable[[], bool] = microphone_in_use
    on_battery: Callable[[], bool] = on_battery

    def hindrance(self) -> str | None:
        """Return why to wait, a key of `WORDS`; None when nothing speaks against a check."""
        if self.in_use():
            return CALL
        return BATTERY if self.on_battery() else None
