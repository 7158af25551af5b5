"""A collector whose program asks for call-backs, the operator who places the calls, and what a device sends for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from homecheck.callback import Heard, Request
from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.collector.operators import CallToPlace, calls
from homecheck.keys import SoftwareKey
from homecheck.policy import parse_policy
from homecheck.signing import CALLBACK_ANSWER, CALLBACK_REQUEST, sign
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import Worker

CALL_POLICY = """
name = "phone-line"
version = "1"
[[requirement]]
quantity = "landline.callback"
equals = true
"""
PHONE = "+46 8 123 456 78"


@dataclass
class Clock:
    """A collector's clock that a test moves."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Office:
    """A collector whose program asks for a call-back."""

    site: Site
    clock: Clock = field(default_factory=Clock)

    def worker(self, name: str, phone: str = PHONE) -> Worker:
        worker = Worker(self.site.url)
        now = datetime.now(UTC)
        address = administration.invite(self.site.database, PROGRAM, name, timedelta(hours=1), "a test", now, phone)
        assert worker.enrol(address.rpartition("/")[2]).status_code == 201
        return worker

    def to_place(self, name: str) -> list[CallToPlace]:
        """Return what an operator sees of the calls to one person."""
        return [one for one in calls(self.site.database, self.clock()) if one.callback.person.name == name]

    def code(self, name: str) -> str:
        (one,) = self.to_place(name)
        return one.code


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    clock = Clock()
    with in_thread(folder, clock=clock) as site:
        policy = parse_policy(CALL_POLICY, "test policy")
        administration.publish_policy(site.database, PROGRAM, policy, "a test", datetime.now(UTC))
        yield Office(site, clock)


def ask(worker: Worker, nonce: str, *, key: SoftwareKey | None = None, **changes: str) -> requests.Response:
    request = replace(Request(worker.url, nonce), **changes)
    return worker.post("/v1/callbacks", sign(request.to_bytes(), CALLBACK_REQUEST, key or worker.key))


def promised(worker: Worker, nonce: str) -> str:
    answer = ask(worker, nonce)
    assert answer.status_code == 201, answer.text
    callback_id: str = answer.json()["id"]
    return callback_id


def say(worker: Worker, nonce: str, callback_id: str, digits: str, **changes: str) -> requests.Response:
    heard = replace(Heard(worker.url, nonce, callback_id, digits), **changes)
    return worker.post(f"/v1/callbacks/{callback_id}/answer", sign(heard.to_bytes(), CALLBACK_ANSWER, worker.key))
