"""Every agent is a witness: it keeps the newest checkpoint of a collector's log, and minds that the log only grew.

    logs/<kid>.json                the newest checkpoint, as the log signed it
    logs/<kid>.contradiction.json  two checkpoints that cannot both be true: kept as proof, and shown by `status`

A log that was rewritten is the collector's fault and never the person's: their evidence is delivered all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from homecheck import durable
from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.config import Home
from homecheck.enrolment import Enrolment
from homecheck.errors import HomecheckError, Refused, StateError
from homecheck.exchange import Http, NoAnswer, exchange, one_line
from homecheck.receipt import Logged
from homecheck.signed_note import MAX_NOTE, NoteKey, from_base64
from homecheck.standards.rfc_6962 import BadProof, verify_consistency
from homecheck.strict_json import Record, parse_object, serialize

State = Literal["agrees", "unproven", "contradicted"]
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
    """A checkpoint with the key that it was signed with, and as it was signed."""

    key: NoteKey
    note: str
    checkpoint: Checkpoint


def watch(home: Home, enrolment: Enrolment, logged: Logged, http: Http, seconds: float) -> Watch:
    """Compare a receipt's checkpoint with the newest that was seen before, and keep the newer one.

    Asks the collector for a proof where the log has grown, for at most `seconds`. Raises nothing.
    """
    path = _path(home, enrolment.kid)
    now = _Seen(logged.key, logged.proof.checkpoint, logged.checkpoint)
    try:
        before = _read(path)
        if before is not None:
            if found := _contradiction(before, now, enrolment, http, seconds):
                _keep_both(home, enrolment, before, now)
                message = f"{enrolment.collector_name} shows another log than before: {found}."
                return Watch("contradicted", message, ADVICE)
            now = max(before, now, key=lambda one: one.checkpoint.size)
        if before is None or now.note != before.note:
            durable.write(path, serialize({"v": 1, "key": now.key.vkey, "checkpoint": now.note}))
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


def _contradiction(before: _Seen, now: _Seen, enrolment: Enrolment, http: Http, seconds: float) -> str:
    """Return why two checkpoints cannot both be true; empty: they can. Raises NoAnswer and Refused: not known."""
    if before.key != now.key:
        return f"it is signed by the key {now.key.vkey}, and was signed by {before.key.vkey}"
    first, second = sorted((before.checkpoint, now.checkpoint), key=lambda one: one.size)
    try:
        path = () if first.size == second.size else _proof(first.size, second.size, enrolment, http, seconds)
        verify_consistency(first.size, second.size, path, first.root, second.root)
    except BadProof as error:
        return one_line(str(error))
    return ""


def _proof(first: int, second: int, enrolment: Enrolment, http: Http, seconds: float) -> tuple[bytes, ...]:
    """Return the collector's proof that its log only grew. Raises NoAnswer, and Refused for what is none."""
    url = f"{enrolment.collector}/v1/log/consistency/{first}/{second}"
    answer = exchange(http, "GET", url, seconds=seconds)
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
        return _Seen(key, note, open_checkpoint(note, key))
    except Refused as error:
        advice = "Move this file away; what the log was like before is then forgotten."
        raise StateError(f"{path}: this file is damaged: {error.message}", advice) from None


def _keep_both(home: Home, enrolment: Enrolment, before: _Seen, now: _Seen) -> None:
    """Keep the proof; the first contradiction stays, whatever comes later."""
    path = _contradiction_path(home, enrolment.kid)
    if not path.exists():
        kept = [{"key": one.key.vkey, "checkpoint": one.note} for one in (before, now)]
        durable.write(path, serialize({"v": 1, "collector": enrolment.collector, "checkpoints": kept}))


def _path(home: Home, kid: str) -> Path:
    return home.logs / f"{kid}.json"


def _contradiction_path(home: Home, kid: str) -> Path:
    return home.logs / f"{kid}.contradiction.json"
