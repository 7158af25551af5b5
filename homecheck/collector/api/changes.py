"""What is another thing at a person's latest check: than at the check before, and than when they began."""

from __future__ import annotations

from typing import Final

from homecheck.collector.api.operation import (
    ID,
    INTEGER,
    TEXT,
    Call,
    Json,
    Operation,
    at,
    lists,
    moment,
    nullable,
    objects,
)
from homecheck.collector.api.people import seen
from homecheck.collector.changes import changes
from homecheck.collector.course import LATEST, Step, course
from homecheck.collector.onboarding import BEGINNING, SinceOnboarding, since_onboarding
from homecheck.collector.pages import quantity_label
from homecheck.collector.rights import Right
from homecheck.drift import KINDS

_CHECK: Final = objects(digest=TEXT, received_at=moment())
_KIND: Final = {"type": "string", "enum": list(KINDS)}
_NO_MEASUREMENT: Final = "null for what is none: the device key, the system, homecheck."


def show_changes(call: Call) -> Json:
    """Show what the dashboard shows of it, read from the signed bytes; null where there is nothing to compare with."""
    who = seen(call)
    way = course(call.db, who.id, limit=LATEST)
    first = course(call.db, who.id, limit=BEGINNING, earliest=True)
    return {
        "check": _check(way.steps[-1]) if way.steps else None,
        "since_check_before": _since_before(*way.steps[-2:]) if len(way.steps) > 1 else None,
        "since_onboarding": _since_onboarding(since_onboarding(first.steps, way.steps)),
        "damaged": way.damaged,
    }


def _check(step: Step) -> Json:
    return {"digest": step.digest, "received_at": at(step.received_at)}


def _since_before(before: Step, after: Step) -> Json:
    return {
        **_check(before),
        "changes": [
            {
                "label": one.label or quantity_label(one.quantity),
                "quantity": one.quantity or None,
                "before": one.before,
                "after": one.after,
            }
            for one in changes(before, after)
        ],
    }


def _since_onboarding(found: SinceOnboarding | None) -> Json | None:
    if found is None:
        return None
    return {
        "first_at": at(found.first_at),
        "changes": [
            {"kind": one.kind, "quantity": one.quantity, "before": one.before, "after": one.after}
            for one in found.changes
        ],
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/people/{id}/changes", "showChanges",
        "What is another thing at a person's latest check: than at the one before, and than at the first that is kept",
        Right.READ, show_changes,
        objects(
            check=nullable(_CHECK),
            since_check_before=nullable(objects(
                digest=TEXT, received_at=moment(),
                changes=lists(objects(
                    label=TEXT, quantity={**nullable(TEXT), "description": _NO_MEASUREMENT}, before=TEXT, after=TEXT,
                )),
            )),
            since_onboarding=nullable(objects(
                first_at=moment(), changes=lists(objects(kind=_KIND, quantity=TEXT, before=TEXT, after=TEXT)),
            )),
            damaged=INTEGER,
        ),
        (ID,), refusals=("not-found",),
    ),
)  # fmt: skip
