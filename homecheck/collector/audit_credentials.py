"""What people sign in with, against the events that tell of it: who has only the database can put no other there.

Events of earlier versions hold no digest; of those it is only known that something was set.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from homecheck.collector.audit_defect import Defect
from homecheck.collector.credential_digests import (
    CODE_USED,
    DIGEST,
    DIGEST_SHOWN,
    FACTOR_OFF,
    FACTOR_ON,
    PASSWORD_RENEWED,
    PASSWORD_SET,
    codes_shown,
    password_shown,
    shown,
)
from homecheck.collector.store.connection import Connection, Row

_ENDS: Final = ("user-reset", "user-removed")  # take everything away
_EVENTS: Final = "SELECT kind, about, detail FROM event WHERE kind IN ({}) AND position IS NOT NULL ORDER BY position"


def passwords(db: Connection) -> Iterator[Defect]:
    """Yield the passwords that nobody has set as they stand there, and those that are gone."""
    told = _latest(db, (PASSWORD_SET, PASSWORD_RENEWED), _ENDS)
    for row in db.execute("SELECT account, hash FROM user_password ORDER BY account").fetchall():
        what, has = f"password of {row['account']}", password_shown(row["hash"])
        yield from _against(what, has, told.pop(row["account"], None))
    for name in told:
        yield Defect("removed", f"password of {name}", "the row is gone, and no event tells of it")


def second_factors(db: Connection) -> Iterator[Defect]:
    """Yield the second factors that nobody has switched on as they stand there, and those that are gone."""
    told = _latest(db, (FACTOR_ON,), (*_ENDS, FACTOR_OFF))
    for row in db.execute("SELECT account, sealed FROM user_totp WHERE confirmed = 1 ORDER BY account").fetchall():
        what = f"second factor of {row['account']}"
        yield from _against(what, shown(bytes(row["sealed"])), told.pop(row["account"], None))
    for name in told:
        yield Defect("removed", f"second factor of {name}", "the row is gone, and no event tells of it")


def recovery_codes(db: Connection) -> Iterator[Defect]:
    """Yield the accounts whose recovery codes are not those of which the last event tells."""
    told = _latest(db, (FACTOR_ON, CODE_USED), (*_ENDS, FACTOR_OFF))
    left: dict[str, list[str]] = {name: [] for name in told}
    for row in db.execute("SELECT account, code_sha256 FROM recovery_code").fetchall():
        left.setdefault(row["account"], []).append(row["code_sha256"])
    for name, hashes in sorted(left.items()):
        yield from _against(f"recovery codes of {name}", codes_shown(hashes), told.get(name), last=True)


def _latest(db: Connection, kinds: tuple[str, ...], ends: tuple[str, ...]) -> dict[str, Row]:
    """Return by account the last event of these kinds that none of `ends` came after."""
    found: dict[str, Row] = {}
    places = ", ".join("?" * len((*kinds, *ends)))
    for event in db.execute(_EVENTS.format(places), (*kinds, *ends)).fetchall():
        if event["kind"] in ends:
            found.pop(event["about"], None)
        else:
            found[event["about"]] = event
    return found


def _against(what: str, has: str, event: Row | None, *, last: bool = False) -> Iterator[Defect]:
    """Yield a row of which no event tells, or another one than the event tells of; `last`: the event's last digest."""
    if event is None:
        yield Defect("inserted", what, "no event tells that anybody set it")
        return
    digests = [DIGEST + part[:DIGEST_SHOWN] for part in event["detail"].split(DIGEST)[1:]]
    if digests and has != digests[-1 if last else 0]:
        message = f"it was changed past the collector: {has.removeprefix(DIGEST)}, the event in the log says "
        yield Defect("changed", what, message + digests[-1 if last else 0].removeprefix(DIGEST))
