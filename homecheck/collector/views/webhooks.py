"""Webhooks: whose servers are told what happens here, what became of the messages, and the secrets, each shown once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import deliveries, webhooks
from homecheck.collector.access import ADMINISTER
from homecheck.collector.post import MAX_URL
from homecheck.collector.problems import Problem
from homecheck.collector.rights import scope_of
from homecheck.collector.store import programs
from homecheck.collector.store import webhooks as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.users import EVERYWHERE
from homecheck.collector.store.webhooks import Webhook
from homecheck.collector.views.mistakes import CHANGED, Mistake, status_of, wrong_field
from homecheck.collector.views.site import Site, Visit, see_other
from homecheck.standards.standard_webhooks import secret_text

MESSAGES_SHOWN: Final = 50
KINDS: Final = {
    webhooks.RECEIVED: "a check has arrived",
    webhooks.CHANGED: "its verdict is another one than before",
    "security.*": "what looks like an attack or a copied key",
    "event.*": "every change that administrators and people make",
}
MOST_KINDS: Final = 20


@dataclass(frozen=True)
class WebhookPages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/webhooks", self.webhooks, ADMINISTER),
            self.site.write("/webhooks", self.add, ADMINISTER),
            self.site.read("/webhooks/{id}", self.webhook, ADMINISTER),
            self.site.write("/webhooks/{id}/test", self.test, ADMINISTER),
            self.site.write("/webhooks/{id}/rotate", self.rotate, ADMINISTER),
            self.site.write("/webhooks/{id}/messages/{message}/resend", self.resend, ADMINISTER),
            self.site.read("/webhooks/{id}/remove", self.ask_to_remove, ADMINISTER),
            self.site.write("/webhooks/{id}/remove", self.remove, ADMINISTER),
        ]

    def webhooks(self, visit: Visit, *, error: Mistake = None) -> Response:
        """List the receivers that the visitor administers, with what waits for each, and ask for another."""
        db = self.site.db()
        found = [one for one in store.every(db) if _administers(visit, one)]
        return self.site.html(
            "webhooks.html",
            visit,
            status=status_of(error),
            webhooks=[(one, store.outstanding(db, one.id)) for one in found],
            waits=deliveries.waits,
            programs=programs.within(db, scope_of(visit.user, ADMINISTER)),
            everywhere=visit.may(ADMINISTER, EVERYWHERE),
            kinds=KINDS,
            defaults=webhooks.DEFAULT_KINDS,
            form=visit.form,
            error=error,
            wrong="" if error is None else wrong_field(error.message, ("kinds",)) or "url",
            most=MAX_URL,
        )

    def add(self, visit: Visit) -> Response:
        """Add a receiver and show its secret, once."""
        form, by, now, collector = visit.form, visit.by, self.site.collector.clock(), self.site.collector
        url, program = form.get("url", "").strip(), form.get("program", "") or None
        if program is not None and not visit.sees(program):
            raise Problem("not-found", "there is no such program here")
        visit.check(ADMINISTER, program or EVERYWHERE)
        kinds = [kind for kind in KINDS if form.get(kind) == "1"] + form.get("others", "").split()
        try:
            if not 0 < len(kinds) <= MOST_KINDS:
                raise Problem("bad-request", f"kinds: {len(kinds)} are chosen", advice=f"Choose 1 to {MOST_KINDS}.")
            made = self.site.do(lambda db: webhooks.add(db, url, program, kinds, by, now, collector.inside))
        except Problem as error:
            return self.webhooks(visit, error=error)
        return self._page(visit, made, secret=self._secret(made), done="The receiver was added.")

    def webhook(self, visit: Visit) -> Response:
        """Show one receiver: what waits, and what became of the latest messages."""
        return self._page(visit, self._webhook(visit))

    def test(self, visit: Visit) -> Response:
        """Send a message that says nothing."""
        one, now, url = self._webhook(visit), self.site.collector.clock(), self.site.collector.url
        self.site.do(lambda db: webhooks.send_test(db, one.id, url, now))
        return see_other(f"/webhooks/{one.id}")

    def rotate(self, visit: Visit) -> Response:
        """Give a receiver another secret and show it, once.

        From a page that shows an earlier secret nothing is done: a second rotation ends the first secret at once.
        """
        one, by, now = self._webhook(visit), visit.by, self.site.collector.clock()
        seen = visit.form.get("generation", "")

        def work(db: Connection) -> Webhook:
            if str(webhooks.find(db, one.id).generation) != seen:
                raise Problem(CHANGED, "it has got another secret since this page was made")
            return webhooks.rotate(db, one.id, by, now)

        try:
            changed = self.site.do(work)
        except Problem as error:
            return self._page(visit, self._webhook(visit), error=error)
        return self._page(visit, changed, secret=self._secret(changed), done="The receiver has another secret.")

    def resend(self, visit: Visit) -> Response:
        """Send a message once more that was not taken."""
        one, by, now, message = self._webhook(visit), visit.by, self.site.collector.clock(), visit.path["message"]
        if store.find_message(self.site.db(), one.id, message) is None:
            raise Problem("not-found", "there is no such message here")
        try:
            self.site.do(lambda db: webhooks.resend(db, one.id, message, by, now))
        except Problem as error:
            return self._page(visit, self._webhook(visit), error=error)
        return see_other(f"/webhooks/{one.id}")

    def ask_to_remove(self, visit: Visit) -> Response:
        """Say what switching off does."""
        one = self._webhook(visit)
        found = store.outstanding(self.site.db(), one.id)
        return self.site.html("remove_webhook.html", visit, hook=one, waiting=found.waiting)

    def remove(self, visit: Visit) -> Response:
        """Tell a receiver nothing more."""
        one, by, now = self._webhook(visit), visit.by, self.site.collector.clock()
        self.site.do(lambda db: webhooks.remove(db, one.id, by, now))
        return see_other("/webhooks")

    def _page(self, visit: Visit, one: Webhook, *, secret: str = "", done: str = "", error: Mistake = None) -> Response:
        db, now = self.site.db(), self.site.collector.clock()
        recent = store.recent(db, one.id, MESSAGES_SHOWN)
        return self.site.html(
            "webhook.html",
            visit,
            status=status_of(error),
            hook=one,
            waits=deliveries.waits(found) if (found := store.outstanding(db, one.id)).waiting else "",
            failing=found.refused > 0,
            messages=recent,
            bodies={message.id: json.dumps(json.loads(message.body), indent=2) for message in recent},
            became=deliveries.became,
            may_resend=lambda message: webhooks.may_be_resent(one, message, now),
            most=MESSAGES_SHOWN,
            overlap=webhooks.live_until(one, now),
            hours=int(webhooks.OVERLAP.total_seconds() // 3600),
            secret=secret,
            done=done,
            error=error,
        )

    def _webhook(self, visit: Visit) -> Webhook:
        found = store.find(self.site.db(), visit.path["id"])
        if found is None or not _administers(visit, found):
            raise Problem("not-found", "there is no such webhook here")
        return found

    def _secret(self, one: Webhook) -> str:
        return secret_text(webhooks.secret_of(self.site.collector.keys.challenge_secret, one))


def _administers(visit: Visit, one: Webhook) -> bool:
    return visit.may(ADMINISTER, EVERYWHERE if one.program is None else one.program)
