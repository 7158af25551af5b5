"""Who looks at the dashboard: sessions in a cookie, one role each, and writes from our own pages only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from homecheck.collector.context import Collector
from homecheck.collector.problems import Problem
from homecheck.collector.setup import TOKEN_BYTES
from homecheck.collector.store import users
from homecheck.collector.store.users import ROLES, Role, User
from homecheck.signing import base64url

SESSION_LIFE: Final = timedelta(hours=12)
READ: Final[tuple[Role, ...]] = ROLES
INVITE: Final[tuple[Role, ...]] = ("reviewer", "admin")
ADMINISTER: Final[tuple[Role, ...]] = ("admin",)
WATCH: Final[tuple[Role, ...]] = ("reviewer", "admin", "auditor")


@dataclass(frozen=True)
class Access:
    """Sessions of one collector."""

    collector: Collector

    @property
    def cookie(self) -> str:
        """The cookie's name; the prefix makes browsers refuse it from anywhere but this host over TLS."""
        return "__Host-homecheck" if self.collector.secure else "homecheck"

    def user(self, cookies: Mapping[str, str]) -> User | None:
        """Return who has signed in, or None."""
        session = cookies.get(self.cookie)
        return users.session_owner(self.collector.readers(), session, self.collector.clock()) if session else None

    def sign_in(self, token: str) -> str | None:
        """Use a sign-in link and return the new session's secret; None when the link is unknown, used or too old."""
        session, now = base64url(secrets.token_bytes(TOKEN_BYTES)), self.collector.clock()
        used = self.collector.writer.submit(lambda db: users.use_link(db, token, session, now, now + SESSION_LIFE))
        return session if used.result() else None

    def sign_out(self, cookies: Mapping[str, str]) -> None:
        """End the session, if there is one."""
        if session := cookies.get(self.cookie):
            self.collector.writer.submit(lambda db: users.end_session(db, session)).result()

    def check_same_origin(self, headers: Mapping[str, str]) -> None:
        """Raise Problem unless a form of ours sent this (ASVS 5.0: 3.5.1). Every browser of today says where from."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if (site or origin) and site in (None, "same-origin") and (site or origin == self.collector.url):
            return
        raise Problem("other-site", "this change was not asked for by a page of this collector")


def check_role(user: User, roles: tuple[Role, ...]) -> None:
    """Raise Problem unless the user has one of `roles`."""
    if user.role not in roles:
        raise Problem("not-allowed", f"the role {user.role} may not do this; {' or '.join(roles)} may")
