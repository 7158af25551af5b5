"""RFC 5481: packet delay variation, measured from the fastest packet of the run (section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence


def delay_variation(delays: Sequence[float]) -> list[float]:
    """Return PDV(i) = delay(i) - the least delay of the run, in the unit of `delays`; a constant offset cancels."""
    least = min(delays, default=0.0)
    return [delay - least for delay in delays]
