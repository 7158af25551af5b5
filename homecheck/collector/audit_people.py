"""People and their invitations: every row against the events that tell of it, and against who has used it.

The event of an invitation names its code by a part of the digest; older ones do not, and count by all else they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from homecheck.collector.audit_defect import NO_ERASURE, Defect, differences
from homecheck.collector.audit_devices import EVENT, Enrolled
from homecheck.collector.enrolment import DIGEST_SHOWN, WITHDRAWN, invited_detail
from homecheck.collector.store.connection import Connection, Row

NUMBER: Final = "phone-on-file"
NAMING: Final = ("invited", NUMBER, "mail-on-file")  # events about a name; the first of a person came with the row


def people(db: Connection) -> Iterator[Defect]:
    """Yield the people who were not invited as they stand there, and those who were and are gone."""
    named = [event for kind in NAMING for event in _events(db, kind)]
    invited: dict[str, list[Row]] = {}
    for event in sorted(named, key=lambda event: event["position"] or 0):
        invited.setdefault(event["person"], []).append(event)
    numbers = {event["person"]: event["detail"] for event in _events(db, NUMBER)}
    for row in db.execute("SELECT * FROM person ORDER BY id").fetchall():
        what = f"person {row['id']}"
        if (told := invited.pop(row["id"], None)) is None:
            yield Defect("inserted", what, "no event tells that anybody invited this person")
            continue
        said = {"program": told[0]["program"], "name": told[-1]["about"], "created_at": told[0]["at"]}
        yield from differences(what, row, {**said, "folded": said["name"].casefold()}, EVENT)
        yield from _number(what, row["phone"], numbers.get(row["id"]))
    for person, told in invited.items():
        yield Defect("removed", f"person {person}", NO_ERASURE, told[0]["position"])


def _number(what: str, phone: str | None, told: str | None) -> Iterator[Defect]:
    """Yield a number on file that does not end as the event says; the log holds no more of it."""
    on_file = f"ends with {phone[-2:]}" if phone else None
    if on_file != told:
        yield Defect("changed", what, f"phone: the row's {on_file or 'is missing'}, {EVENT}: {told or 'there is none'}")


def invitations(db: Connection, enrolled: Mapping[str, Enrolled]) -> Iterator[Defect]:
    """Yield the invitations that no event tells of as they stand there, or that another key has used."""
    by_code, unnamed = _told(db)
    devices = {row["kid"]: row for row in db.execute("SELECT kid, enrolled_at FROM device")}
    users = {one.code_sha256: devices[kid] for kid, one in enrolled.items() if one.code_sha256 and kid in devices}
    for row in db.execute("SELECT * FROM invite ORDER BY created_at, code_sha256").fetchall():
        what = f"invitation {row['code_sha256'][:DIGEST_SHOWN]}"
        if (event := by_code.pop(row["code_sha256"][:DIGEST_SHOWN], None)) is not None:
            yield from _against_event(what, row, event)
        elif unnamed[_facts(row)] > 0:
            unnamed[_facts(row)] -= 1
        else:
            yield Defect("inserted", what, "no event tells of it as it stands there")
        user = users.get(row["code_sha256"])
        used = {"kid": user["kid"] if user else None, "redeemed_at": user["enrolled_at"] if user else None}
        yield from differences(what, row, used, "the key that used it" if user else "every key")
    for shown, event in by_code.items():
        yield Defect("removed", f"invitation {shown}", NO_ERASURE, event["position"])
    for program, person, at, *_ in +unnamed:
        yield Defect("removed", f"invitation of person {person} to {program}, made at {at}", NO_ERASURE)


def _against_event(what: str, row: Row, event: Row) -> Iterator[Defect]:
    said = {"program": event["program"], "person": event["person"], "created_at": event["at"]}
    yield from differences(what, row, {**said, "created_by": event["actor"]}, EVENT)
    if invited_detail(row["expires_at"], row["code_sha256"]) != event["detail"]:
        message = f"expires_at: the row says {row['expires_at']!r:.80}, {EVENT} says {event['detail']!r:.120}"
        yield Defect("changed", what, message)


def _told(db: Connection) -> tuple[dict[str, Row], Counter[tuple[str, ...]]]:
    """Return the events of invitations by what they show of the code, and how often those are that show nothing.

    One that was withdrawn since is none.
    """
    by_code: dict[str, Row] = {}
    unnamed: Counter[tuple[str, ...]] = Counter()
    for event in _events(db, "invited"):
        until, _, shown = event["detail"].removeprefix("valid until ").partition("; its code has the digest ")
        if shown:
            by_code[shown] = event
        else:
            unnamed[event["program"], event["person"], event["at"], event["actor"], until] += 1
    for event in _events(db, WITHDRAWN):
        by_code.pop(event["about"], None)
    return by_code, unnamed


def _facts(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("program", "person", "created_at", "created_by", "expires_at"))


def _events(db: Connection, kind: str) -> list[Row]:
    found: list[Row] = db.execute("SELECT * FROM event WHERE kind = ? ORDER BY position", (kind,)).fetchall()
    return found
