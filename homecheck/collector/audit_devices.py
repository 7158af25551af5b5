"""Device keys: every row against the document that enrolled the key, its invitation, and the events that tell of it.

A key that was enrolled before there were events of it has none, and is held against the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck import rotation
from homecheck.collector.audit_defect import NO_ERASURE, Defect, differences
from homecheck.collector.devices import RETIRED
from homecheck.collector.enrolment import ENROLLED, read_document
from homecheck.collector.store.connection import Connection, Row
from homecheck.collector.store.people import secret_hash
from homecheck.errors import Refused
from homecheck.signing import ENROLMENT, PublicKey, verify_own_key

EVENT: Final = "the event in the log"


@dataclass(frozen=True)
class Enrolled:
    """What the document says that enrolled a key: its own, with an invitation's code, or its forerunner's (None)."""

    key: PublicKey
    software: str
    key_store: str
    code_sha256: str | None


def read_documents(db: Connection, defects: list[Defect]) -> dict[str, Enrolled]:
    """Return what enrolled each device key, by the key's name, and add to `defects` what is not genuine."""
    found: dict[str, Enrolled] = {}
    for row in db.execute(_FORERUNNERS_FIRST).fetchall():
        try:
            found[row["kid"]] = _read(row, found)
        except Refused as error:
            message = f"the document that enrolled it is not genuine: {error.message}"
            defects.append(Defect("signature", f"device key {row['kid']}", message))
    return found


_FORERUNNERS_FIRST: Final = """
WITH RECURSIVE line (kid, depth) AS (
    SELECT kid, 0 FROM device WHERE replaces IS NULL
    UNION ALL SELECT device.kid, depth + 1 FROM device JOIN line ON device.replaces = line.kid)
SELECT device.kid, device.enrolment, device.replaces
FROM device LEFT JOIN line ON line.kid = device.kid ORDER BY depth, device.kid
"""


def _read(row: Row, found: Mapping[str, Enrolled]) -> Enrolled:
    if row["replaces"] is not None:
        heir = rotation.read(row["enrolment"], row["replaces"], {kid: one.key for kid, one in found.items()}.get)
        _refuse_another(heir.key, row["kid"])
        return Enrolled(heir.key, heir.software, heir.store, None)
    _, key = verify_own_key(row["enrolment"], ENROLMENT)
    _refuse_another(key, row["kid"])
    wanted, _ = read_document(row["enrolment"])
    return Enrolled(key, wanted.software, wanted.key_store, secret_hash(wanted.code))


def _refuse_another(key: PublicKey, kid: str) -> None:
    if key.kid != kid:
        raise Refused("other-device", f"it enrolled the key {key.kid}")


def devices(db: Connection, enrolled: Mapping[str, Enrolled]) -> Iterator[Defect]:
    """Yield what is wrong with the rows of device keys, one key after the other, and the keys that are gone."""
    events = _Events.of(db)
    owners = {row["id"]: row for row in db.execute("SELECT id, program, name FROM person")}
    invites = {row["code_sha256"]: row for row in db.execute("SELECT * FROM invite")}
    kids = set()
    for row in db.execute("SELECT * FROM device ORDER BY enrolled_at, kid").fetchall():
        kids.add(row["kid"])
        what = f"device key {row['kid']}"
        owner = owners.get(row["person"])
        yield from differences(what, row, {"program": owner["program"] if owner else None}, "the person's row")
        if (document := enrolled.get(row["kid"])) is not None:
            yield from _against_document(what, row, document)
            if document.code_sha256 is not None:
                yield from _against_invitation(what, row, invites.get(document.code_sha256))
        yield from _against_events(what, row, events, owner["name"] if owner else "")
    for kid, event in events.enrolled.items():
        if kid not in kids:
            yield Defect("removed", f"device key {kid}", NO_ERASURE, event["position"])


def _against_document(what: str, row: Row, document: Enrolled) -> Iterator[Defect]:
    said = {"software": document.software, "key_store": document.key_store}
    yield from differences(what, row, said, "what it signed")
    try:
        same = PublicKey.from_jwk(json.loads(row["jwk"])) == document.key
    except (Refused, ValueError, RecursionError):
        same = False
    if not same:
        yield Defect("changed", what, "jwk: the row holds another key than the one that enrolled")


def _against_invitation(what: str, row: Row, invite: Row | None) -> Iterator[Defect]:
    if invite is None:
        yield Defect("inserted", what, "the invitation that it was enrolled with is not there")
        return
    said = {"program": invite["program"], "person": invite["person"]}
    yield from differences(what, row, said, "its invitation")


@dataclass(frozen=True)
class _Events:
    """The events that tell of keys, each by the key that it is about; the first one of its kind counts."""

    enrolled: Mapping[str, Row]
    rotated: Mapping[str, Row]
    revoked: Mapping[str, Row]

    @classmethod
    def of(cls, db: Connection) -> _Events:
        return cls(_about(db, (ENROLLED,)), _about(db, ("key-rotated",)), _about(db, ("device-revoked", "key-retired")))

    @property
    def since(self) -> str | None:
        """From when on there is an event of every enrolment."""
        return min((event["at"] for event in self.enrolled.values()), default=None)


def _about(db: Connection, kinds: tuple[str, ...]) -> dict[str, Row]:
    latest_first = [row for kind in kinds for row in db.execute(_OF_KIND, (kind,))]
    latest_first.sort(key=lambda row: row["position"] or 0, reverse=True)
    return {row["about"]: row for row in latest_first}


_OF_KIND: Final = "SELECT * FROM event WHERE kind = ?"


def _against_events(what: str, row: Row, events: _Events, owner: str) -> Iterator[Defect]:
    own = events.enrolled.get(row["kid"]) if row["replaces"] is None else events.rotated.get(row["replaces"])
    if own is not None:
        said = {name: own[name] for name in ("program", "person", "source_address")}
        yield from differences(what, row, {**said, "enrolled_at": own["at"]}, EVENT)
    elif row["replaces"] is not None or (events.since is not None and row["enrolled_at"] >= events.since):
        yield Defect("inserted", what, "no event tells that it was enrolled")
    rotated, revoked = events.rotated.get(row["kid"]), events.revoked.get(row["kid"])
    yield from _moment(what, row, "replaced", rotated)
    yield from _moment(what, row, "revoked", revoked)
    if revoked is not None:
        yield from _reason(what, row, revoked, owner)


def _moment(what: str, row: Row, happened: str, event: Row | None) -> Iterator[Defect]:
    at = None if event is None else event["at"]
    if row[f"{happened}_at"] != at:
        message = f"{happened}: the row says {row[f'{happened}_at'] or 'never'}, {EVENT} says {at or 'never'}"
        yield Defect("changed", what, message)


def _reason(what: str, row: Row, event: Row, owner: str) -> Iterator[Defect]:
    """Yield a reason that is not the event's, whose detail is ``of NAME`` or ``of NAME: REASON``.

    A name may hold a colon itself.
    """
    reason, detail = row["revoked_reason"], event["detail"]
    if event["kind"] == "key-retired":
        good = reason == RETIRED
    else:
        good = detail.endswith(f": {reason}") if reason else ": " not in detail.removeprefix(f"of {owner}")
    if not good:
        message = f"revoked: the row's reason is {reason!r:.80}, {EVENT} says {detail!r:.80}"
        yield Defect("changed", what, message)
