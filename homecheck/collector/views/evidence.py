"""Everything about one evidence, on a page and byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from homecheck.collector import exhibit, results, waivers
from homecheck.collector.problems import Problem
from homecheck.collector.store import evidence as store
from homecheck.collector.store.database import Connection
from homecheck.collector.store.evidence import Stored
from homecheck.collector.views.site import Site, Visit, download
from homecheck.strict_json import serialize


@dataclass(frozen=True)
class EvidencePages:
    """The pages."""

    site: Site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            self.site.read("/evidence/{digest}", self.evidence),
            self.site.read("/evidence/{digest}/envelope", self.envelope),
            self.site.read("/evidence/{digest}/receipt", self.receipt),
            self.site.read("/evidence/{digest}/results/{number}", self.result),
            self.site.read("/evidence/{digest}/proof", self.proof),
            self.site.read("/evidence/{digest}/keys", self.keys),
        ]

    def evidence(self, visit: Visit) -> Response:
        """Show everything about one evidence, its signatures checked once more."""
        db = self.site.db()
        stored = self._stored(db, visit)
        standing = waivers.of_check(db, stored.person.id, stored.summary, self.site.collector.clock())
        return self.site.html(
            "evidence.html",
            visit,
            stored=stored,
            exhibit=exhibit.prepare(self.site.collector, db, stored),
            standing=standing,
            waivers={one.quantity: one for one in standing.waived},
        )

    def envelope(self, visit: Visit) -> Response:
        """Hand out the envelope as it was received."""
        stored = self._stored(self.site.db(), visit)
        return download(stored.envelope, f"{_hex(stored)}.jws")

    def receipt(self, visit: Visit) -> Response:
        """Hand out the receipt as it was answered."""
        stored = self._stored(self.site.db(), visit)
        return download(stored.receipt, f"{_hex(stored)}.receipt.jws")

    def result(self, visit: Visit) -> Response:
        """Hand out one of the signed results."""
        db = self.site.db()
        stored = self._stored(db, visit)
        for made in results.every(db, self.site.collector, stored):
            if str(made.number) == visit.path["number"]:
                return download(made.document, f"{_hex(stored)}.result.jws")
        raise Problem("not-found", "there is no such result of this evidence")

    def proof(self, visit: Visit) -> Response:
        """Hand out the proof that the receipt is in the log of now."""
        db = self.site.db()
        stored = self._stored(db, visit)
        proof = exhibit.log_proof(self.site.collector, db, stored)
        if not proof:
            raise Problem("not-found", "the log does not hold this receipt any more")
        return download(proof.encode("utf-8"), f"{_hex(stored)}.tlog-proof", "text/plain")

    def keys(self, visit: Visit) -> Response:
        """Hand out the keys that the documents are checked with."""
        db = self.site.db()
        stored = self._stored(db, visit)
        found = serialize(exhibit.keys(self.site.collector, db, stored))
        return download(found, f"{_hex(stored)}.jwks.json", "application/jwk-set+json")

    def _stored(self, db: Connection, visit: Visit) -> Stored:
        stored = store.find(db, visit.path["digest"])
        if stored is None or not visit.sees(stored.person.program):
            raise Problem("not-found", "no evidence of this digest was received here")
        return stored


def _hex(stored: Stored) -> str:
    return stored.summary.digest.removeprefix("sha256:")
