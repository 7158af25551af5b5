"""What was measured so far in this sitting: of a probe that ran several times, the run that is founded best.

A run counts over another when it answers more of what is asked for, or comes with the far end's own statement; between
equals the newest counts, whatever its values are: nobody picks the nicest. Where a policy judges several runs, the
others count as its rule says; they are in the history (`homecheck.history`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from homecheck.agent import Collected
from homecheck.callback import is_confirmation
from homecheck.evidence import ProbeRun

OBSERVED = ("network", "callback")  # the probes beside which another side's statement comes


@dataclass(frozen=True)
class KeptRun:
    """One probe's run and what others signed about it."""

    run: ProbeRun
    observations: tuple[str, ...] = ()

    def founded(self, asked: frozenset[str]) -> tuple[int, int]:
        """Return how well it is founded: how much of what is asked it answers, and how many others vouch for it."""
        answered = sum(found.failure is None for found in self.run.measurements if found.quantity.name in asked)
        return answered, len(self.observations)


@dataclass(frozen=True)
class Kept:
    """The best-founded run of each probe, by the probe's name, and how many there were.

    `missed` holds newest runs that do not count, because they answer less: somebody wants to know why.
    """

    runs: Mapping[str, KeptRun] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    missed: Mapping[str, ProbeRun] = field(default_factory=dict)

    def with_runs(self, collected: Collected, asked: frozenset[str]) -> Kept:
        """Return what is kept once these runs have been added."""
        runs, counts, missed = dict(self.runs), dict(self.counts), dict(self.missed)
        for run in collected.runs:
            new = KeptRun(run, tuple(_beside(run, collected.observations)))
            old = runs.get(run.probe)
            if old is None or new.founded(asked) >= old.founded(asked):
                runs[run.probe] = new
                missed.pop(run.probe, None)
            else:
                missed[run.probe] = run
            counts[run.probe] = counts.get(run.probe, 0) + 1
        return replace(self, runs=runs, counts=counts, missed=missed)

    def collected(self) -> Collected:
        """Return all of it as one check. ValueError when nothing was measured."""
        kept = sorted(self.runs.values(), key=lambda one: one.run.started_at)
        if not kept:
            raise ValueError("nothing was measured")
        started = kept[0].run.started_at
        finished = max(one.run.started_at + timedelta(seconds=one.run.seconds) for one in kept)
        observations = tuple(text for one in kept for text in one.observations)
        return Collected(started, finished, tuple(one.run for one in kept), observations)


def _beside(run: ProbeRun, observations: Iterable[str]) -> Iterable[str]:
    """Yield the statements that belong to a run: the collector's to a call, the far end's to the network."""
    if run.probe not in OBSERVED:
        return
    for text in observations:
        if is_confirmation(text) == (run.probe == "callback"):
            yield text
