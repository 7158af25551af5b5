"""One question to the system: what it answers, or the same failure for everything that it still owes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from homecheck.errors import ProbeError
from homecheck.measurement import Measurement, Quantity


def attempt(quantities: tuple[Quantity, ...], measure: Callable[[], Iterator[Measurement]]) -> Iterator[Measurement]:
    """Yield what `measure` yields; what it still owes when it raises ProbeError is failed."""
    owed = {quantity.name: quantity for quantity in quantities}
    try:
        for found in measure():
            owed.pop(found.quantity.name)
            yield found
    except ProbeError as error:
        yield from (Measurement.failed(quantity, error) for quantity in owed.values())
