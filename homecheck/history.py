"""Earlier runs of what was measured of line and room on this computer, as levels only: when, value and uncertainty.

So 7 p.m. on weekdays can be told from Sunday morning. One line of JSON per run of a probe, in one file for its owner
alone, at most 90 days and 1000 runs. The file is written anew as a whole (`homecheck.durable`), so a crash leaves the
old or the new one; a line that somebody else has damaged is left out and counted.

    {"at": Unix seconds, "probe": text, "version": text, "far_end": address, "method": text,
     "levels": [[quantity, value, uncertainty], …], "ours": [quantity, …], "microphone": name, "spot": true}

The last three may be missing. `ours` are those that our own side has made what they are; where one of them misses a
limit it is left out. Sound has a `microphone`, and then neither far end nor method. `spot` marks the run of a spot
check: it was made because some program's people work then, and goes to those programs alone.

A level may be compared with those alone that the same probe, in the same version, measured against the same far end
by the same method, or with the same microphone: the round trip to another place is another quantity, and so is the
level at another microphone, which turns the same sound into another number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import Refused
from homecheck.evidence import ProbeRun
from homecheck.measurement import MAX_EARLIER, Kind, Level, Measurement, check_earlier
from homecheck.policy import KEPT, Limits, Requirement
from homecheck.several_runs import MOST_DAYS, SeveralRuns
from homecheck.shift import Shift
from homecheck.strict_json import Record, parse_object, serialize

LONGEST: Final = timedelta(days=MOST_DAYS)
MOST_RUNS: Final = 1000

Rule = tuple[SeveralRuns, Limits]


@dataclass(frozen=True)
class Source:
    """What a level depends on beyond line and room: the far end's address and the method, or the microphone's name."""

    far_end: str = ""
    method: str = ""
    microphone: str = ""

    def of(self, run: ProbeRun) -> Source:
        """Return what the levels of `run` depend on: on this, unless it tells of a microphone."""
        endpoints = (found.details.get("endpoint") for found in run.measurements)
        name = next((name for name in endpoints if isinstance(name, str)), None)
        return self if name is None else Source(microphone=name)


@dataclass(frozen=True)
class PastRun:
    """One earlier run of one probe: its levels by quantity, which of them are our own side's doing, and whether it was
    part of a spot check.
    """

    at: int
    probe: str
    version: str
    source: Source
    levels: Mapping[str, Level]
    ours: frozenset[str] = frozenset()
    spot: bool = False

    def alike(self, run: ProbeRun, source: Source) -> bool:
        """Tell whether its levels may be compared with those of `run`."""
        return (self.probe, self.version, self.source) == (run.probe, run.version, source.of(run))

    def concerns(self, shift: Shift | None) -> bool:
        """Tell whether it may count for a program with these working hours: a spot check outside them may not."""
        if not self.spot:
            return True
        return shift is not None and shift.holds(datetime.fromtimestamp(self.at, UTC))


@dataclass(frozen=True)
class History:
    """What is kept, oldest first, and how many lines could not be read."""

    runs: tuple[PastRun, ...] = ()
    damaged: int = 0


def load(home: Home) -> History:
    """Return what is kept. StateError when the file cannot be read."""
    runs, damaged = [], 0
    for line in (durable.read(home.history) or b"").splitlines()[-MOST_RUNS:]:
        try:
            runs.append(_read(line))
        except (Refused, ValueError):
            damaged += 1
    return History(tuple(sorted(runs, key=lambda run: run.at)), damaged)


def append(
    home: Home, history: History, runs: Iterable[ProbeRun], source: Source, now: datetime, *, spot: bool = False
) -> None:
    """Keep the levels of `runs` beside those of `history`, and forget what is too old or too many. StateError."""
    new = [past for run in runs if (past := _past_run(run, source, spot)).levels]
    if not new:
        return
    oldest = int((now - LONGEST).timestamp())
    kept = [run for run in (*history.runs, *new) if run.at >= oldest][-MOST_RUNS:]
    durable.write(home.history, b"".join(serialize(_members(run)) + b"\n" for run in kept))


def clear(home: Home) -> int:
    """Forget everything and return how many runs that was. StateError."""
    count = len(load(home).runs)
    durable.remove(home.history)
    return count


def forget_since(home: Home, moment: datetime, until: datetime | None = None) -> None:
    """Forget the runs that began at `moment` or later, and before `until` where that is given. StateError.

    The person has taken back the agreement to them.
    """
    begin, end = int(moment.timestamp()), until.timestamp() if until is not None else math.inf
    kept = [run for run in load(home).runs if not begin <= run.at < end]
    durable.write(home.history, b"".join(serialize(_members(run)) + b"\n" for run in kept))


def with_earlier(
    runs: Iterable[ProbeRun], history: History, source: Source, asked: Iterable[Requirement], shift: Shift | None = None
) -> tuple[ProbeRun, ...]:
    """Return `runs` with the earlier levels that the requirements `asked` look at, the newest 60 of each quantity.

    `shift` is that of the requirements' policy.
    """
    rules: dict[str, list[Rule]] = {}
    for requirement in asked:
        if requirement.runs:
            rules.setdefault(requirement.quantity, []).append((requirement.runs, requirement.limits))

    def completed(run: ProbeRun) -> ProbeRun:
        alike = [past for past in history.runs if past.alike(run, source) and past.concerns(shift)]
        now = int(run.started_at.timestamp())
        measurements = (_completed(found, alike, now, rules.get(found.quantity.name, ())) for found in run.measurements)
        return replace(run, measurements=tuple(measurements))

    return tuple(completed(run) for run in runs)


def _completed(measurement: Measurement, alike: Sequence[PastRun], now: int, rules: Sequence[Rule]) -> Measurement:
    if not rules or measurement.quantity.kind is not Kind.NUMBER or measurement.failure is not None:
        return measurement
    name = measurement.quantity.name
    levels = {  # by time: of two runs in one second, the one that was written last
        past.at: past.levels[name]
        for past in alike
        if name in past.levels and past.at < now and any(rule.counts(past.at, now) for rule, _ in rules)
        if not (name in past.ours and any(limits.missed_by(past.levels[name].value) for _, limits in rules))
    }
    return replace(measurement, earlier=tuple(levels[at] for at in sorted(levels))[-MAX_EARLIER:])


def _past_run(run: ProbeRun, source: Source, spot: bool) -> PastRun:
    at = int(run.started_at.timestamp())
    levels = {
        found.quantity.name: Level(at, cast(float, found.value), found.uncertainty or 0.0)
        for found in run.measurements
        if found.quantity.name.startswith(KEPT) and found.quantity.kind is Kind.NUMBER and found.failure is None
    }
    ours = frozenset(
        found.quantity.name
        for found in run.measurements
        if found.quantity.name in levels and found.cause is not None and found.cause.is_ours
    )
    return PastRun(at, run.probe, run.version, source.of(run), levels, ours, spot)


def _members(run: PastRun) -> dict[str, object]:
    return {
        "at": run.at,
        "probe": run.probe,
        "version": run.version,
        "far_end": run.source.far_end,
        "method": run.source.method,
        "levels": [[name, level.value, level.uncertainty] for name, level in run.levels.items()],
        **({"ours": sorted(run.ours)} if run.ours else {}),
        **({"microphone": run.source.microphone} if run.source.microphone else {}),
        **({"spot": True} if run.spot else {}),
    }


def _read(line: bytes) -> PastRun:
    """Return the run in one line; Refused or ValueError when it holds none."""
    record = Record(parse_object(line), "history")
    at = record.integer("at")
    levels = {}
    for name, value, uncertainty in record.rows("levels", 3):
        level = Level(at, cast(float, value), cast(float, uncertainty))
        check_earlier(Kind.NUMBER, (level,), f"{name!r:.80}")
        levels[str(name)] = level
    source = Source(record.text("far_end"), record.text("method"), record.optional_text("microphone"))
    ours, spot = frozenset(record.texts("ours")), record.has("spot") and record.boolean("spot")
    run = PastRun(at, record.text("probe"), record.text("version"), source, levels, ours, spot)
    record.done()
    return run
