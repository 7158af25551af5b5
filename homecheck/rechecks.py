"""What became of re-checks, kept in ``rechecks.json``: the last check of each program, and why the next one waits.

    {"v": 2, "checks": {program: {"at": time, "verdict": word, "status": word, "evidence": id}},
     "waiting": {"at": time, "why": word, "programs": [name, …], "looks": n} or null, "gave_up": the same,
     "trouble": {"at": time, "message": text, "times": n, "not_before": time} or null, "unreadable": [name, …]}

Every complete check is noted, whoever started it: a re-check that somebody has just made by hand is not made again.
Its evidence is known by the id inside, which stays when it has to be signed again, so that a receipt for an older
result says nothing of the last one. Whoever writes the file does so by `change`.

A file that is damaged is as good as none: then a check is made sooner than it need be, and nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast, get_args

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import Refused
from homecheck.file_lock import held
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

Status = Literal["accepted", "waiting", "refused"]  # what became of a result that was to be sent

VERSION: Final = 2
PATIENCE_SECONDS: Final = 10.0  # for another process that writes; it takes as long as a disk does
PATIENCE_HOURS: Final = 12  # of waiting for the end of a call, or for mains power; they count within working hours
_LOOKS_AN_HOUR: Final = 4
FIRST_PAUSE: Final = timedelta(minutes=30)
LONGEST_PAUSE: Final = timedelta(hours=24)
MOST_TEXT: Final = 2000


@dataclass(frozen=True)
class Check:
    """The last check of one program: when it ended, its verdict, what became of its result, and the evidence's id."""

    at: datetime
    verdict: str
    status: Status
    evidence: str

    @property
    def delivered(self) -> bool:
        """Whether the collector has it."""
        return self.status == "accepted"


@dataclass(frozen=True)
class Wait:
    """Why a check of these programs does not begin (or was given up), since when, and how often one looked."""

    at: datetime
    why: str
    programs: tuple[str, ...]
    looks: int = 1


@dataclass(frozen=True)
class Trouble:
    """A check that could not be made: what it said, how often in a row, and when it is tried again."""

    at: datetime
    message: str
    times: int
    not_before: datetime


@dataclass(frozen=True)
class Rechecks:
    """Everything that is kept about re-checks; `unreadable` names programs whose damaged enrolment was told of."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    waiting: Wait | None = None
    gave_up: Wait | None = None
    trouble: Trouble | None = None
    unreadable: tuple[str, ...] = ()

    def with_check(self, program: str, check: Check) -> Rechecks:
        """Return the same with one more check, after which nothing is wrong, and nothing waits for this program."""
        waiting, gave_up = _without(self.waiting, program), _without(self.gave_up, program)
        return Rechecks({**self.checks, program: check}, waiting, gave_up, unreadable=self.unreadable)

    def with_fate(self, program: str, evidence: str, status: Status, verdict: str | None = None) -> Rechecks:
        """Return the same with what became of a result; that of an older check than the last one changes nothing."""
        known = self.checks.get(program)
        if known is None or known.evidence != evidence:
            return self
        fate = replace(known, status=status, verdict=verdict or known.verdict)
        return replace(self, checks={**self.checks, program: fate})

    def without(self, program: str) -> Rechecks:
        """Return the same without anything of a program."""
        checks = {name: check for name, check in self.checks.items() if name != program}
        waiting, gave_up = _without(self.waiting, program), _without(self.gave_up, program)
        return replace(self, checks=checks, waiting=waiting, gave_up=gave_up)

    def with_wait(self, why: str, programs: tuple[str, ...], now: datetime) -> Rechecks:
        """Return the same with a check that waits, since now unless it waits already; whatever the reason is now."""
        before = self.waiting or Wait(now, why, programs, 0)
        return replace(self, waiting=Wait(before.at, why, programs, before.looks + 1))

    def with_surrender(self, now: datetime) -> Rechecks:
        """Return the same after the waiting is given up."""
        return replace(self, waiting=None, gave_up=replace(self.waiting, at=now) if self.waiting else None)

    def with_trouble(self, message: str, now: datetime) -> Rechecks:
        """Return the same after a check that could not be made; the pause before the next try doubles."""
        times = self.trouble.times + 1 if self.trouble else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(times - 1, 10))
        return replace(self, waiting=None, trouble=Trouble(now, message[:MOST_TEXT], times, now + pause))

    def knows(self, message: str) -> bool:
        """Tell whether this is what kept the check from being made the last time, too."""
        return self.trouble is not None and self.trouble.message == message[:MOST_TEXT]

    def last(self, program: str) -> datetime | None:
        """Return when the round of this program last ended: with a check, or because it was given up."""
        check = self.checks.get(program)
        given_up = self.gave_up if self.gave_up and program in self.gave_up.programs else None
        ends = [found.at for found in (check, given_up) if found]
        return max(ends, default=None)

    @property
    def is_out_of_patience(self) -> bool:
        """Tell whether a check has waited too long, so that this round is given up. Who is off does not wait."""
        return self.waiting is not None and self.waiting.looks > PATIENCE_HOURS * _LOOKS_AN_HOUR


def load(home: Home) -> Rechecks:
    """Return what is kept; nothing where the file is damaged. StateError when it cannot be read."""
    data = durable.read(home.rechecks)
    try:
        return _read(Record(parse_object(data), "rechecks")) if data is not None else Rechecks()
    except (Refused, ValueError):
        return Rechecks()


def change(home: Home, by: Callable[[Rechecks], Rechecks]) -> Rechecks:
    """Replace what is kept by what `by` makes of it, one process at a time, and return that. StateError."""
    durable.make_folder(home.root)
    with held(home.lock("notes"), PATIENCE_SECONDS):
        kept = by(load(home))
        store(home, kept)
    return kept


def note_receipt(home: Home, program: str, evidence: str, verdict: str) -> None:
    """Note that a collector has received the evidence of this id, and what it says of it. StateError."""
    if _is_last(home, program, evidence):
        change(home, lambda kept: kept.with_fate(program, evidence, "accepted", verdict))


def note_refusal(home: Home, program: str, evidence: str) -> None:
    """Note that no collector will take the evidence of this id. StateError."""
    if _is_last(home, program, evidence):
        change(home, lambda kept: kept.with_fate(program, evidence, "refused"))


def forget(home: Home, program: str) -> None:
    """Forget what became of a program that was left. StateError."""
    kept = load(home)
    if kept.without(program) != kept:
        change(home, lambda kept: kept.without(program))


def store(home: Home, rechecks: Rechecks) -> None:
    """Replace what is kept. StateError."""
    trouble = rechecks.trouble
    members: dict[str, Any] = {
        "v": VERSION,
        "checks": {
            name: {
                "at": to_text(check.at),
                "verdict": check.verdict,
                "status": check.status,
                "evidence": check.evidence,
            }
            for name, check in rechecks.checks.items()
        },
        "waiting": _wait_members(rechecks.waiting),
        "gave_up": _wait_members(rechecks.gave_up),
        "trouble": {
            "at": to_text(trouble.at),
            "message": trouble.message,
            "times": trouble.times,
            "not_before": to_text(trouble.not_before),
        }
        if trouble
        else None,
        "unreadable": list(rechecks.unreadable),
    }
    durable.write(home.rechecks, serialize(members))


def _is_last(home: Home, program: str, evidence: str) -> bool:
    """Tell whether the program's last check has this evidence; most of what is sent is known by its sender already."""
    known = load(home).checks.get(program)
    return known is not None and known.evidence == evidence


def _without(wait: Wait | None, program: str) -> Wait | None:
    """Return a wait without a program; None when it was for no other one."""
    if wait is None or program not in wait.programs:
        return wait
    others = tuple(name for name in wait.programs if name != program)
    return replace(wait, programs=others) if others else None


def _wait_members(wait: Wait | None) -> dict[str, Any] | None:
    if wait is None:
        return None
    return {"at": to_text(wait.at), "why": wait.why, "programs": list(wait.programs), "looks": wait.looks}


def _read(record: Record) -> Rechecks:
    if record.integer("v") != VERSION:
        raise Refused("schema", "a newer homecheck wrote it")
    checks = record.record("checks")
    return Rechecks(
        {name: _check(checks.record(name)) for name in checks.names()},
        _wait(record, "waiting"),
        _wait(record, "gave_up"),
        None if record.is_null("trouble") else _trouble(record.record("trouble")),
        record.texts("unreadable") if record.has("unreadable") else (),
    )


def _check(record: Record) -> Check:
    status = record.text("status")
    if status not in get_args(Status):
        raise Refused("schema", f"status {status!r:.40} is not known")
    return Check(from_text(record.text("at")), record.text("verdict"), cast(Status, status), record.text("evidence"))


def _wait(record: Record, name: str) -> Wait | None:
    if record.is_null(name):
        return None
    found = record.record(name)
    return Wait(from_text(found.text("at")), found.text("why"), found.texts("programs"), found.integer("looks"))


def _trouble(record: Record) -> Trouble:
    at, not_before = from_text(record.text("at")), from_text(record.text("not_before"))
    return Trouble(at, record.text("message", max_length=MOST_TEXT), record.integer("times"), not_before)
