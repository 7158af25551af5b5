"""One's own account: password, second factor, sessions, API tokens."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import segno
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import tokens
from homecheck.collector.access import Visitor
from homecheck.collector.accounts import Accounts
from homecheck.collector.problems import Problem
from homecheck.collector.rights import Right, may_somewhere
from homecheck.collector.store import credentials, programs, sessions
from homecheck.collector.store import tokens as stored_tokens
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.errors import SetupError
from homecheck.standards import rfc_6238

ACCOUNT: Final = "/account"
LIVES: Final = (7, 30, 90, 365)  # days that can be chosen for a token


@dataclass(frozen=True)
class AccountPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.own(ACCOUNT, self.account),
            self.site.own_change("/account/password", self.set_password),
            self.site.own_change("/account/second-factor", self.propose),
            self.site.own_change("/account/second-factor/confirm", self.confirm),
            self.site.own_change("/account/second-factor/remove", self.remove),
            self.site.own_change("/account/sessions/end", self.end_session),
            self.site.own_change("/account/tokens", self.add_token),
            self.site.own_change("/account/tokens/{id}/revoke", self.revoke_token),
        ]

    def account(self, visit: Visit, *, error: str = "", done: str = "", **shown_once: Any) -> Response:
        """Show the account; `shown_once` is what nobody can show again: recovery codes, a token."""
        db, name, now = self.site.db(), visit.user.name, self.site.collector.clock()
        factor = credentials.totp(db, name)
        proposed = self._accounts.proposed(_visitor(visit))
        return self.site.html(
            "account.html",
            visit,
            status=400 if error else 200,
            error=error,
            done=done,
            has_password=credentials.password_hash(db, name) is not None,
            has_factor=factor is not None and factor.confirmed,
            secret=None if proposed is None else rfc_6238.base32(proposed),
            code_image=None if proposed is None else self._code_image(name, proposed),
            codes_left=credentials.recovery_codes_left(db, name),
            sessions=sessions.of_user(db, name, now),
            this_session=visit.session.id,
            tokens=stored_tokens.of_owner(db, name),
            scopes=[right.value for right in Right if may_somewhere(visit.user, right)],
            programs=programs.within(db, visit.scope),
            lives=LIVES,
            recovery_codes=shown_once.get("recovery_codes"),
            token=shown_once.get("token"),
        )

    def set_password(self, visit: Visit) -> Response:
        """Set the password; every other session ends."""
        self._accounts.check_owner(_visitor(visit), visit.form.get("present", ""), visit.source_address)
        if visit.form.get("password", "") != visit.form.get("again", ""):
            return self.account(visit, error="The two passwords differ.")
        work = lambda: self._accounts.set_password(  # noqa: E731 - one call, handed on
            _visitor(visit), visit.form.get("password", ""), visit.source_address
        )
        return self._done(visit, work, "The password is set. All other sessions have ended.")

    def propose(self, visit: Visit) -> Response:
        """Show a new secret for an app."""
        self._accounts.check_owner(_visitor(visit), visit.form.get("present", ""), visit.source_address)
        return self._done(visit, lambda: self._accounts.propose_second_factor(_visitor(visit)), "")

    def confirm(self, visit: Visit) -> Response:
        """Switch the second factor on with its first code."""
        code = visit.form.get("code", "")
        try:
            codes = self._accounts.confirm_second_factor(_visitor(visit), code, visit.source_address)
        except SetupError as error:
            return self.account(visit, error=f"{error.message}. {error.advice}")
        return self.account(visit, done="The second factor is on.", recovery_codes=codes)

    def remove(self, visit: Visit) -> Response:
        """Switch the second factor off."""
        self._accounts.check_owner(_visitor(visit), visit.form.get("present", ""), visit.source_address)
        self._accounts.remove_second_factor(_visitor(visit), visit.source_address)
        return see_other(ACCOUNT)

    def end_session(self, visit: Visit) -> Response:
        """End one session, or all the others."""
        self._accounts.end_session(_visitor(visit), visit.form.get("session", ""), visit.source_address)
        return see_other(ACCOUNT)

    def add_token(self, visit: Visit) -> Response:
        """Make a token for oneself and show it, once."""
        form, by, now = visit.form, visit.by, self.site.collector.clock()
        days = form.get("days", "")
        life = timedelta(days=int(days) if days in {str(one) for one in LIVES} else 0)
        scopes = [right.value for right in Right if form.get(right.value) == "1"]
        label, program, owner = form.get("label", ""), form.get("program", ""), visit.user.name
        if program and not visit.sees(program):
            raise Problem("not-found", "there is no such program here")
        try:
            work = self.site.collector.writer.submit(
                lambda db: tokens.add(db, owner, label=label, scopes=scopes, program=program, life=life, by=by, now=now)
            )
            return self.account(visit, token=work.result())
        except SetupError as error:
            return self.account(visit, error=f"{error.message}. {error.advice}")

    def revoke_token(self, visit: Visit) -> Response:
        """Revoke one of one's own tokens."""
        found = stored_tokens.find(self.site.db(), visit.path["id"])
        if found is None or found.owner != visit.user.name:
            raise Problem("not-found", "you have no such token")
        by, now = visit.by, self.site.collector.clock()
        self.site.collector.writer.submit(lambda db: tokens.revoke(db, found.id, by, now)).result()
        return see_other(ACCOUNT)

    @property
    def _accounts(self) -> Accounts:
        return Accounts(self.site.access)

    def _done(self, visit: Visit, work: Callable[[], object], done: str) -> Response:
        try:
            work()
        except SetupError as error:
            return self.account(visit, error=f"{error.message}. {error.advice}")
        return self.account(visit, done=done)

    def _code_image(self, name: str, secret: bytes) -> Markup:
        """Return the QR code as SVG, dark on white in every scheme, for apps read nothing else."""
        out = io.BytesIO()
        address = rfc_6238.address(secret, name, self.site.collector.name)
        segno.make(address, error="m", micro=False).save(
            out, kind="svg", xmldecl=False, svgns=False, scale=5, light="#fff", dark="#000", nl=False,
            title="QR code of the secret", omitsize=False,
        )  # fmt: skip
        return Markup(out.getvalue().decode())  # noqa: S704 - a library's drawing of our own text; no markup of others


def _visitor(visit: Visit) -> Visitor:
    return Visitor(visit.user, visit.session)
