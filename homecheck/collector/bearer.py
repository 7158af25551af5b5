"""Who calls the administration API: the header ``Authorization: Bearer hck_<id>_<secret>`` (RFC 6750) alone.

A session cookie opens nothing here, and a token opens no page of the dashboard.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from homecheck.collector import tokens
from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.store import tokens as store
from homecheck.collector.store.users import User

TOUCH_EVERY: Final = timedelta(minutes=5)  # the last use is written down at most this often
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="homecheck"'}
REFUSED: Final = {"WWW-Authenticate": 'Bearer realm="homecheck", error="invalid_token"'}


def authenticated(collector: Collector, headers: Mapping[str, str]) -> User:
    """Return who the token in a request speaks for. Problem: no-token or token-refused, the same for every cause."""
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Problem("no-token", "this address answers to API tokens alone", headers=CHALLENGE)
    now = collector.clock()
    found = tokens.checked(collector.readers(), text.strip(), now)
    if found is None:
        raise Problem("token-refused", "this token is unknown, revoked or too old", headers=REFUSED)
    token, speaker = found
    if token.last_used_at is None or now - token.last_used_at >= TOUCH_EVERY:
        collector.writer.submit(lambda db: store.touch(db, token.id, now))  # nobody waits for it
    return speaker
