"""Which 3.5 mm jacks of a sound card are occupied: the kernel's jack controls, as ``amixer contents`` prints them.

    numid=13,iface=CARD,name='Headset Mic Jack'
      ; type=BOOLEAN,access=r-------,values=1
      : values=on

Only needed without a sound server, which tells it itself. "Phantom" jacks are always on: nobody can see their plug.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from homecheck.instruments.audio.endpoint import Jack, Port

TIMEOUT_SECONDS: Final = 5.0
_SOURCES: Final = ("Capture Source", "Input Source")  # the control that says which input is recorded from
_ITEM: Final = re.compile(r"; Item #(\d{1,3}) '([^'\n]*)'")
# The kernel never translates these names. In the order in which they count.
_MICROPHONES: Final[Mapping[str, Port]] = {"headset": "headset", "mic": "external", "line": "line"}
_EARPIECES: Final[Mapping[str, Port]] = {"headset": "headset", "headphone": "headphones", "line out": "line"}


@dataclass(frozen=True)
class Jacks:
    """The jacks of one card by name and whether each is occupied; and the input that is recorded from, if it tells."""

    occupied: Mapping[str, bool] = field(default_factory=dict)
    source: str = ""

    def microphone(self) -> tuple[Port, Jack]:
        """Return the port that is recorded from and whether a plug is in it.

        A headset shows as "Headset Mic", or as "Mic" and "Headphone" both occupied: a plug with a microphone alone
        occupies "Mic" too.
        """
        if "internal" in self.source.lower():
            return "internal", "unknown"
        chosen = {name: state for name, state in self.occupied.items() if self.source in ("", name)}
        port, jack = _of(chosen, _MICROPHONES)
        if (port, jack) == ("external", "occupied") and _any(self.occupied, "headphone"):
            return "headset", jack
        return port, jack

    def earpiece(self) -> tuple[Port, Jack]:
        """Return the port that is played to and whether a plug is in it."""
        return _of(self.occupied, _EARPIECES)


def read(card: int) -> Jacks:
    """Return the jacks of a card; none where amixer cannot tell."""
    try:
        answer = subprocess.run(
            ["amixer", "-c", str(card), "contents"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return Jacks()
    return parse(answer.stdout.decode("utf-8", "replace"))


def parse(contents: str) -> Jacks:
    """Return the jacks in what ``amixer contents`` printed; screens and jacks whose plug nobody sees are left out."""
    occupied: dict[str, bool] = {}
    source = ""
    for name, body in _controls(contents):
        value = body.rpartition(": values=")[2].partition("\n")[0].strip()
        if name.endswith(" Jack") and not re.search("Phantom|HDMI|DP,", name):
            occupied[name.removesuffix(" Jack")] = value == "on"
        elif name in _SOURCES and not source:
            source = dict(_ITEM.findall(body)).get(value, "")
    return Jacks(occupied, source)


def _controls(contents: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each control and what is printed about it."""
    for block in re.split(r"^(?=numid=)", contents, flags=re.MULTILINE):
        if match := re.match(r"numid=\d+,iface=(?:CARD|MIXER),name='([^'\n]*)'", block):
            yield match.group(1), block


def _of(jacks: Mapping[str, bool], words: Mapping[str, Port]) -> tuple[Port, Jack]:
    states = {port: _any(jacks, word) for word, port in words.items()}
    if all(state is None for state in states.values()):
        return "unknown", "unknown"
    occupied = next((port for port, state in states.items() if state), None)
    return (occupied, "occupied") if occupied else ("unknown", "empty")


def _any(jacks: Mapping[str, bool], word: str) -> bool | None:
    found = [occupied for name, occupied in jacks.items() if word in name.lower()]
    return any(found) if found else None
