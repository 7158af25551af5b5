"""Which entries of the log were erased, as events name them: runs of positions, ``0-3 7 9-10``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

ERASED: Final = "erased"  # the kind of these events
RUNS_NAMED: Final = 100  # by one event: an index of PostgreSQL takes no row of more than 2,704 bytes


def named(positions: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Yield what events name of positions, ascending, some runs each, with how many positions these are.

    Nothing is named once as well: somebody may be erased of whom the log holds nothing.
    """
    yield from named_runs(_runs(positions))


def named_runs(runs: Sequence[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """Yield the same of runs, each from its first position to its last."""
    for at in range(0, max(len(runs), 1), RUNS_NAMED):
        part = runs[at : at + RUNS_NAMED]
        yield _written(part), sum(last - first + 1 for first, last in part)


def read_runs(about: str) -> list[tuple[int, int]]:
    """Return the runs in ``0-3 7``. ValueError for what names none."""
    parts = (word.partition("-") for word in about.split())
    return [(int(first), int(last or first)) for first, _, last in parts]


def ranges(positions: Iterable[int]) -> str:
    """Return positions, ascending, as ``0-3 7 9-10``."""
    return _written(_runs(positions))


def _runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for one in positions:
        if runs and runs[-1][1] == one - 1:
            runs[-1] = (runs[-1][0], one)
        else:
            runs.append((one, one))
    return runs


def _written(runs: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)
