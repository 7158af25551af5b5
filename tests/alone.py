"""What runs alone, and what runs beside other tests: the one place where that is told.

`tools/tests.py` runs the suite in two phases: first, a few at a time, the files that share nothing on this machine;
then, one after the other, what needs the machine for itself, because it measures time, throughput or sound.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

FOLDERS: Final = (
    "tests/homecheck/instruments/test_",  # delays, rates and clocks; what is below it (audio, host, security) is not
    "tests/homecheck/responder/",  # rates, limits in seconds, memory
    "tests/probes/test_network",  # the same
    "tests/probes/test_path",
    "tests/homecheck/test_slow_clients.py",  # counts what a process may open
    "tests/homecheck/collector/test_bench.py",  # measures throughput
    "tests/homecheck/collector/test_hanging_database.py",  # answers within seconds
    "tests/homecheck/collector/api/test_openapi.py",  # schemathesis calls its tests alike: see `mark`
    "tests/homecheck/ui/test_live.py",  # the speed of a line
    "tests/test_main_job.py",  # a whole check with network and sound
)
MARKERS: Final = ("audio", "namespaces")
BESIDE: Final = ("tests/test_rechecks_under_cron.py",)  # it waits for cron's minute, in namespaces of its own
FIXTURES: Final = {"sound_card": "audio", "chromium": "browser"}


def is_alone(item: pytest.Item) -> bool:
    """Tell whether a test needs the machine for itself."""
    if item.nodeid.startswith(BESIDE):
        return False
    return item.nodeid.startswith(FOLDERS) or any(item.get_closest_marker(name) for name in MARKERS)


def mark(items: list[pytest.Item]) -> None:
    """Mark each test by what it asks for, and those that run alone. No two that do not may have one name."""
    for item in items:
        for fixture, marker in FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
        if is_alone(item):
            item.add_marker("alone")
    check_names(items)


def check_names(items: list[pytest.Item]) -> None:
    """Raise UsageError where two tests that run beside others have one name: pytest-xdist would run one of them."""
    names = Counter(item.nodeid for item in items if not is_alone(item))
    if twice := sorted(name for name, number in names.items() if number > 1):
        raise pytest.UsageError(
            f"more than one test is called {', '.join(twice)}: name them apart, or in tests/alone.py"
        )
