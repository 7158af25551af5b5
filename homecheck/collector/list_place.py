"""Where the next page of the list of people begins, as an address holds it."""

from __future__ import annotations

import json
from typing import Any, Final

from homecheck.collector.store.roster import Order
from homecheck.errors import Refused
from homecheck.measurement import check_json
from homecheck.signing import base64url, decode_base64url

NUMBERS: Final = ("rank", "failing_since", "due", "received")  # the columns of an order that are no texts
MAX_PLACE: Final = 2_000  # characters


def to_text(place: tuple[Any, ...]) -> str:
    """Return a place in the list as an address has it."""
    return base64url(json.dumps(place).encode("utf-8"))


def from_text(text: str, order: Order) -> tuple[Any, ...]:
    """Return the place in an address; nothing, which is the beginning, for what no page of ours has written."""
    try:
        found = json.loads(decode_base64url(text[:MAX_PLACE])) if text else []
        check_json(found, "place")  # numbers and texts that a database takes
    except (Refused, ValueError, RecursionError):
        return ()
    if not isinstance(found, list) or len(found) != len(order.columns):
        return ()
    kinds = [int if column in NUMBERS else str for column in order.columns]
    return tuple(found) if all(type(one) is kind for one, kind in zip(found, kinds, strict=True)) else ()
