"""The record of events: what was changed, by whom, and what looks like an attack."""

from __future__ import annotations

from typing import Final

from homecheck.collector.api.operation import (
    BOOLEAN,
    INTEGER,
    LIMITED,
    OF_PROGRAM,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    lists,
    moment,
    nullable,
    objects,
    text,
)
from homecheck.collector.rights import Right
from homecheck.collector.store import events
from homecheck.collector.store.events import Event, Wanted
from homecheck.standards.rfc_3339 import to_text

_DAY_OR_TIME: Final = text(r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?$", 30)
_EVENT: Final = objects(
    at=moment(), kind=TEXT, security=BOOLEAN, actor=TEXT, source_address=TEXT, token=TEXT, program=nullable(TEXT),
    person=nullable(TEXT), about=TEXT, detail=TEXT, before=TEXT, after=TEXT,
)  # fmt: skip


def list_events(call: Call) -> Json:
    """List events, the latest first."""
    query = call.query
    fields = {name: query.get(name, "") for name in ("kind", "actor", "program", "since", "until")}
    wanted = Wanted(**fields, security=query.get("security") == "true")
    before = int(query["before"]) if "before" in query else None
    found = events.numbered(call.db, call.scope(Right.WATCH), wanted, limit=call.limit + 1, before=before)
    shown = found[: call.limit]
    return {
        "events": [event_members(event) for _, event in shown],
        "next": shown[-1][0] if len(found) > call.limit else None,
    }


def event_members(event: Event) -> Json:
    """Return an event as JSON members."""
    return {name: to_text(event.at) if name == "at" else getattr(event, name) for name in _EVENT["properties"]}


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/events", "listEvents", "What was changed, by whom, and what looks like an attack",
        Right.WATCH, list_events, objects(events=lists(_EVENT), next=nullable(INTEGER)),
        (
            OF_PROGRAM,
            Parameter("kind", "query", "One kind of event.", text()),
            Parameter("actor", "query", "Who did it.", text()),
            Parameter("security", "query", "true: security events alone.",
                      {"type": "string", "enum": ["true", "false"]}),
            Parameter("since", "query", "From this day or time on, UTC.", _DAY_OR_TIME),
            Parameter("until", "query", "Before this day or time, UTC.", _DAY_OR_TIME),
            Parameter("before", "query", "The `next` of the answer before.",
                      {"type": "integer", "minimum": 0, "maximum": 2**53}),
            LIMITED,
        ),
    ),
)  # fmt: skip
