"""Every agent is a witness: it keeps the newest checkpoint of a collector's log, and minds that the log only grew.

    logs/<kid>.json                the newest checkpoint, as the log signed it
    logs/<kid>.contradiction.json  two checkpoints that cannot both be true: kept as proof, and shown by `status`

A log that was rewritten is the collector's fault and never the person's: their evidence is delivered all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from homecheck import durable
from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.errors import HomecheckError, Refused, StateError
from homecheck.exchange import Http, NoAnswer, exchange, one_line
from homecheck.measurement import Json
from homecheck.receipt import Receipt
from homecheck.signed_note import MAX_NOTE, NoteKey, from_base64
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.standards.rfc_6962 import BadProof, verify_consistency
from homecheck.strict_json import Record, parse_object, serialize

State = Literal["agrees", "unproven", "contradicted"]
Hashes = tuple[bytes, ...]
APART: Final = timedelta(minutes=5)  # a collector's order within a minute is not that of its times
NEVER_HAD: Final = 404
ADVICE: Final = (
    "This is the company's fault, not yours, and what you sent has arrived. Tell the company, and keep your receipts:"
    " they prove what was received."
)
LATER: Final = "Nothing for you to do: it is asked again with your next results."


@dataclass(frozen=True)
class Watch:
    """What became of one comparison. `message` is empty where there is nothing to say."""

    state: State
    message: str = ""
    advice: str = ""


@dataclass(frozen=True)
class _Seen:
    """A checkpoint with the key that it was signed with, and as it was signed.

    `received_at` is the time, by the collector's clock, in the receipt that showed it; None in files of older versions.
    """

    key: NoteKey
    note: str
    checkpoint: Checkpoint
    received_at: datetime | None


def watch(home: Home, enrolment: Enrolment, receipt: Receipt, http: Http, seconds: float) -> Watch | None:
    """Compare a receipt's checkpoint with the newest that was seen before, and keep the newer one.

    Asks the collector for a proof where the log has grown, for at most `seconds`. None for a receipt from before the
    log. Raises nothing.
    """
    if receipt.logged is None:
        return None
    path, logged = _path(home, enrolment.kid), receipt.logged
    now = _Seen(logged.key, logged.proof.checkpoint, logged.checkpoint, receipt.received_at)
    try:
        before = _read(path)
        if before is not None:
            ask = partial(_proof, enrolment=enrolment, http=http, seconds=seconds)
            if found := _contradiction(before, now, receipt.position, ask):
                _keep_both(home, enrolment, before, now)
                message = f"{enrolment.collector_name} shows another log than before: {found}."
                return Watch("contradicted", message, ADVICE)
            now = max(before, now, key=lambda one: one.checkpoint.size)
        if before is None or now.note != before.note:
            durable.write(path, serialize({"v": 1, **_members(now)}))
    except HomecheckError as error:
        message = f"{enrolment.collector_name} has not shown that its log only grew: {error.message.rstrip('.')}."
        return Watch("unproven", message, LATER)
    return Watch("agrees")


def inherit(home: Home, old: str, new: str) -> None:
    """Have the key called `new` remember what the log has shown to `old`, whose place it takes."""
    for path in (_path, _contradiction_path):
        if (data := durable.read(path(home, old))) is not None:
            durable.make_folder(home.logs)
            durable.write(path(home, new), data)


def contradiction(home: Home, kid: str) -> str | None:
    """Return where the proof lies that an enrolment's collector has rewritten its log; None: there is none."""
    path = _contradiction_path(home, kid)
    return str(path) if path.exists() else None


def _contradiction(before: _Seen, now: _Seen, position: int, ask: Callable[[int, int], Hashes | None]) -> str:
    """Return why two checkpoints cannot both be true; empty: they can. Raises NoAnswer and Refused: not known.

    `position` is the place of the entry whose receipt shows `now`; `ask` gets the collector's proof.
    """
    if before.key != now.key:
        return f"it is signed by the key {now.key.vkey}, and was signed by {before.key.vkey}"
    first, second = sorted((before.checkpoint, now.checkpoint), key=lambda one: one.size)
    try:
        path = () if first.size == second.size else ask(first.size, second.size)
        if path is None:
            return _out_of_time(before, now, position)
        verify_consistency(first.size, second.size, path, first.root, second.root)
    except BadProof as error:
        return one_line(str(error))
    return ""


def _out_of_time(before: _Seen, now: _Seen, position: int) -> str:
    """Return why an entry stands where another one stood, by two receipts.

    For a collector that denies a size it signed. An older receipt may come late, when its answer was lost; so only one
    that is younger by its own word counts. Raises NoAnswer where the receipts do not tell.
    """
    was = before.received_at
    if was is None or now.received_at is None or now.received_at < was + APART or position >= before.checkpoint.size:
        raise NoAnswer("its collector gives no proof (HTTP status 404)", LATER)
    return (
        f"what it received at {to_text(now.received_at)} is entry {position}, and at {to_text(was)} it had signed that"
        f" there were {before.checkpoint.size} entries"
    )


def _proof(first: int, second: int, enrolment: Enrolment, http: Http, seconds: float) -> Hashes | None:
    """Return the collector's proof that its log only grew; None: it says that its log never had these sizes.

    Raises NoAnswer, and Refused for what is no proof.
    """
    url = f"{enrolment.collector}/v1/log/consistency/{first}/{second}"
    answer = exchange(http, "GET", url, seconds=seconds)
    if answer.status == NEVER_HAD:
        return None
    if answer.status != 200 or len(answer.body) > MAX_NOTE:
        raise NoAnswer(f"{urlsplit(url).netloc} gives no proof (HTTP status {answer.status})", LATER)
    return tuple(from_base64(line) for line in answer.body.decode("ascii", "replace").splitlines())


def _read(path: Path) -> _Seen | None:
    """Return what was kept; StateError when it is damaged, for a witness that forgets is none."""
    data = durable.read(path)
    if data is None:
        return None
    try:
        record = Record(parse_object(data), "log")
        key, note = NoteKey.from_vkey(record.text("key")), record.text("checkpoint", max_length=MAX_NOTE)
        received_at = from_text(record.text("received_at")) if record.has("received_at") else None
        return _Seen(key, note, open_checkpoint(note, key), received_at)
    except (Refused, ValueError) as error:
        advice = "Move this file away; what the log was like before is then forgotten."
        reason = error.message if isinstance(error, Refused) else error
        raise StateError(f"{path}: this file is damaged: {reason}", advice) from None


def _keep_both(home: Home, enrolment: Enrolment, before: _Seen, now: _Seen) -> None:
    """Keep the proof; the first contradiction stays, whatever comes later."""
    path = _contradiction_path(home, enrolment.kid)
    if not path.exists():
        kept = [_members(one) for one in (before, now)]
        durable.write(path, serialize({"v": 1, "collector": enrolment.collector, "checkpoints": kept}))


def _members(seen: _Seen) -> dict[str, Json]:
    when: dict[str, Json] = {} if seen.received_at is None else {"received_at": to_text(seen.received_at)}
    return {"key": seen.key.vkey, "checkpoint": seen.note, **when}


def _path(home: Home, kid: str) -> Path:
    return home.logs / f"{kid}.json"


def _contradiction_path(home: Home, kid: str) -> Path:
    return home.logs / f"{kid}.contradiction.json"
