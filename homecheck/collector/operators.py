"""What somebody who places calls is told: the number, and the code while its call-back is open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homecheck.collector import callbacks, keys
from homecheck.collector.store import callbacks as store
from homecheck.collector.store import settings
from homecheck.collector.store.callbacks import Callback
from homecheck.collector.store.database import Connection, Database, opened
from homecheck.collector.store.scope import Scope
from homecheck.errors import SetupError
from homecheck.standards.rfc_3339 import to_text


@dataclass(frozen=True)
class CallToPlace:
    """A call-back that is open, with its code."""

    callback: Callback
    code: str

    def members(self) -> dict[str, Any]:
        """Return it as JSON members, for a telephone system."""
        one = self.callback
        return {
            "id": one.id,
            "phone": one.phone,
            "code": self.code,
            "person": one.person.name,
            "program": one.person.program,
            "requested_at": to_text(one.requested_at),
            "expires_at": to_text(one.expires_at),
            "attempts_left": callbacks.ATTEMPTS - one.attempts,
        }


def waiting(db: Connection, secret: bytes, now: datetime, scope: Scope) -> list[CallToPlace]:
    """Return the calls to be placed, the one that ends first before the others."""
    return [CallToPlace(one, callbacks.code(secret, one)) for one in store.waiting(db, scope, now)]


def find(db: Connection, secret: bytes, callback_id: str, now: datetime) -> CallToPlace | None:
    """Return the call to be placed; None when there is none of this id, or it is over."""
    one = store.find(db, callback_id)
    return CallToPlace(one, callbacks.code(secret, one)) if one is not None and one.is_open(now) else None


def calls(database: Database, now: datetime) -> list[CallToPlace]:
    """Return the calls to be placed, at the command line."""
    with opened(database) as db:
        return waiting(db, _secret(db, database), now, Scope.everything())


def call(database: Database, callback_id: str, now: datetime) -> CallToPlace:
    """Return one call to be placed, at the command line. SetupError when there is none."""
    with opened(database) as db:
        found = find(db, _secret(db, database), callback_id, now)
    if found is None:
        raise SetupError(
            f"{callback_id!r:.60}: no call-back of this id waits for a call", "See: homecheck collector callbacks list"
        )
    return found


def _secret(db: Connection, database: Database) -> bytes:
    return keys.read(settings.read(db).keys_folder(database)).challenge_secret
