"""Who looks at the dashboard: sessions in a cookie, and writes from our own pages only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may_somewhere
from homecheck.collector.setup import TOKEN_BYTES
from homecheck.collector.store import events, sessions, users
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.sessions import Method, Session
from homecheck.collector.store.users import User
from homecheck.signing import base64url

SESSION_LIFE: Final = timedelta(hours=12)  # however much it is used
TOUCH_EVERY: Final = timedelta(minutes=1)  # a session's last use is written down at most this often
READ: Final = Right.READ
INVITE: Final = Right.INVITE
APPROVE: Final = Right.INVITE  # exceptions: reviewers and administrators
ADMINISTER: Final = Right.ADMINISTER
WATCH: Final = Right.WATCH


@dataclass(frozen=True)
class Visitor:
    """Somebody who has signed in, and the session that they did it with."""

    user: User
    session: Session


@dataclass(frozen=True)
class Access:
    """Sessions of one collector."""

    collector: Collector

    @property
    def cookie(self) -> str:
        """The cookie's name; the prefix makes browsers refuse it from anywhere but this host over TLS."""
        return "__Host-homecheck" if self.collector.secure else "homecheck"

    def visitor(self, cookies: Mapping[str, str]) -> Visitor | None:
        """Return who has signed in, or None."""
        secret, now, db = cookies.get(self.cookie), self.collector.clock(), self.collector.readers()
        session = sessions.find(db, secret, now) if secret else None
        user = users.find(db, session.user) if session else None
        if secret is None or session is None or user is None:
            return None
        if now - session.seen_at >= TOUCH_EVERY:
            self.collector.writer.submit(lambda db: sessions.touch(db, secret, now))  # nobody waits for it
        return Visitor(user, session)

    def user(self, cookies: Mapping[str, str]) -> User | None:
        """Return who has signed in, or None."""
        visitor = self.visitor(cookies)
        return visitor.user if visitor else None

    def sign_in(self, token: str, cookies: Mapping[str, str], source_address: str) -> str | None:
        """Use a sign-in link and return the new session's secret; None when the link is unknown, used or too old."""
        now = self.collector.clock()

        def use(db: Connection) -> str | None:
            user = users.use_link(db, token, now)
            return self.begin(db, user.name, "link", cookies, source_address, now) if user else None

        return self.collector.writer.submit(use).result()

    def begin(
        self, db: Connection, name: str, method: Method, cookies: Mapping[str, str], source_address: str, now: datetime
    ) -> str:
        """Begin a session, inside a transaction, and return its secret. The one that the browser had before ends."""
        if earlier := cookies.get(self.cookie):
            sessions.end(db, earlier)
        secret = base64url(secrets.token_bytes(TOKEN_BYTES))
        begun = Session(sessions.named(secret), name, method, source_address, now, now, now + SESSION_LIFE)
        sessions.add(db, secret, begun)
        events.add(db, Event(now, "signed-in", False, name, source_address, name, f"by {method}"))
        return secret

    def sign_out(self, cookies: Mapping[str, str], source_address: str) -> None:
        """End the session, if there is one."""
        secret, now = cookies.get(self.cookie), self.collector.clock()

        def end(db: Connection) -> None:
            ended = sessions.end(db, secret or "")
            if ended is not None:
                events.add(db, Event(now, "signed-out", False, ended.user, source_address, ended.user, ""))

        if secret:
            self.collector.writer.submit(end).result()

    def check_same_origin(self, headers: Mapping[str, str]) -> None:
        """Raise Problem unless a form of ours sent this (ASVS 5.0: 3.5.1). Every browser of today says where from."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if (site or origin) and site in (None, "same-origin") and (site or origin == self.collector.url):
            return
        raise Problem("other-site", "this change was not asked for by a page of this collector")


def check_right(user: User, right: Right) -> None:
    """Raise Problem unless the user has the right in at least one program."""
    if not may_somewhere(user, right):
        raise not_allowed(user, right)


def not_allowed(user: User, right: Right) -> Problem:
    """Return the refusal of somebody whose roles do not reach."""
    return Problem("not-allowed", f"{user.words} may not do this; the right {right.value!r} is needed")
