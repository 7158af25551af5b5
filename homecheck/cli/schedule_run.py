"""`homecheck schedule run`, which the system's timer starts: one look at whether it is time, and a check if it is.

Whatever a check does happens in a program of its own (`started_check`): one that crashes or hangs is a line in
`homecheck status` and a later try, never a timer that starts it again every quarter of an hour.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from homecheck import drift, rechecks, spool
from homecheck.cli.credential import collect_for
from homecheck.cli.enrolments import left_out
from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import load_enrolments, read_enrolments
from homecheck.errors import HomecheckError, StateError
from homecheck.file_lock import exclusive
from homecheck.hindrance import BUSY, WORDS, Surroundings
from homecheck.local_zone import local_zone
from homecheck.locale import SOURCE
from homecheck.locale.here import OWN, _, plural, said
from homecheck.printable import printable
from homecheck.process_tree import run_tree
from homecheck.rechecks import PATIENCE_HOURS, Check, Rechecks, Status
from homecheck.rounds import due_now, plans
from homecheck.schedule_settings import Settings, load
from homecheck.timers.job import this_program
from homecheck.upload import deliver_waiting, new_session

LONGEST_SECONDS: Final = 3600.0
SENDING_SECONDS: Final = 20.0  # the next start tries again
MADE: Final = frozenset({0, 10, 11, NOT_DELIVERED})  # exit statuses of a check that was made


@dataclass(frozen=True)
class Ended:
    """How a check ended: exit status, its JSON, and what it said beside that."""

    status: int
    out: str
    told: str


Start = Callable[[Home, Settings, Sequence[str]], Ended]


def started_check(home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
    """Make a check for these programs, in a program of its own, and return how it ended."""
    options = [
        *(word for name in programs for word in ("--program", name)),
        *(word for glob in settings.only for word in ("--only", glob)),
        *(word for glob in settings.skip for word in ("--skip", glob)),
    ]
    command = [*this_program(), "check", "--unattended", "--output", "json", *options]
    try:
        # What it says is kept, and stands in JSON: in English, and translated where somebody reads it.
        environment = {**os.environ, "HOMECHECK_HOME": str(home.root), OWN: SOURCE}
        status, out, complaints = run_tree(command, environment, LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return Ended(1, "", f"it did not end within {LONGEST_SECONDS / 60:.0f} minutes")
    return Ended(status, out.decode("utf-8", "replace"), complaints.decode("utf-8", "replace"))


def run_round(
    home: Home,
    clock: Callable[[], datetime] = utc_now,
    surroundings: Surroundings | None = None,
    start: Start = started_check,
) -> tuple[int, list[str]]:
    """Look whether it is time, and return the exit status and what there is to tell: nothing, most of the time."""
    if not home.schedule.exists():
        return 0, []  # re-checks are not wanted (any more); a folder that was deleted is not made again
    with exclusive(home.lock("recheck")) as held:
        if not held:
            return 0, []
        one = _Round(home, clock, surroundings or Surroundings(), start)
        try:
            return one.run()
        except HomecheckError as error:
            return one.stopped(error)


@dataclass(frozen=True)
class _Round:
    home: Home
    clock: Callable[[], datetime]
    surroundings: Surroundings
    start: Start
    told: list[str] = field(default_factory=list)

    def run(self) -> tuple[int, list[str]]:
        # 1. What waits from earlier checks is sent, whether or not it is time for another one.
        self._send_waiting()
        # 2. Is it time?
        settings = load(self.home)
        failed = self._tell_unreadable()
        if settings is None or not self._due(settings, rechecks.load(self.home)):
            return failed, self.told
        # 3. Does anything speak against it just now? A check that was under way until now has noted itself.
        with exclusive(self.home.lock("check")) as free:
            before = rechecks.load(self.home)
        programs = self._due(settings, before)
        if not programs:
            return failed, self.told
        if (why := self.surroundings.hindrance() if free else BUSY) is not None:
            return _or(failed, self._wait(settings, why))
        # 4. The check; not where it could not be noted, for then it would be made again at each look.
        rechecks.change(self.home, lambda kept: kept)
        drifted = {name: _words(setups) for name, setups in drift.load(self.home).items()}
        return _or(failed, self._note(before, self.start(self.home, settings, programs), drifted))

    def stopped(self, error: HomecheckError) -> tuple[int, list[str]]:
        """Keep what kept this look from its end, and return what is news of it."""
        message = printable(f"{error.message.rstrip('.')}. {error.advice}".strip())
        try:
            return self._failed(message)
        except StateError:  # it cannot be kept, so it is told each time
            return 1, [*self.told, _("The re-check could not be made: {why}", why=said(message))]

    def _due(self, settings: Settings, kept: Rechecks) -> tuple[str, ...]:
        planned = plans(settings, kept, load_enrolments(self.home), local_zone() or "UTC")
        return due_now(planned, self.clock())

    def _send_waiting(self) -> None:
        """Send what waits, and tell what a collector says of a program's last check otherwise than was known."""
        if not spool.waiting(self.home):
            return
        http, before = new_session(), rechecks.load(self.home)
        for one in deliver_waiting(self.home, http, deadline_seconds=SENDING_SECONDS):
            if one.status == "refused":
                self.told.append(_not_accepted(one.program, one.message))
            if one.status == "accepted" and one.result is not None:
                collect_for(self.home, http, one.program, one.envelope)  # what cannot be had now can be fetched later
        for program, check in rechecks.load(self.home).checks.items():
            known = before.checks.get(program)
            if known is not None and known.evidence == check.evidence and check.delivered and not known.delivered:
                self.told.extend(_changed(program, known, check))

    def _tell_unreadable(self) -> int:
        """Tell once which programs are left out because their enrolment is damaged; the others go on.

        Return the exit status: 1 when there is such news, for a system that tells nobody of a timer that ended well.
        """
        known = read_enrolments(self.home)
        names, before = tuple(one.program for one in known.damaged), rechecks.load(self.home).unreadable
        if not known.good or names == before:
            return 0
        rechecks.change(self.home, lambda kept: replace(kept, unreadable=names))
        news = [one for one in known.damaged if one.program not in before]
        self.told.extend(map(left_out, news))
        return 1 if news else 0

    def _wait(self, settings: Settings, why: str) -> tuple[int, list[str]]:
        now, before = self.clock(), rechecks.load(self.home).gave_up

        def longer(kept: Rechecks) -> Rechecks:
            programs = self._due(settings, kept)  # a check that was made by hand meanwhile is waited for no more
            kept = kept.with_wait(why, programs, now) if programs else kept
            return kept.with_surrender(now) if kept.is_out_of_patience else kept

        given_up = rechecks.change(self.home, longer).gave_up
        if given_up is None or given_up == before:
            return 0, self.told
        text = plural(
            "The re-check was given up after {count} hour of waiting: {why}. The next round comes as usual.",
            "The re-check was given up after {count} hours of waiting: {why}. The next round comes as usual.",
            PATIENCE_HOURS,
            why=said(WORDS[given_up.why]),
        )
        return 1, [*self.told, text]

    def _failed(self, message: str) -> tuple[int, list[str]]:
        """Keep why no check could be made; it is told once, and tried again ever more seldom."""
        now, kept = self.clock(), rechecks.load(self.home)
        is_news = not kept.knows(message)
        if is_news or kept.trouble is None or kept.trouble.not_before <= now:
            rechecks.change(self.home, lambda kept: kept.with_trouble(message, now))
        if not is_news:
            return 0, self.told
        return 1, [*self.told, _("The re-check could not be made: {why}", why=said(message))]

    def _note(self, before: Rechecks, ended: Ended, drifted: Mapping[str, list[str]]) -> tuple[int, list[str]]:
        """Keep what became of the check, and return what has changed by it."""
        members = _members(ended)
        if members is None:
            return self._failed(_last_words(ended))
        told = list(self.told)
        made = [upload for upload in members["uploads"] if upload["id"] is not None]  # the others tell why themselves
        for upload in made:
            check = self._noted(str(upload["program"]), _check(upload, self.clock()))
            told = told + _changed(str(upload["program"]), before.checks.get(str(upload["program"])), check)
            if upload["status"] == "refused":
                told = [*told, _not_accepted(str(upload["program"]), str(upload["message"]))]
        told = told + _drift_lines(drift.load(self.home), drifted)
        return (ended.status if told else 0), told

    def _noted(self, program: str, check: Check) -> Check:
        """Keep a check, unless it has noted itself: then more may be known of it by now."""

        def with_it(kept: Rechecks) -> Rechecks:
            known = kept.checks.get(program)
            return kept if known and known.evidence == check.evidence else kept.with_check(program, check)

        return rechecks.change(self.home, with_it).checks[program]


def _or(failed: int, ended: tuple[int, list[str]]) -> tuple[int, list[str]]:
    """Return how a look ended; `failed` where all the rest went well."""
    status, told = ended
    return status or failed, told


def _check(upload: Mapping[str, Any], now: datetime) -> Check:
    answer = upload["status"]
    status: Status = answer if answer in ("accepted", "refused") else "waiting"
    return Check(now, str(upload["verdict"]), status, str(upload["id"]))


def _members(ended: Ended) -> dict[str, Any] | None:
    """Return the JSON of a check that was made; None when it was not."""
    if ended.status not in MADE:
        return None
    try:
        members = json.loads(ended.out)
    except ValueError:  # it ended in order and said nothing: its hours were over
        return None
    return members if isinstance(members, dict) else None


def _last_words(ended: Ended) -> str:
    lines = [line.strip() for line in ended.told.splitlines() if line.strip()]
    return printable(" ".join(lines[-3:])) or f"it ended with status {ended.status}"


def _changed(program: str, before: Check | None, after: Check) -> list[str]:
    """Return what is to be told of a program's check: another verdict, or results that could not be sent."""
    told = []
    if after.verdict != (before.verdict if before else "pass"):
        named = {"program": program, "verdict": said(after.verdict)}
        told.append(
            _("{program}: {verdict}, was {before}. What to do: homecheck check", **named, before=said(before.verdict))
            if before
            else _("{program}: {verdict}. What to do: homecheck check", **named)
        )
    if not after.delivered and (before is None or before.delivered):
        text = _("{program}: measured, and not delivered. What becomes of it: homecheck status", program=program)
        told.append(text)
    return told


def _not_accepted(program: str, message: str) -> str:
    why = said(printable(message))
    return _("{program}: results were not accepted: {why}", program=program, why=why)


def _words(setups: drift.Setups) -> list[str]:
    return [found.words() for found in setups.differences()]


def _drift_lines(setups: Mapping[str, drift.Setups], before: Mapping[str, Iterable[str]]) -> list[str]:
    """Return what is another thing than at the first check, and was not when this check began."""
    return [
        _drift_line(name, f"{one.first.at:%Y-%m-%d}", words)
        for name, one in setups.items()
        for words in _words(one)
        if words not in before.get(name, ())
    ]


def _drift_line(program: str, date: str, words: str) -> str:
    what = said(printable(words))
    return _("{program}: since the first check, {date}, {what}", program=program, date=date, what=what)
