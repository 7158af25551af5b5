"""Which probes and quantities one check measures: `--only` and `--skip`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from homecheck.agent import Collected
from homecheck.errors import SetupError
from homecheck.measurement import CheckSetup, Probe
from homecheck.remedy import is_needed_for


def build_probes(setup: CheckSetup, only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Probe]:
    """Return the probes of a check, without those that `only` and `skip` leave out. SetupError when none is left.

    Those that measure nothing of what the setup says is asked for are left out as well.
    """
    from probes import installed  # here: probes bring their own packages, which other commands need not load

    built = [probe.for_check(setup) for probe in installed()]
    chosen = [probe for probe in built if any(wanted(probe.name, found.name, only, skip) for found in probe.quantities)]
    if not chosen:
        raise SetupError("--only and --skip leave nothing to measure", "See: homecheck probes")
    return [probe for probe in chosen if _is_asked_for(probe, setup.asked, only, skip)]


def _is_asked_for(probe: Probe, asked: frozenset[str] | None, only: Sequence[str], skip: Sequence[str]) -> bool:
    """Tell whether a probe measures something that is asked for and wanted; a policy may ask questions alone."""
    if asked is None or is_needed_for(probe.name, asked):
        return True
    return any(found.name in asked and wanted(probe.name, found.name, only, skip) for found in probe.quantities)


def wanted(probe: str, quantity: str, only: Sequence[str], skip: Sequence[str]) -> bool:
    """Tell whether a quantity is to be measured; a pattern speaks of probes and of quantities."""

    def match(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for name in (probe, quantity) for pattern in patterns)

    return (not only or match(only)) and not match(skip)


def keep_wanted(collected: Collected, only: Sequence[str], skip: Sequence[str]) -> Collected:
    """Return what was collected without the quantities that `only` and `skip` leave out."""
    runs = (
        replace(run, measurements=tuple(m for m in run.measurements if wanted(run.probe, m.quantity.name, only, skip)))
        for run in collected.runs
    )
    return replace(collected, runs=tuple(runs))
