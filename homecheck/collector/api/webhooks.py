"""Webhooks: receivers, their secrets, and what became of the messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from homecheck.collector import webhooks
from homecheck.collector.api.operation import (
    INTEGER,
    LIMITED,
    PROGRAM,
    TEXT,
    Call,
    Json,
    Operation,
    Parameter,
    at,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.post import MAX_URL
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may
from homecheck.collector.store import webhooks as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.store.webhooks import Message, Webhook
from homecheck.standards.standard_webhooks import secret_text

_FAILING: Final = {
    **objects(since=moment(), messages=INTEGER, error=TEXT),
    "description": "How many of those that wait were tried and not taken, when the oldest was made, and why.",
}
_HOOK: Final = objects(
    id=TEXT, url=TEXT, program=nullable(TEXT), kinds=lists(TEXT), standing=TEXT, created_at=moment(), created_by=TEXT,
    secret_number=INTEGER, waiting=INTEGER, failing=nullable(_FAILING),
)  # fmt: skip
_WITH_SECRET: Final = objects(**_HOOK["properties"], secret=TEXT)
_NEXT: Final = {**nullable(moment()), "description": "The next try; while one is under way, when that counts as lost."}
_MESSAGE: Final = objects(
    id=TEXT, kind=TEXT, made_at=moment(), state=TEXT, attempts=INTEGER, next_at=_NEXT,
    status=nullable(INTEGER), error=TEXT, body={"type": "object"},
)  # fmt: skip
_KIND: Final = text(r"^[a-z.*?-]{1,60}$", 60)
_OF_IT: Final = Parameter("message", "path", "The id of a message.", text(r"^msg_[0-9a-f]{32}$", 36))
_ONE: Final = Parameter("webhook", "path", "The id of a webhook.", text(r"^wh_[0-9a-f]{16}$", 19))


def list_webhooks(call: Call) -> Json:
    """List the receivers that the caller administers."""
    return {"webhooks": [_members(call.db, one) for one in store.every(call.db) if _administers(call, one)]}


def add_webhook(call: Call) -> Json:
    """Add a receiver; it is told what happens from now on."""
    body, by, now = call.body, call.by, call.now
    url = body.text("url", max_length=MAX_URL)
    program = call.program() or None
    kinds = body.texts("kinds") or webhooks.DEFAULT_KINDS
    body.done()
    for kind in kinds:
        Parameter("kinds", "query", "Like evidence.received, security.* or event.*.", _KIND).check(kind)
    if program is not None:
        call.check(Right.ADMINISTER, program)
    elif not may(call.user, Right.ADMINISTER, EVERYWHERE):
        raise Problem("not-allowed", "a webhook of every program needs the right 'administer' in all of them")
    made = call.write(lambda db: webhooks.add(db, url, program, kinds, by, now, call.collector.inside))
    return {**_members(call.db, made), "secret": _secret(call, made)}


def show_webhook(call: Call) -> Json:
    """Show one receiver."""
    return _members(call.db, _seen(call))


def remove(call: Call) -> Json:
    """Tell a receiver nothing more."""
    one, by, now = _seen(call), call.by, call.now
    call.write(lambda db: webhooks.remove(db, one.id, by, now))
    return {}


def rotate(call: Call) -> Json:
    """Give a receiver another secret; for a day messages are signed under both."""
    one, by, now = _seen(call), call.by, call.now
    changed = call.write(lambda db: webhooks.rotate(db, one.id, by, now))
    return {**_members(call.db, changed), "secret": _secret(call, changed)}


def test(call: Call) -> Json:
    """Send a receiver a message that says nothing."""
    one, url, now = _seen(call), call.collector.url, call.now
    work: Callable[[Connection], Message] = lambda db: webhooks.send_test(db, one.id, url, now)  # noqa: E731
    return _message(call.write(work))


def deliveries(call: Call) -> Json:
    """List the latest messages to a receiver, and what became of them."""
    return {"messages": [_message(one) for one in store.recent(call.db, _seen(call).id, call.limit)]}


def resend(call: Call) -> Json:
    """Send a receiver a message once more that it has not taken."""
    one, by, now, message = _seen(call), call.by, call.now, call.path["message"]
    if store.find_message(call.db, one.id, message) is None:
        raise Problem("not-found", "there is no such message here")
    return _message(call.write(lambda db: webhooks.resend(db, one.id, message, by, now)))


def _seen(call: Call) -> Webhook:
    found = store.find(call.db, call.path["webhook"])
    if found is None or not _administers(call, found):
        raise Problem("not-found", "there is no such webhook here")
    return found


def _administers(call: Call, one: Webhook) -> bool:
    return may(call.user, Right.ADMINISTER, EVERYWHERE if one.program is None else one.program)


def _secret(call: Call, one: Webhook) -> str:
    return secret_text(webhooks.secret_of(call.collector.keys.challenge_secret, one))


def _members(db: Connection, one: Webhook) -> Json:
    found = store.outstanding(db, one.id)
    failing = {"since": at(found.since), "messages": found.refused, "error": found.error} if found.since else None
    return {
        "id": one.id,
        "url": one.url,
        "program": one.program,
        "kinds": list(one.kinds),
        "standing": one.standing,
        "created_at": at(one.created_at),
        "created_by": one.created_by,
        "secret_number": one.generation,
        "waiting": found.waiting,
        "failing": failing,
    }


def _message(one: Message) -> Json:
    return {
        "id": one.id,
        "kind": one.kind,
        "made_at": at(one.made_at),
        "state": one.state,
        "attempts": one.attempts,
        "next_at": at(one.next_at),
        "status": one.status,
        "error": one.error,
        "body": json.loads(one.body),
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/webhooks", "listWebhooks", "Receivers; gone: it answered 410 and is told nothing more",
        Right.ADMINISTER, list_webhooks, objects(webhooks=lists(_HOOK)),
    ),
    Operation(
        "POST", "/v1/admin/webhooks", "addWebhook", "Add a receiver; its secret is shown this once", Right.ADMINISTER,
        add_webhook, _WITH_SECRET,
        body=takes(
            {"url": {**text(most=MAX_URL), "minLength": 1}},
            {
                "program": {**PROGRAM, "description": "Of this program alone."},
                "kinds": {**lists(_KIND), "maxItems": 20, "description": "evidence.received, security.*, event.* …"},
            },
        ),
        status=201, refusals=("not-found",),
        example={"url": "https://receiver.example.com/homecheck", "kinds": ["evidence.received"]},
    ),
    Operation(
        "GET", "/v1/admin/webhooks/{webhook}", "showWebhook", "One receiver", Right.ADMINISTER, show_webhook, _HOOK,
        (_ONE,), refusals=("not-found",),
    ),
    Operation(
        "DELETE", "/v1/admin/webhooks/{webhook}", "removeWebhook", "Tell a receiver nothing more", Right.ADMINISTER,
        remove, None, (_ONE,), status=204, refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/webhooks/{webhook}/rotate", "rotateWebhook",
        "Give a receiver another secret, shown this once; for 24 hours messages are signed under both",
        Right.ADMINISTER, rotate, _WITH_SECRET, (_ONE,), refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/webhooks/{webhook}/test", "testWebhook", "Send a receiver a message that says nothing",
        Right.ADMINISTER, test, _MESSAGE, (_ONE,), status=202, refusals=("not-found",),
    ),
    Operation(
        "GET", "/v1/admin/webhooks/{webhook}/deliveries", "listDeliveries",
        "The latest messages to a receiver, and what became of them; they are kept for a week", Right.ADMINISTER,
        deliveries, objects(messages=lists(_MESSAGE)), (_ONE, LIMITED), refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/webhooks/{webhook}/deliveries/{message}/resend", "resendMessage",
        "Send a message once more that was not taken, now, under the same id", Right.ADMINISTER, resend, _MESSAGE,
        (_ONE, _OF_IT), status=202, refusals=("not-found",),
    ),
)  # fmt: skip
