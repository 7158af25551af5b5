"""A guided check that was not ended, in ``sitting.json``: a crash, a closed lid or Ctrl-C loses nothing measured.

It holds what would be sent and what the person has agreed to, for its owner alone. It is written after each part, and
goes when the check is handed over or taken back, and when a guide starts a day later. What it holds is used only after
the person has said that they go on with it.

    {"v": 1, "agreed_at": time, "kids": [key, …], "preset": name or null, "headset": name or null,
     "answers": {id: true or false}, "nonces": {program: {"nonce": text, "at": time}}, "declined_more": true or false,
     "runs": [{"run": as in evidence, "observations": [text, …], "times": number}, …]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import Refused
from homecheck.evidence import read_run, run_members
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize
from homecheck.ui.kept import Kept, KeptRun

VERSION: Final = 1
LASTS: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Unfinished:
    """One guided check as far as it came: for the keys `kids`, or by `preset` for nobody but the person.

    `nonces` are the collectors' challenges by program, each with the moment at which it was fetched.
    """

    agreed_at: datetime
    kids: tuple[str, ...]
    preset: str | None
    headset: str | None
    answers: Mapping[str, bool]
    nonces: Mapping[str, tuple[str, datetime]]
    declined_more: bool
    kept: Kept

    @property
    def ends_at(self) -> datetime:
        """When it is forgotten."""
        return self.agreed_at + LASTS


def load(home: Home, now: datetime) -> Unfinished | None:
    """Return what is kept; None, and nothing is kept any more, where it is too old or damaged. StateError."""
    data = durable.read(home.sitting)
    if data is None:
        return None
    try:
        found = _read(Record(parse_object(data), "sitting"))
    except (Refused, ValueError):
        found = None
    if found is None or abs(now - found.agreed_at) >= LASTS:  # a clock that was set back a little costs nobody a check
        forget(home)
        return None
    return found


def store(home: Home, unfinished: Unfinished) -> None:
    """Keep it in place of what was kept. StateError."""
    durable.write(home.sitting, serialize(_members(unfinished)))


def forget(home: Home) -> None:
    """Forget what is kept. StateError."""
    durable.remove(home.sitting)


def _members(one: Unfinished) -> dict[str, Any]:
    kept = one.kept
    return {
        "v": VERSION,
        "agreed_at": to_text(one.agreed_at),
        "kids": list(one.kids),
        "preset": one.preset,
        "headset": one.headset,
        "answers": dict(one.answers),
        "nonces": {program: {"nonce": nonce, "at": to_text(at)} for program, (nonce, at) in one.nonces.items()},
        "declined_more": one.declined_more,
        "runs": [
            {"run": run_members(found.run), "observations": list(found.observations), "times": kept.counts[name]}
            for name, found in kept.runs.items()
        ],
    }


def _read(record: Record) -> Unfinished:
    if record.integer("v") != VERSION:
        raise Refused("schema", "a newer homecheck wrote it")
    answers, nonces = record.record("answers"), record.record("nonces")
    runs = [_read_kept(one) for one in record.records("runs")]
    return Unfinished(
        agreed_at=from_text(record.text("agreed_at")),
        kids=record.texts("kids"),
        preset=record.text_or_none("preset"),
        headset=record.text_or_none("headset"),
        answers={name: answers.boolean(name) for name in answers.names()},
        nonces={name: _read_nonce(nonces.record(name)) for name in nonces.names()},
        declined_more=record.boolean("declined_more"),
        kept=Kept({one.run.probe: one for one, _ in runs}, {one.run.probe: times for one, times in runs}),
    )


def _read_kept(record: Record) -> tuple[KeptRun, int]:
    return KeptRun(read_run(record.record("run")), record.texts("observations")), record.integer("times", least=1)


def _read_nonce(record: Record) -> tuple[str, datetime]:
    return record.text("nonce"), from_text(record.text("at"))
