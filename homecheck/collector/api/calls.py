"""Call-backs: who waits to be called, and the code to play, for a telephone system."""

from __future__ import annotations

from typing import Final

from homecheck.collector import code_sound, operators
from homecheck.collector.api.operation import (
    INTEGER,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    Reply,
    lists,
    moment,
    objects,
    text,
)
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may

WAV: Final = "audio/wav"
_CALL: Final = objects(
    id=TEXT, phone=TEXT, code=TEXT, person=TEXT, program=TEXT, requested_at=moment(), expires_at=moment(),
    attempts_left=INTEGER,
)  # fmt: skip
_ONE: Final = Parameter("call", "path", "The id of a call-back.", text(r"^[A-Za-z0-9_-]{1,64}$", 64))


def list_calls(call: Call) -> Json:
    """List who waits to be called, with number and code."""
    secret = call.collector.keys.challenge_secret
    found = operators.waiting(call.db, secret, call.now, call.scope(Right.INVITE))
    return {"calls": [one.members() for one in found]}


def sound(call: Call) -> Reply:
    """Return the code of one call as sound."""
    found = operators.find(call.db, call.collector.keys.challenge_secret, call.path["call"], call.now)
    if found is None or not may(call.user, Right.INVITE, found.callback.person.program):
        raise Problem("not-found", "nobody waits for this call any more")
    return Reply(raw=code_sound.wav(found.code))


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/calls", "listCalls", "Who waits to be called now, with number and code", Right.INVITE,
        list_calls, objects(calls=lists(_CALL)),
    ),
    Operation(
        "GET", "/v1/admin/calls/{call}/code.wav", "showCallSound", "The code as sound: 8000 Hz, 16 bit, 25 seconds",
        Right.INVITE, sound, {"type": "string", "contentMediaType": WAV}, (_ONE,), media_type=WAV,
        refusals=("not-found",),
    ),
)  # fmt: skip
