"""A program of somebody's own that asks the administration API of a real collector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from homecheck.collector import tokens
from homecheck.collector.outside import Network
from homecheck.collector.store.database import Database
from tests.live_collector import Site, in_thread
from tests.people import FAILS, PASSES, Worker

EVERY_SCOPE = ("read", "watch", "invite", "administer")
SECONDS = 30


@dataclass(frozen=True)
class Desk:
    """Whoever holds `token`, at a collector where `worker` has passed and `failing` has failed."""

    site: Site
    token: str
    worker: Worker
    failing: Worker

    @property
    def headers(self) -> dict[str, str]:
        """What every request bears."""
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """Ask whatever it is; `headers` are added to the token's."""
        headers = {**self.headers, **more.pop("headers", {})}
        return requests.request(method, self.site.url + path, headers=headers, timeout=SECONDS, **more)

    def get(self, path: str, **query: str) -> requests.Response:
        """Look."""
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: object = None) -> requests.Response:
        """Do something."""
        return self.ask("POST", path, json=body)

    def put(self, path: str, body: object, if_match: str = "") -> requests.Response:
        """Change something; `if_match` names the state it is made from."""
        return self.ask("PUT", path, json=body, headers={"If-Match": if_match} if if_match else {})

    def delete(self, path: str) -> requests.Response:
        """Take something away."""
        return self.ask("DELETE", path)

    def as_somebody(self, name: str, role: Any, scopes: Sequence[str] = EVERY_SCOPE, program: str = "") -> Desk:
        """Return the desk of a new user, with a token of those scopes that their role has."""
        self.site.sign_in_link(name, role, program)
        return Desk(self.site, self.token_of(name, scopes), self.worker, self.failing)

    def token_of(self, owner: str, scopes: Sequence[str], program: str = "") -> str:
        """Return a new token."""
        return tokens.add_at_command_line(self.site.database, owner, "t", scopes, program, timedelta(days=1), "a test")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of one kind, the latest first."""
        found: list[dict[str, Any]] = self.get("/v1/admin/events", kind=kind).json()["events"]
        return found


@contextmanager
def desk_at(folder: Path, database: Database, inside: tuple[Network, ...] = ()) -> Iterator[Desk]:
    """Serve a collector with two checks and some people who are only invited; an administrator of everything asks."""
    with in_thread(folder, database=database, inside=inside) as site:
        site.browse("ada", "admin")
        token = tokens.add_at_command_line(site.database, "ada", "t", EVERY_SCOPE, "", timedelta(days=1), "a test")
        worker, failing = site.worker(PASSES), site.worker(FAILS)
        worker.check()
        failing.check()
        for number in range(5):
            site.invite(f"Person {number}")
        yield Desk(site, token, worker, failing)
