"""What is another thing than at a program's first check: headset, line, region, computer. Kept in ``setups.json``.

    {"v": 1, "programs": {program: {"first": setup, "last": setup}}},  a setup: {"at": time, "facts": {name: value}}

The facts are measured ones, by the names of their quantities; nothing is read for this that a check does not measure,
and nothing of it is sent. A computer is told by its processor cores, its memory and whether it is a virtual machine,
the line by its kind, the region by where its address is used: two of one model, or two lines of one kind, are not told
apart. What was not measured, then or now, has not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import Refused
from homecheck.evidence import ProbeRun
from homecheck.file_lock import held
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
PATIENCE_SECONDS: Final = 10.0  # for another process that writes; it takes as long as a disk does
SAME_MEMORY: Final = 0.1  # share; what a system can use of it varies a little with its version
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "headset": ("headset.model", "headset.transport", "headset.connection"),
    "line": ("link.type",),
    "region": ("network.region",),  # of its own: who moves house has another kind of line more often than not
    "computer": ("host.cpu_cores", "host.memory", "host.virtual_machine"),
}
MEMORY: Final = "host.memory"
WORDS: Final[Mapping[str, str]] = {
    "link.type": "connection",
    "host.cpu_cores": "processor cores",
    MEMORY: "GiB of memory",
    "host.virtual_machine": "virtual machine",
}

Value = float | int | str | bool


@dataclass(frozen=True)
class Setup:
    """What was plugged in and where, at one check: values by quantity."""

    at: datetime
    facts: Mapping[str, Value]


@dataclass(frozen=True)
class Difference:
    """One kind of thing (a key of `KINDS`) that is another one, and the values that told it."""

    kind: str
    quantity: str
    before: Value
    after: Value

    def words(self) -> str:
        """Return it in words: ``other headset: Jabra Link 370 → WH-1000XM4``."""
        what = f"{WORDS[self.quantity]} " if self.quantity in WORDS else ""
        return f"other {self.kind}: {what}{shown(self.before)} → {shown(self.after)}"


@dataclass(frozen=True)
class Setups:
    """A program's first check and its last one."""

    first: Setup
    last: Setup

    def differences(self) -> tuple[Difference, ...]:
        """Return what is another thing, one difference of each kind at most."""
        return differences(self.first, self.last)


def setup_of(runs: Iterable[ProbeRun], at: datetime) -> Setup:
    """Return what a check found."""
    names = {name for kind in KINDS.values() for name in kind}
    measured = (found for run in runs for found in run.measurements if found.quantity.name in names)
    return Setup(at, {one.quantity.name: one.value for one in measured if one.value is not None})


def differences(first: Setup, last: Setup) -> tuple[Difference, ...]:
    """Return what is another thing at `last`, one difference of each kind at most."""
    found = []
    for kind, names in KINDS.items():
        for name in names:
            before, after = first.facts.get(name), last.facts.get(name)
            if before is not None and after is not None and not _same(name, before, after):
                found.append(Difference(kind, name, before, after))
                break
    return tuple(found)


def load(home: Home) -> dict[str, Setups]:
    """Return what is kept, by program; nothing where the file is damaged. StateError when it cannot be read."""
    data = durable.read(home.setups)
    try:
        return _read(Record(parse_object(data), "setups")) if data is not None else {}
    except (Refused, ValueError):
        return {}


def note(home: Home, programs: Iterable[str], setup: Setup) -> dict[str, Setups]:
    """Keep the setup of a check beside each program's first one, and return those of `programs`. StateError."""
    durable.make_folder(home.root)
    with held(home.lock("notes"), PATIENCE_SECONDS):
        kept = load(home)
        new = {name: noted(kept.get(name), setup) for name in programs}
        if new:
            _store(home, kept | new)
    return new


def forget(home: Home, program: str) -> None:
    """Forget the setups of a program that was left. StateError."""
    durable.make_folder(home.root)
    with held(home.lock("notes"), PATIENCE_SECONDS):
        kept = load(home)
        if kept.pop(program, None) is not None:
            _store(home, kept)


def noted(before: Setups | None, setup: Setup) -> Setups:
    """Return the setups with one more; what the first check did not measure is taken from the first that does."""
    if before is None:
        return Setups(setup, setup)
    first = Setup(before.first.at, {**setup.facts, **before.first.facts})
    return Setups(first, Setup(setup.at, {**before.last.facts, **setup.facts}))


def _same(name: str, before: Value, after: Value) -> bool:
    if name == MEMORY and isinstance(before, int | float) and isinstance(after, int | float):
        return abs(after - before) <= SAME_MEMORY * max(before, after)
    return before == after


def shown(value: Value) -> str:
    """Return a value as it stands in a sentence, without its unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else value


def _store(home: Home, kept: Mapping[str, Setups]) -> None:
    programs = {name: {"first": _members(one.first), "last": _members(one.last)} for name, one in kept.items()}
    durable.write(home.setups, serialize({"v": VERSION, "programs": programs}))


def _members(setup: Setup) -> dict[str, object]:
    return {"at": to_text(setup.at), "facts": dict(setup.facts)}


def _read(record: Record) -> dict[str, Setups]:
    if record.integer("v") != VERSION:
        raise Refused("schema", "a newer homecheck wrote it")
    programs = record.record("programs")
    found = {name: programs.record(name) for name in programs.names()}
    return {name: Setups(_setup(one.record("first")), _setup(one.record("last"))) for name, one in found.items()}


def _setup(record: Record) -> Setup:
    facts = record.record("facts")
    values = {name: facts.scalar(name) for name in facts.names()}
    return Setup(from_text(record.text("at")), {name: value for name, value in values.items() if value is not None})
