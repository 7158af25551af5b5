"""What a policy would say to the evidence that is here already, before it counts for anybody. Nothing is stored.

The latest evidence of each person is judged twice by the real `appraise`, under the policy of before and the one of
after, with the observations as they were received. What only the new policy asks for is in no evidence of before: it is
counted apart, because the next check decides it.

A program of more than `SAMPLE` people is judged by that many of them, chosen at random once, so that two drafts are
tried on the same people; what is said of all has its interval then.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from homecheck.appraisal import AttestationResult, Verdict, appraise
from homecheck.collector import results
from homecheck.collector.context import Collector
from homecheck.collector.intake import weigh
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import evidence as evidence_store
from homecheck.collector.store import people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Person
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.policy import DecisionRule, Policy
from homecheck.standards.wilson_1927 import interval

SAMPLE: Final = 1_000  # people; at 2 ms each (docs/decisions/0064) nobody waits longer than some seconds
NAMED: Final = 200  # people who change, that are named; all are counted
WAIT_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 30
MOST_WAITING: Final = 4  # who wait for their turn: each holds a thread that pages need as well
_WAITING: Final = threading.Semaphore(MOST_WAITING)
_TRYING: Final = threading.Lock()  # one trial at a time: a trial keeps a processor busy
Move = tuple[Verdict | None, Verdict | None]  # None: this policy does not ask


@dataclass(frozen=True)
class Trial:
    """One person under both policies. `missed`: a value misses a limit, whatever its uncertainty."""

    person: Person
    digest: str
    before: Verdict
    after: Verdict
    missed: bool
    in_doubt: bool
    moves: Mapping[str, Move]  # by quantity, of what is not the same
    unasked: frozenset[str]  # quantities that the evidence does not hold, because nobody asked for them


@dataclass(frozen=True)
class Share:
    """How many of all people: the number itself, or where only some were judged the ends of its 95 % interval."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """The number, or the two ends."""
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"


@dataclass(frozen=True)
class WhatIf:
    """What would change. Numbers are of people; `changed` names at most `NAMED` of them, those who get worse first.

    `missed` people have a value that misses a limit of the new policy; of these, `in_doubt` ones have no miss that is
    larger than its uncertainty. Under the guarded rule those stay undecided, under the simple one they fail.
    """

    people: int
    judged: int
    unreadable: int
    missed: int
    in_doubt: int
    guarded: bool
    moves: Mapping[tuple[Verdict, Verdict], int]
    by_quantity: Mapping[str, Mapping[Move, int]]
    unasked: Mapping[str, int]
    changed: tuple[Trial, ...]

    @property
    def sampled(self) -> bool:
        """Whether only some were judged."""
        return self.judged + self.unreadable < self.people

    def before(self, verdict: Verdict) -> int:
        """Return how many of those judged have this verdict now."""
        return sum(number for (old, _), number in self.moves.items() if old is verdict)

    def after(self, verdict: Verdict) -> int:
        """Return how many of those judged would have it."""
        return sum(number for (_, new), number in self.moves.items() if new is verdict)

    def of_all(self, number: int) -> Share:
        """Return how many of all people `number` of those judged stand for, at 95 %."""
        if not self.sampled or self.judged == 0:
            return Share(number, number)
        low, high = interval(number, self.judged)
        least, most = number, self.people - (self.judged - number)  # what was seen is so, whatever the interval says
        return Share(max(least, int(low * self.people)), min(most, -int(-high * self.people // 1)))

    @property
    def headline(self) -> str:
        """The whole in a sentence."""
        if self.judged == 0:
            return "Nobody has sent a check that could be judged yet."
        failing = f"{self.missed} of {self.judged} would fail"
        doubt = f", {self.in_doubt} of them within their uncertainty" if self.in_doubt else ""
        if self.in_doubt and self.guarded:
            doubt += " (these stay undecided until they are measured again)"
        if not self.sampled:
            return f"{failing}{doubt}."
        return f"{failing}{doubt}; of all {self.people} people {self.of_all(self.missed).words} (95 % interval)."


@dataclass
class _Tally:
    judged: int = 0
    unreadable: int = 0
    missed: int = 0
    in_doubt: int = 0
    moves: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    by_quantity: dict[str, Counter[Move]] = field(default_factory=dict)
    unasked: Counter[str] = field(default_factory=Counter)
    changed: list[Trial] = field(default_factory=list)

    def add(self, one: Trial) -> None:
        self.judged += 1
        self.missed += one.missed
        self.in_doubt += one.in_doubt
        self.moves[one.before, one.after] += 1
        self.unasked.update(one.unasked)
        for quantity, move in one.moves.items():
            self.by_quantity.setdefault(quantity, Counter())[move] += 1
        if one.before is not one.after:
            self.changed.append(one)
            if len(self.changed) > 2 * NAMED:
                self.changed = _worst(self.changed)


def what_if(
    collector: Collector, db: Connection, program: str, old: Policy, new: Policy, sample: int = SAMPLE
) -> WhatIf:
    """Return what would change if `new` took the place of `old` in a program; `sample` 0 judges everybody."""
    number, chosen = choose(people.each_with_evidence(db, program), sample, program)
    tally, judge = _Tally(), _Judge.of(old, new)
    for person, digest in chosen:
        try:
            tally.add(judge(collector, db, person, digest))
        except (Refused, Problem):  # no longer what was received: its page says so, and nobody is judged by it
            tally.unreadable += 1
        except LookupError:
            number -= 1  # erased meanwhile
    return WhatIf(
        people=number,
        judged=tally.judged,
        unreadable=tally.unreadable,
        missed=tally.missed,
        in_doubt=tally.in_doubt,
        guarded=new.decision_rule == "guarded",
        moves=dict(tally.moves),
        by_quantity={name: dict(moves) for name, moves in sorted(tally.by_quantity.items())},
        unasked=dict(sorted(tally.unasked.items())),
        changed=tuple(_worst(tally.changed)),
    )


@contextmanager
def one_trial() -> Iterator[None]:
    """Wait until nobody else tries a policy. Problem slow-down when that takes too long, or too many wait already."""
    if not _turn():
        raise retry_later("slow-down", "somebody else is trying a policy at the moment", RETRY_SECONDS)
    try:
        yield
    finally:
        _TRYING.release()


def _turn() -> bool:
    """Wait for one's turn; tell whether it came."""
    if not _WAITING.acquire(blocking=False):
        return False
    try:
        return _TRYING.acquire(timeout=WAIT_SECONDS)
    finally:
        _WAITING.release()


def choose(
    everybody: Iterable[tuple[Person, str]], most: int, program: str
) -> tuple[int, Iterator[tuple[Person, str]]]:
    """Return how many there are and at most `most` of them (0: all), each as likely as any other (Vitter, algorithm R).

    The same people are chosen each time, as long as nobody comes or goes.
    """
    draw = random.Random(program)  # noqa: S311 - a sample, and no secret
    kept: list[tuple[Person, str]] = []
    number = 0
    for number, one in enumerate(everybody, 1):
        if not most or number <= most:
            kept.append(one)
        elif (place := draw.randrange(number)) < most:
            kept[place] = one
    return number, iter(kept)


@dataclass(frozen=True)
class _Judge:
    """Both policies, and the new one under the `other` rule: a miss that one rule alone calls a failure is in doubt."""

    old: Policy
    new: Policy
    other: Policy

    @classmethod
    def of(cls, old: Policy, new: Policy) -> _Judge:
        """Return the judge of two policies."""
        rule: DecisionRule = "simple" if new.decision_rule == "guarded" else "guarded"
        return cls(old, new, replace(new, decision_rule=rule))

    def __call__(self, collector: Collector, db: Connection, person: Person, digest: str) -> Trial:
        """Judge one person's evidence. Refused or Problem when it is not what was received, LookupError when gone."""
        stored = evidence_store.find(db, digest)
        if stored is None:
            raise LookupError(digest)
        evidence = results.evidence_in(db, stored)
        standings, _, _ = weigh(collector, db, evidence)
        before, after = (appraise(evidence, policy, digest, standings) for policy in (self.old, self.new))
        missed, in_doubt = self._miss(after.verdict, lambda: appraise(evidence, self.other, digest, standings).verdict)
        moves = _moves(before, after)
        return Trial(
            person,
            digest,
            before.verdict,
            after.verdict,
            missed=missed,
            in_doubt=in_doubt,
            moves=moves,
            unasked=frozenset(name for name, (old, _) in moves.items() if old is None) - _held(evidence),
        )

    def _miss(self, verdict: Verdict, under_the_other: Callable[[], Verdict]) -> tuple[bool, bool]:
        """Return whether a limit is missed, and whether only within the uncertainty.

        The other rule is asked if need be: what fails under the guarded rule fails under the simple one too.
        """
        if self.new.decision_rule == "guarded":
            if verdict is not Verdict.INCONCLUSIVE:
                return verdict is Verdict.FAIL, False
            in_doubt = under_the_other() is Verdict.FAIL
            return in_doubt, in_doubt
        missed = verdict is Verdict.FAIL
        return missed, missed and under_the_other() is not Verdict.FAIL


def _moves(before: AttestationResult, after: AttestationResult) -> dict[str, Move]:
    """Return what is not the same, by quantity; the worst finding of a quantity that is asked for twice."""
    old, new = _by_quantity(before), _by_quantity(after)
    pairs = {name: (old.get(name), new.get(name)) for name in [*new, *(name for name in old if name not in new)]}
    return {name: move for name, move in pairs.items() if move[0] is not move[1]}


def _by_quantity(result: AttestationResult) -> dict[str, Verdict]:
    worst: dict[str, Verdict] = {}
    for finding in result.findings:
        worst[finding.quantity] = max(finding.verdict, worst.get(finding.quantity, finding.verdict))
    return worst


def _held(evidence: Evidence) -> frozenset[str]:
    measured = {found.quantity.name for run in evidence.runs for found in run.measurements}
    return frozenset(measured | {f"declaration.{one.id}" for one in evidence.declarations})


def _worst(trials: Iterable[Trial]) -> list[Trial]:
    """Return at most `NAMED`, those who get worse first, by how much."""
    return sorted(trials, key=lambda one: (one.before - one.after, -one.after, one.person.name))[:NAMED]
