"""Users of the dashboard: added with a link, given other roles, their sessions ended; locked and removed.

For those who administer every program, as in the API. One's own account is left to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import setup, tokens, user_changes
from homecheck.collector.access import ADMINISTER
from homecheck.collector.problems import Problem
from homecheck.collector.store import credentials, programs, sessions, sign_on, users
from homecheck.collector.store import tokens as stored_tokens
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import By
from homecheck.collector.store.users import EVERYWHERE, ROLES, Role, User
from homecheck.collector.views.mistakes import Mistake, status_of
from homecheck.collector.views.site import Site, Visit, see_other

MOST_SHOWN: Final = 1_000


class Change(Protocol):
    """Locking or removing a user."""

    def __call__(self, db: Connection, name: str, *, by: By, now: datetime) -> None:
        """Do it, inside a transaction."""


@dataclass(frozen=True)
class UserPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/users", self.users, ADMINISTER),
            self.site.write("/users", self.add, ADMINISTER),
            self.site.read("/users/{name}", self.user, ADMINISTER),
            self.site.write("/users/{name}/role", self.set_role, ADMINISTER),
            self.site.write("/users/{name}/sessions/end", self.end_sessions, ADMINISTER),
            self.site.write("/users/{name}/tokens/{id}/revoke", self.revoke_token, ADMINISTER),
            self.site.read("/users/{name}/lock", self.ask_to_lock, ADMINISTER),
            self.site.write("/users/{name}/lock", self.lock, ADMINISTER),
            self.site.read("/users/{name}/remove", self.ask_to_remove, ADMINISTER),
            self.site.write("/users/{name}/remove", self.remove, ADMINISTER),
        ]

    def users(self, visit: Visit, *, error: Mistake = None, made: str = "", link: str = "") -> Response:
        """List the users, and ask for another; `link` is what one who was just `made` signs in with, once."""
        visit.check(ADMINISTER, EVERYWHERE)
        db, now = self.site.db(), self.site.collector.clock()
        found = users.every(db)
        return self.site.html(
            "users.html",
            visit,
            status=status_of(error),
            users=found[:MOST_SHOWN],
            more=len(found) > MOST_SHOWN,
            passwords=credentials.with_password(db),
            signed_on=frozenset(sign_on.accounts(db)),
            open_sessions=sessions.open_by_user(db, now),
            programs=programs.within(db, visit.scope),
            roles=ROLES,
            form={} if made else visit.form,
            error=error,
            made=made,
            link=link,
        )

    def add(self, visit: Visit) -> Response:
        """Add a user with one role, and show the link with which they sign in, once."""
        visit.check(ADMINISTER, EVERYWHERE)
        collector, by, now = self.site.collector, visit.by, self.site.collector.clock()
        name = visit.form.get("name", "").strip()
        roles = {self._place(visit): _role(visit)}
        user_changes.check_reach(visit.user, roles)
        try:
            token = self.site.do(lambda db: user_changes.add_with_link(db, User(name, roles), by=by, now=now))
        except Problem as error:
            return self.users(visit, error=error)
        return self.users(visit, made=name, link=f"{collector.url}{setup.SIGN_IN_PATH}{token}")

    def user(self, visit: Visit, *, error: Mistake = None) -> Response:
        """Show one user: roles, ways in, sessions, API tokens."""
        found, db, now = self._user(visit), self.site.db(), self.site.collector.clock()
        titles = {EVERYWHERE: "every program", **{one.id: one.title for one in programs.within(db, visit.scope)}}
        return self.site.html(
            "user.html",
            visit,
            status=status_of(error),
            who=found,
            own=found.name == visit.user.name,
            state=user_changes.tag(found),
            error=error,
            form=visit.form,
            signed_on=found.name in sign_on.accounts(db),
            password=credentials.with_password(db).get(found.name),
            sessions=sessions.of_user(db, found.name, now),
            tokens=stored_tokens.of_owner(db, found.name),
            titles=titles,
            elsewhere={place: title for place, title in titles.items() if place not in found.roles},
            roles=ROLES,
        )

    def set_role(self, visit: Visit) -> Response:
        """Give a user another role in one place; taking the last one away is locking, and asked for there."""
        found, by, now = self._other(visit), visit.by, self.site.collector.clock()
        place, wanted = self._place(visit), None if visit.form.get("role") == "none" else _role(visit)
        if wanted is None and set(found.roles) == {place}:
            return see_other(f"/users/{found.name}/lock")
        user_changes.check_reach(visit.user, {place: wanted} if wanted else {})

        def work(db: Connection) -> None:
            visit.check_as_it_was(user_changes.tag(users.get(db, found.name)))
            user_changes.set_role(db, found.name, place, wanted, by=by, now=now)

        try:
            self.site.do(work)
        except Problem as error:
            return self.user(visit, error=error)
        return see_other(f"/users/{found.name}")

    def end_sessions(self, visit: Visit) -> Response:
        """End one session of a user, or all of them."""
        found, by, now = self._other(visit), visit.by, self.site.collector.clock()
        session = visit.form.get("session", "")
        self.site.do(lambda db: user_changes.end_sessions(db, found.name, session, by=by, now=now))
        return see_other(f"/users/{found.name}")

    def revoke_token(self, visit: Visit) -> Response:
        """Revoke an API token of a user."""
        found, by, now = self._user(visit), visit.by, self.site.collector.clock()
        token = stored_tokens.find(self.site.db(), visit.path["id"])
        if token is None or token.owner != found.name:
            raise Problem("not-found", "this user has no such token")
        self.site.do(lambda db: tokens.revoke(db, token.id, by, now))
        return see_other(f"/users/{found.name}")

    def ask_to_lock(self, visit: Visit) -> Response:
        """Say what locking does, and ask for the user's name."""
        return self._confirm(visit, self._other(visit), "lock_user.html")

    def lock(self, visit: Visit) -> Response:
        """Take all roles of a user away, and end their sessions."""
        return self._if_confirmed(visit, "lock_user.html", user_changes.lock, "/users/{name}")

    def ask_to_remove(self, visit: Visit) -> Response:
        """Say what removing does, and ask for the user's name."""
        return self._confirm(visit, self._other(visit), "remove_user.html")

    def remove(self, visit: Visit) -> Response:
        """Remove a user; their sessions and tokens end."""
        return self._if_confirmed(visit, "remove_user.html", user_changes.remove, "/users")

    def _if_confirmed(self, visit: Visit, template: str, change: Change, address: str) -> Response:
        """Do to a user what was asked for by typing their name, unless their roles have changed meanwhile."""
        found, by, now = self._other(visit), visit.by, self.site.collector.clock()
        typed = visit.form.get("typed", "").strip()
        if typed != found.name:
            return self._confirm(visit, found, template, typed=typed, status=400)

        def work(db: Connection) -> None:
            visit.check_as_it_was(user_changes.tag(users.get(db, found.name)))
            change(db, found.name, by=by, now=now)

        try:
            self.site.do(work)
        except Problem as error:
            return self._confirm(visit, self._other(visit), template, status=status_of(error), error=error)
        return see_other(address.format(name=found.name))

    def _confirm(self, visit: Visit, found: User, template: str, *, status: int = 200, **more: Any) -> Response:
        db, now = self.site.db(), self.site.collector.clock()
        return self.site.html(
            template,
            visit,
            status=status,
            who=found,
            state=user_changes.tag(found),
            open_sessions=len(sessions.of_user(db, found.name, now)),
            tokens=sum(one.counts(now) for one in stored_tokens.of_owner(db, found.name)),
            signed_on=found.name in sign_on.accounts(db),
            typed=more.get("typed"),
            error=more.get("error"),
        )

    def _user(self, visit: Visit) -> User:
        visit.check(ADMINISTER, EVERYWHERE)
        found = users.find(self.site.db(), visit.path["name"])
        if found is None:
            raise Problem("not-found", "there is no such user here")
        return found

    def _other(self, visit: Visit) -> User:
        """Return the user of the address. Problem when that is who asks."""
        found = self._user(visit)
        user_changes.check_other(visit.user, found.name)
        return found

    def _place(self, visit: Visit) -> str:
        """Return the program that a form chose, or EVERYWHERE."""
        place = visit.form.get("place", EVERYWHERE)
        if place != EVERYWHERE and programs.find(self.site.db(), place) is None:
            raise Problem("not-found", "there is no such program here")
        return place


def _role(visit: Visit) -> Role:
    role = visit.form.get("role", "")
    if role not in ROLES:
        raise Problem("bad-request", f"role: {role!r:.30} is none", advice=f"Choose one of: {', '.join(ROLES)}.")
    return role
