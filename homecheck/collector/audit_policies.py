"""Programs, policies and responders: every row against the event that tells of it, and against what was judged by it.

A policy's digest stands in its event and in every receipt and result, so a limit or a text that is edited afterwards
is found, and so is a version that is removed, or put in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from homecheck.collector.audit_defect import Defect, differences
from homecheck.collector.audit_devices import EVENT
from homecheck.collector.credential_digests import DIGEST
from homecheck.collector.program_changes import ADDED, CHANGED, FOUR_EYES, Description
from homecheck.collector.store.connection import Connection, Row
from homecheck.errors import Refused
from homecheck.signing import PublicKey


@dataclass(frozen=True)
class JudgedBy:
    """The policy that a signed receipt or result names."""

    program: str
    digest: str
    name: str
    version: str


def programs(db: Connection, judged_by: set[JudgedBy]) -> Iterator[Defect]:
    """Yield what is wrong with programs and with the policies that they have had."""
    told: dict[str, list[Row]] = {}
    sql = "SELECT * FROM event WHERE kind IN ('program-added', 'policy-published') ORDER BY position"
    for event in db.execute(sql).fetchall():
        told.setdefault(event["about"], []).append(event)
    missing = {(one.program, one.digest): one for one in judged_by}
    sql = "SELECT about, value_after FROM event WHERE kind = ? ORDER BY position"
    four_eyes = {row["about"]: int(row["value_after"] == "on") for row in db.execute(sql, (FOUR_EYES,)).fetchall()}
    sql = "SELECT about, detail, value_after FROM event WHERE kind IN (?, ?) ORDER BY position"
    described = {row["about"]: row for row in db.execute(sql, (ADDED, CHANGED)).fetchall()}
    for program in db.execute("SELECT * FROM program ORDER BY id").fetchall():
        events = told.pop(program["id"], [])
        rows = db.execute("SELECT * FROM policy_version WHERE program = ? ORDER BY number", (program["id"],)).fetchall()
        yield from _program(program, events)
        yield from differences(
            f"program {program['id']}", program, {"four_eyes": four_eyes.get(program["id"], 0)}, EVENT
        )
        yield from _described(program, described.get(program["id"]))
        yield from _versions(program["id"], rows, events)
        for row in rows:
            yield from _judged(row, missing.pop((program["id"], row["digest"]), None))
    for name, events in told.items():
        yield Defect("removed", f"program {name}", "the row is gone", events[0]["position"])
    for one in missing.values():
        message = f"{one.name} {one.version} is not there, and receipts or results were signed under it"
        yield Defect("removed", f"policy {one.digest} of {one.program}", message)


def _program(program: Row, events: list[Row]) -> Iterator[Defect]:
    what = f"program {program['id']}"
    if not events:
        yield Defect("inserted", what, "no event tells that it was added")
        return
    newest = {"created_at": events[0]["at"], "policy": len(events)}
    yield from differences(what, program, newest, EVENT)


def _described(program: Row, told: Row | None) -> Iterator[Defect]:
    """Yield that title, purpose, retention or language are others than the newest event tells; older ones tell none."""
    found = Description(program["title"], program["purpose"], program["retention_days"], program["language"])
    if told is not None and told["detail"].startswith(DIGEST) and told["detail"].partition(";")[0] != found.shown():
        message = f"its description: the row says {found.words!r:.200}, {EVENT} says {told['value_after']!r:.200}"
        yield Defect("changed", f"program {program['id']}", message)


def _versions(program: str, rows: list[Row], events: list[Row]) -> Iterator[Defect]:
    """Yield the versions that are not what was published: the first came with the program, each other by itself."""
    by_number = {row["number"]: row for row in rows}
    for number, event in enumerate(events, start=1):
        what = f"policy version {number} of {program}"
        if (row := by_number.pop(number, None)) is None:
            yield Defect("removed", what, "the row is gone", event["position"])
            continue
        yield from _content(what, row)
        yield from differences(what, row, {"published_at": event["at"], "published_by": event["actor"]}, EVENT)
        if not event["detail"].endswith(named := f" {row['name']} {row['version']} {row['digest']}"):
            yield Defect("changed", what, f"the row says{named:.120}, {EVENT} says {event['detail']!r:.200}")
    for number in by_number:
        yield Defect("inserted", f"policy version {number} of {program}", "no event tells that it was published")


def _content(what: str, row: Row) -> Iterator[Defect]:
    """Yield a policy whose limits or texts are not those of its digest: the text is stored as it was digested."""
    found = "sha256:" + hashlib.sha256(row["members"].encode("utf-8", "surrogatepass")).hexdigest()
    if found != row["digest"]:
        message = f"its limits or texts were edited: they have the digest {found}, the row says {row['digest']}"
        yield Defect("digest", what, message)


def _judged(row: Row, one: JudgedBy | None) -> Iterator[Defect]:
    if one is not None:
        what = f"policy version {row['number']} of {row['program']}"
        said = {"name": one.name, "version": one.version}
        yield from differences(what, row, said, "a receipt or result that was signed under it")


def responders(db: Connection) -> Iterator[Defect]:
    """Yield the responders that are trusted with another key than the event says, or without one."""
    told: dict[str, Row] = {}
    sql = "SELECT * FROM event WHERE kind IN ('responder-added', 'responder-removed') ORDER BY position"
    for event in db.execute(sql).fetchall():
        told[event["about"]] = event
    for row in db.execute("SELECT * FROM responder ORDER BY url").fetchall():
        what, event = f"responder {row['url']}", told.pop(row["url"], None)
        if event is None or event["kind"] == "responder-removed":
            yield Defect("inserted", what, "no event tells that it is trusted")
            continue
        if event["detail"] != f"key {(kid := _kid(row))}" or row["kid"] != kid:
            yield Defect("changed", what, f"its key is {kid}, {EVENT} says {event['detail']!r:.80}")
        yield from differences(what, row, {"added_at": event["at"]}, EVENT)
    for url, event in told.items():
        if event["kind"] == "responder-added":
            yield Defect("removed", f"responder {url}", "the row is gone", event["position"])


def _kid(row: Row) -> str:
    try:
        return PublicKey.from_jwk(json.loads(row["jwk"])).kid
    except (Refused, ValueError, RecursionError):
        return "none"
