"""Whom this collector writes to: receivers of webhooks and people's addresses, each row against its events.

Who could move them by hand would be told what happens here, and get other people's invitations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from homecheck.collector.audit_defect import NO_ERASURE, Defect, differences
from homecheck.collector.audit_devices import EVENT
from homecheck.collector.contacts import FORGOTTEN
from homecheck.collector.letters import ON_FILE, contact_detail
from homecheck.collector.store.connection import Connection, Row
from homecheck.collector.store.mail import Contact
from homecheck.collector.webhooks import ADDED, GIVEN_UP, GONE_DETAIL, REMOVED, ROTATED

_EVENTS: Final = "SELECT * FROM event WHERE kind = ? AND position IS NOT NULL ORDER BY position"


def webhooks(db: Connection) -> Iterator[Defect]:
    """Yield the receivers that nobody added as they stand there, and those that are gone."""
    added = {event["about"]: event for event in _events(db, ADDED)}
    rotated: dict[str, list[str]] = {}
    for event in _events(db, ROTATED):
        rotated.setdefault(event["about"], []).append(event["at"])
    standing = _standing(db)
    for row in db.execute("SELECT * FROM webhook ORDER BY created_at, id").fetchall():
        what = f"webhook {row['id']}"
        if row["id"] not in added:
            yield Defect("inserted", what, "no event tells that anybody added it")
            continue
        event = added.pop(row["id"])
        if event["detail"] != (said := f"{row['url']} {row['kinds']}"):
            yield Defect("changed", what, f"the row says {said!r:.200}, {EVENT} says {event['detail']!r:.200}")
        times = rotated.get(row["id"], [])
        yield from differences(
            what,
            row,
            {
                "program": event["program"],
                "created_at": event["at"],
                "created_by": event["actor"],
                "generation": 1 + len(times),
                "rotated_at": times[-1] if times else None,
                "standing": standing.get(row["id"], "on"),
            },
            EVENT,
        )
    for webhook, event in added.items():
        yield Defect("removed", f"webhook {webhook}", "an event tells of it, and it is not there", event["position"])


def _standing(db: Connection) -> dict[str, str]:
    """Return by receiver that it wanted nothing more, or was removed, which counts last."""
    gone = {event["about"]: "gone" for event in _events(db, GIVEN_UP) if event["detail"] == GONE_DETAIL}
    return gone | {event["about"]: "removed" for event in _events(db, REMOVED)}


def contacts(db: Connection) -> Iterator[Defect]:
    """Yield the people whose letters go elsewhere than the last event of their address tells."""
    told = {event["person"]: event for event in _events(db, ON_FILE)}
    for ended in _events(db, FORGOTTEN):
        if ended["person"] in told and ended["position"] > told[ended["person"]]["position"]:
            del told[ended["person"]]
    for row in db.execute("SELECT * FROM contact ORDER BY person").fetchall():
        what = f"mail address of person {row['person']}"
        if (event := told.pop(row["person"], None)) is None:
            yield Defect("inserted", what, "no event tells that it was put on file")
            continue
        said = contact_detail(row["person"], Contact(row["address"], row["timezone"], row["language"]))
        if event["detail"] and event["detail"] != said:  # older events say nothing of it
            yield Defect("changed", what, f"the row's {said.removeprefix('it ')}, {EVENT} says {event['detail']!r:.80}")
    for person, event in told.items():
        yield Defect("removed", f"mail address of person {person}", NO_ERASURE, event["position"])


def _events(db: Connection, kind: str) -> list[Row]:
    return list(db.execute(_EVENTS, (kind,)).fetchall())
