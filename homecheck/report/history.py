"""When is the line bad, or the room loud? Levels of earlier checks by weekday and time of day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from homecheck.history import PastRun
from homecheck.locale import ENGLISH, N_, Translator
from homecheck.numbers import number
from homecheck.several_runs import Side, figure
from homecheck.shift import DAYS

BUCKET_HOURS: Final = 2


@dataclass(frozen=True)
class Column:
    """One quantity, what stands above its figures, and on which side it is bad."""

    quantity: str
    heading: str
    bad: Side


# What a call notices.
LINE: Final = (
    Column("network.rtt", N_("round trip ms"), "high"),
    Column("network.jitter", N_("jitter ms"), "high"),
    Column("network.loss", N_("loss %"), "high"),
    Column("network.download", N_("download Mbit/s"), "low"),
    Column("network.mos", "MOS", "low"),
)
ROOM: Final = (
    Column("room.noise", N_("noise dBFS(A)"), "high"),
    Column("room.voices", N_("voices %"), "high"),
    Column("room.events", N_("sudden sounds 1/min"), "high"),
)


@dataclass(frozen=True)
class Row:
    """The runs of one weekday (0 is Monday) that began within two hours of the day: median and worst per quantity."""

    weekday: int
    hour: int
    runs: int
    figures: dict[str, tuple[float, float]]

    @property
    def when(self) -> str:
        """The row's name: ``Tue 18-20``."""
        return f"{DAYS[self.weekday]} {self.hour:02}-{self.hour + BUCKET_HOURS:02}"

    def members(self) -> dict[str, Any]:
        """Return the row as JSON members."""
        figures = {name: {"median": median, "worst": worst} for name, (median, worst) in self.figures.items()}
        day, end = DAYS[self.weekday], self.hour + BUCKET_HOURS
        return {"weekday": day, "from": f"{self.hour:02}:00", "to": f"{end:02}:00", "runs": self.runs, **figures}


def rows(runs: Iterable[PastRun], zone: tzinfo | None, columns: Sequence[Column] = LINE) -> list[Row]:
    """Return the rows that have a run, Monday first; times are local in `zone`, None is that of this computer."""
    places: dict[tuple[int, int], list[PastRun]] = {}
    for run in runs:
        local = datetime.fromtimestamp(run.at, UTC).astimezone(zone)
        places.setdefault((local.weekday(), local.hour // BUCKET_HOURS * BUCKET_HOURS), []).append(run)
    return [Row(day, hour, len(found), _figures(found, columns)) for (day, hour), found in sorted(places.items())]


def table(found: Sequence[Row], columns: Sequence[Column] = LINE, say: Translator = ENGLISH) -> list[str]:
    """Return the rows as lines of text: median and, behind a stroke, the worst."""
    headings = ["", say("runs"), *(say(one.heading) for one in columns)]
    lines = [headings, *(_cells(row, columns, say) for row in found)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]


def _figures(runs: Sequence[PastRun], columns: Iterable[Column]) -> dict[str, tuple[float, float]]:
    found = {}
    for one in columns:
        if levels := [run.levels[one.quantity] for run in runs if one.quantity in run.levels]:
            found[one.quantity] = figure("median", levels, one.bad).value, figure("worst", levels, one.bad).value
    return found


def _cells(row: Row, columns: Iterable[Column], say: Translator) -> list[str]:
    figures = (row.figures.get(one.quantity) for one in columns)
    shown = ("–" if pair is None else " | ".join(say.numbers(number(value)) for value in pair) for pair in figures)
    day = say(DAYS[row.weekday])
    return [row.when.replace(DAYS[row.weekday], day), str(row.runs), *shown]
