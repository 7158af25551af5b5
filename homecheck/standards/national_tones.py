"""The table of national telephone tones, after the plans collected by ITU-T E.180 (origin and licence: DATA.md)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

Meaning = Literal["dial", "ringback", "busy", "congestion", "unobtainable"]
MEANINGS: Final[tuple[Meaning, ...]] = ("dial", "ringback", "busy", "congestion", "unobtainable")


@dataclass(frozen=True)
class NationalTone:
    """One tone of one country: its lines in Hz, and its cadence as seconds on, off, on, off … (empty: continuous)."""

    country: str
    meaning: Meaning
    variant: str
    lines_hz: tuple[float, ...]
    cadence: tuple[float, ...]


@cache
def national_tones() -> tuple[NationalTone, ...]:
    """Return the table."""
    text = (files("homecheck.standards") / "national_tones.csv").read_text(encoding="utf-8")
    return tuple(_read(row) for row in csv.DictReader(text.splitlines()))


def _read(row: dict[str, str]) -> NationalTone:
    meaning = next(meaning for meaning in MEANINGS if meaning == row["tone"])
    # Tones that alternate without a gap sound continuous, and all their lines are heard.
    alternating = " then " in row["freqs_hz"]
    lines = {float(line) for line in row["freqs_hz"].replace(" then ", "+").split("+")}
    pauses = "" if alternating or row["cadence_ms"] == "continuous" else row["cadence_ms"]
    cadence = tuple(float(part) / 1000 for part in pauses.split("/") if part)
    return NationalTone(row["country"], meaning, row["variant"], tuple(sorted(lines)), cadence)
