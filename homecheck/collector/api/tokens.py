"""API tokens: one's own, and for administrators of everything those of all users.

A token makes no token that reaches further or lasts longer than itself, and only with the scope `administer`: whoever
has stolen a narrow one must not be able to make themselves another before it is revoked. Nor does it revoke another
one: that could end what watches over it. Itself it may always revoke.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from homecheck.collector import tokens
from homecheck.collector.api.operation import (
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
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may, may_somewhere
from homecheck.collector.store import tokens as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.tokens import Token
from homecheck.collector.store.users import EVERYWHERE

MOST_DAYS: Final = 366
DEFAULT_DAYS: Final = 90
_SCOPE: Final = {"type": "string", "enum": [one.value for one in Right]}
_TOKEN: Final = objects(
    id=TEXT, owner=TEXT, label=TEXT, scopes=lists(_SCOPE), program=nullable(TEXT), created_at=moment(),
    expires_at=moment(), last_used_at=nullable(moment()), revoked_at=nullable(moment()), counts={"type": "boolean"},
)  # fmt: skip
_ONE: Final = Parameter("token", "path", "The id of a token: what stands between the two underscores.",
                        text(r"^[0-9a-f]{12}$", 12))  # fmt: skip


def list_tokens(call: Call) -> Json:
    """List tokens, without their secrets."""
    owner = call.query.get("owner", call.user.name)
    if owner != call.user.name and not _of_others(call):
        raise Problem("not-found", "you see no tokens of this user")
    return {"tokens": [_members(one, call) for one in store.of_owner(call.db, owner)]}


def add_token(call: Call) -> Json:
    """Make a token for the owner of the one that asks, and return it, once."""
    body, by, now, owner = call.body, call.by, call.now, call.user.name
    label = body.text("label", max_length=tokens.MAX_LABEL)
    scopes = body.texts("scopes")
    program = call.program()
    days = body.integer("days", least=1) if body.has("days") else DEFAULT_DAYS
    body.done()
    if program and not call.sees(program):
        raise Problem("not-found", "there is no such program here")
    _check_reach(call, scopes, program)
    life = timedelta(days=min(days, MOST_DAYS + 1))

    def work(db: Connection) -> tuple[str, Token]:
        asking = store.find(db, call.user.token)
        if asking is None or not asking.counts(now):
            raise Problem("token-refused", "this token was revoked meanwhile")
        ends = min(life, asking.expires_at - now) if days <= MOST_DAYS else life
        text = tokens.add(db, owner, label=label, scopes=scopes, program=program, life=ends, by=by, now=now)
        made = store.find(db, text.split("_")[1])
        assert made is not None  # it was made just now, in this transaction
        return text, made

    secret, made = call.write(work)
    return {**_members(made, call), "token": secret}


def revoke(call: Call) -> Json:
    """Let a token count no more, at once; doing it twice is no error."""
    found, by, now = _seen(call), call.by, call.now
    if found.id != call.user.token:
        _check_may_revoke(call, found)
    call.write(lambda db: tokens.revoke(db, found.id, by, now))
    return {}


def _check_may_revoke(call: Call, found: Token) -> None:
    """Raise Problem for a token that reaches less than the one that it would revoke."""
    if call.user.scopes is not None and Right.ADMINISTER.value not in call.user.scopes:
        raise Problem("beyond-reach", "a token without the scope 'administer' revokes itself alone")
    if call.user.only not in (EVERYWHERE, found.program):
        raise Problem("beyond-reach", f"this token reaches the program {call.user.only} alone")


def _seen(call: Call) -> Token:
    found = store.find(call.db, call.path["token"])
    if found is None or (found.owner != call.user.name and not _of_others(call)):
        raise Problem("not-found", "you have no such token")
    return found


def _of_others(call: Call) -> bool:
    return may(call.user, Right.ADMINISTER, EVERYWHERE)


def _check_reach(call: Call, scopes: tuple[str, ...], program: str) -> None:
    """Raise Problem for a token that would reach further than the one that asks."""
    if call.user.only and program != call.user.only:
        raise Problem("beyond-reach", f"this token reaches the program {call.user.only} alone")
    for scope in scopes:
        if scope not in _SCOPE["enum"]:
            raise Problem("bad-request", f"scopes: {scope!r:.30} is none")
        if not (may(call.user, Right(scope), program) if program else may_somewhere(call.user, Right(scope))):
            raise Problem("beyond-reach", f"this token has not the right {scope!r} there")


def _members(one: Token, call: Call) -> Json:
    return {
        "id": one.id,
        "owner": one.owner,
        "label": one.label,
        "scopes": sorted(one.scopes),
        "program": one.program or None,
        "created_at": at(one.created_at),
        "expires_at": at(one.expires_at),
        "last_used_at": at(one.last_used_at),
        "revoked_at": at(one.revoked_at),
        "counts": one.counts(call.now),
    }


OPERATIONS: Final = (
    Operation(
        "GET", "/v1/admin/tokens", "listTokens", "API tokens without their secrets: one's own, or of one user",
        Right.READ, list_tokens, objects(tokens=lists(_TOKEN)),
        (Parameter("owner", "query", "Of this user; needs `administer` in every program.", text(most=100)),),
        refusals=("not-found",),
    ),
    Operation(
        "POST", "/v1/admin/tokens", "addToken",
        "Make a token for oneself, that reaches no further and lasts no longer than the one that asks; shown once",
        Right.ADMINISTER, add_token, objects(**_TOKEN["properties"], token=TEXT),
        body=takes(
            {"label": {**text(most=100), "minLength": 1}, "scopes": {**lists(_SCOPE), "minItems": 1, "maxItems": 10}},
            {"program": PROGRAM,
             "days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}},
        ),
        status=201, refusals=("not-found", "beyond-reach"), example={"label": "nightly export", "scopes": ["read"]},
    ),
    Operation(
        "DELETE", "/v1/admin/tokens/{token}", "revokeToken",
        "Let a token count no more, at once: itself, or with the scope administer others as well", Right.READ, revoke,
        None, (_ONE,), status=204, refusals=("not-found", "beyond-reach"),
    ),
)  # fmt: skip
