"""API tokens ``hck_<id>_<secret>``: made, shown once, checked and revoked.

A token speaks for its owner and never reaches further than they do at that moment.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from homecheck.clock import utc_now
from homecheck.collector.rights import Right, may, may_somewhere
from homecheck.collector.store import events, programs, tokens, users
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.people import secret_hash
from homecheck.collector.store.tokens import Token
from homecheck.collector.store.users import User
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text

ID_BYTES: Final = 6
SECRET_BYTES: Final = 32
LIFE: Final = timedelta(days=90)
LONGEST_LIFE: Final = timedelta(days=366)
MAX_LABEL: Final = 100  # characters
DIGEST: Final = "; its secret has the digest "  # in the event of a token
DIGEST_SHOWN: Final = 16  # hexadecimal digits of it, 64 of 256 bits
FORM: Final = re.compile(r"hck_([0-9a-f]{12})_([0-9a-f]{64})")


def add(
    db: Connection,
    owner: str,
    *,
    label: str,
    scopes: Iterable[str],
    program: str,
    life: timedelta,
    by: By,
    now: datetime,
) -> str:
    """Store a new token, inside a transaction, and return it: nobody can show it again. SetupError: not like this."""
    user, said = users.get(db, owner), " ".join(label.split())
    if not said or len(said) > MAX_LABEL or not said.isprintable():
        raise SetupError(f"{label!r:.60} is no label", f"Say in 1 to {MAX_LABEL} characters what the token is for.")
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise SetupError("a token counts for at most a year", "Choose a shorter time: like 90d.")
    wanted = _scopes(user, scopes, program)
    if program:
        programs.get(db, program)
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    made = Token(token_id, secret_hash(secret), owner, said, wanted, program, now, now + life)
    tokens.add(db, made)
    events.note(db, now, "token-added", by, token_id, token_detail(made), program=program or None)
    return f"hck_{token_id}_{secret}"


def token_detail(one: Token) -> str:
    """Return what the event of a token says; of its secret a part of the digest, so that nobody puts another there."""
    said = f"{one.label}: {' '.join(sorted(one.scopes))}, for {one.owner}, until {to_text(one.expires_at)}"
    return f"{said}{DIGEST}{one.secret_sha256[:DIGEST_SHOWN]}"


def _scopes(user: User, scopes: Iterable[str], program: str) -> frozenset[str]:
    wanted, known = frozenset(scopes), {right.value for right in Right}
    if not wanted:
        raise SetupError("no scopes: nothing is chosen that the token may do", f"Choose: {', '.join(sorted(known))}.")
    if wanted - known:
        raise SetupError(f"{' '.join(sorted(wanted - known))}: no such scopes", f"Choose: {', '.join(sorted(known))}.")
    for scope in sorted(wanted):
        right = Right(scope)
        if not (may(user, right, program) if program else may_somewhere(user, right)):
            raise SetupError(
                f"{user.name} has not the right {scope!r} there", "A token reaches no further than its owner."
            )
    return wanted


def revoke(db: Connection, token_id: str, by: By, now: datetime) -> None:
    """Let a token count no more, inside a transaction. SetupError when there is none; twice is no error."""
    found = tokens.find(db, token_id)
    if found is None:
        raise SetupError(f"there is no token {token_id!r:.40}", "See: homecheck collector token list")
    if tokens.revoke(db, token_id, now):
        detail = f"{found.label}, for {found.owner}"
        events.note(db, now, "token-revoked", by, token_id, detail, program=found.program or None)


def holder(db: Connection, token: Token) -> User | None:
    """Return the owner as the token lets them act, or None when there is no such user any more."""
    owner = users.find(db, token.owner)
    if owner is None:
        return None
    return replace(owner, token=token.id, scopes=token.scopes, only=token.program)


def checked(db: Connection, text: str, now: datetime) -> tuple[Token, User] | None:
    """Return the token and who it speaks for; None when it is malformed, unknown, wrong, revoked or too old."""
    form = FORM.fullmatch(text)
    found = tokens.find(db, form[1]) if form else None
    if form is None or found is None or not found.counts(now):
        return None
    if not hmac.compare_digest(found.secret_sha256, secret_hash(form[2])):
        return None
    speaker = holder(db, found)
    return None if speaker is None else (found, speaker)


def add_at_command_line(
    database: Database, owner: str, label: str, scopes: Iterable[str], program: str, life: timedelta, by: str
) -> str:
    """Store a new token and return it."""
    with opened(database) as db, transaction(db):
        return add(db, owner, label=label, scopes=scopes, program=program, life=life, by=By(by), now=utc_now())


def revoke_at_command_line(database: Database, token_id: str, by: str) -> None:
    """Let a token count no more."""
    with opened(database) as db, transaction(db):
        revoke(db, token_id, By(by), utc_now())
