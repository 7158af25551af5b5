"""The search for garbage passes over what lasts, and still finds rings."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: what it sets is for the whole of one.
SCRIPT = """
import gc, weakref
from homecheck.collector.garbage import THRESHOLDS, spare_what_lasts

class Ring:
    pass

spare_what_lasts()
print(gc.get_freeze_count() > 1_000, gc.get_threshold() == THRESHOLDS)
ring = Ring()
ring.itself = ring
gone = weakref.ref(ring)
del ring
kept = [[] for _ in range(THRESHOLDS[0] + 1)]
print(gone() is None)
"""


def test_what_lasts_is_passed_over_and_rings_are_still_found() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.split() == ["True", "True", "True"], found.stderr
