"""Python's search for rings of garbage, set to what a collector leaves behind: next to none.

An upload is several hundred objects that end with it by themselves. Python looks for rings after every 700 new ones, so
twice during a few uploads, and now and then through everything that was ever imported, which stops all others for that
time.
"""

from __future__ import annotations

import gc
from typing import Final

# New objects before the youngest are looked at, and how often that is done before older ones are (gc.set_threshold).
THRESHOLDS: Final = (20_000, 20, 20)


def spare_what_lasts() -> None:
    """Leave what is there now out of every search, and search less often. To be called when a server has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
