"""How many people stand how, by requirement and by what their homes have in common: each person counts once, by the
check received last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.appraisal import Verdict
from homecheck.collector.store import tally
from homecheck.collector.store.connection import Connection
from homecheck.collector.store.overview import RANKS
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.tally import GROUPS

WORST: Final = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.WARN)
MOST_GROUPS: Final = 24  # of one kind on the page: the hours of a day
Ranks = dict[str, Counter[int]]  # how many people by name and rank


@dataclass(frozen=True)
class RequirementCount:
    """How many people one requirement concerns; `near`: the value is near its limit, whatever the verdict."""

    quantity: str
    failed: int
    inconclusive: int
    warned: int
    near: int


@dataclass(frozen=True)
class Group:
    """People whose homes have something in common."""

    name: str
    people: int
    failed: int
    inconclusive: int

    @property
    def share(self) -> float:
        """The share of those who fail, 0 to 1."""
        return self.failed / self.people


@dataclass(frozen=True)
class Fleet:
    """Everybody who was checked in a period."""

    verdicts: dict[str, int]
    requirements: tuple[RequirementCount, ...]
    groups: dict[str, tuple[Group, ...]]

    @property
    def people(self) -> int:
        """How many were checked."""
        return sum(self.verdicts.values())


def fleet(db: Connection, scope: Scope, now: datetime, program: str = "", days: int = 0) -> Fleet:
    """Return the counts of one program or of all in a scope; `days`: of people whose last check is at most so old."""
    since = tally.first_moment(now, days) // tally.DAY if days else 0
    found: dict[str, Ranks] = defaultdict(lambda: defaultdict(Counter))
    for (kind, name, rank), people in tally.counts(db, scope, program, since).items():
        found[kind][name][rank] += people
    everybody = sum(found[GROUPS[0]].values(), Counter())
    verdicts = {verdict.word: everybody[rank] for verdict, rank in RANKS.items() if everybody[rank]}
    return Fleet(verdicts, _requirements(found), {kind: _groups(kind, found[kind]) for kind in GROUPS})


def _requirements(found: dict[str, Ranks]) -> tuple[RequirementCount, ...]:
    near = found[tally.NEAR]
    made = []
    for quantity, its in found[tally.CONCERN].items():
        failed, inconclusive, warned = (its[RANKS[verdict]] for verdict in WORST)
        made.append(RequirementCount(quantity, failed, inconclusive, warned, near[quantity].total()))
    return tuple(sorted(made, key=lambda one: (-one.failed, -one.inconclusive, -one.warned, one.quantity)))


def _groups(kind: str, found: Ranks) -> tuple[Group, ...]:
    """Return the groups of one kind: hours in their order, else the largest ones, largest first."""
    ranks = (RANKS[Verdict.FAIL], RANKS[Verdict.INCONCLUSIVE])
    made = [Group(name, its.total(), *(its[rank] for rank in ranks)) for name, its in found.items()]
    if kind == "hour":
        return tuple(sorted(made, key=lambda group: int(group.name)))
    return tuple(sorted(made, key=lambda group: (-group.people, group.name))[:MOST_GROUPS])
