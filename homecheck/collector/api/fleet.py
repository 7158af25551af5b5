"""What keeps people from working, in numbers: by requirement, and by what homes have in common."""

from __future__ import annotations

from typing import Final

from homecheck.collector.api.operation import (
    INTEGER,
    OF_PROGRAM,
    TEXT,
    VERDICTS,
    Call,
    Json,
    Operation,
    Parameter,
    lists,
    objects,
)
from homecheck.collector.rights import Right
from homecheck.collector.store.fleet import Group, fleet

KINDS: Final = ("link", "region", "hour", "system", "software")  # what homes have in common
_REQUIREMENT: Final = objects(quantity=TEXT, failed=INTEGER, inconclusive=INTEGER, warned=INTEGER, near=INTEGER)
_GROUP: Final = objects(name=TEXT, people=INTEGER, failed=INTEGER, inconclusive=INTEGER)


def show_fleet(call: Call) -> Json:
    """Count how everybody stands by the check received last."""
    days = int(call.query.get("days", 0))
    found = fleet(call.db, call.scope(), call.now, call.query.get("program", ""), days)
    return {
        "people": found.people,
        "verdicts": {word: found.verdicts.get(word, 0) for word in VERDICTS},
        "requirements": [
            {name: getattr(one, name) for name in _REQUIREMENT["properties"]} for one in found.requirements
        ],
        "groups": {kind: [_group(one) for one in found.groups[kind]] for kind in KINDS},
    }


def _group(one: Group) -> Json:
    return {name: getattr(one, name) for name in _GROUP["properties"]}


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/fleet", "showFleet", "How many people fail, by requirement, link, region, hour and system",
        Right.READ, show_fleet,
        objects(
            people=INTEGER, verdicts=objects(**dict.fromkeys(VERDICTS, INTEGER)), requirements=lists(_REQUIREMENT),
            groups=objects(**dict.fromkeys(KINDS, lists(_GROUP))),
        ),
        (
            OF_PROGRAM,
            Parameter("days", "query", "Of people whose latest check is at most so many days old.",
                      {"type": "integer", "minimum": 1, "maximum": 3660}),
        ),
    ),
)  # fmt: skip
