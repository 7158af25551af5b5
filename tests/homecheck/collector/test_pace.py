"""How often one device may ask, by itself and over HTTP: others are not slowed by it, and it is counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests

from homecheck.collector.pace import Pace
from homecheck.collector.problems import Problem
from homecheck.signing import RESULT_REQUEST, sign
from tests.live_collector import Site, in_thread
from tests.people import Worker

AT_ONCE = 12


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1e6

    def __call__(self) -> float:
        return self.seconds


def asked(pace: Pace, times: int, kid: str = "k", source: str | None = None) -> list[int]:
    """Return the Retry-After of each request, 0 for those that were let through."""
    waits = []
    for _ in range(times):
        try:
            pace.check(kid, source)
            waits.append(0)
        except Problem as problem:
            if (problem.reason, problem.status) != ("too-fast", 429):
                raise
            waits.append(int(problem.headers["Retry-After"]))
    return waits


def test_so_many_at_once_then_one_a_second_and_retry_after_is_true() -> None:
    now = Now()
    pace = Pace(at_once=5, per_second=0.5, clock=now)
    assert asked(pace, 7) == [0] * 5 + [2, 2]
    now.seconds += 1.9
    assert asked(pace, 1) == [1]
    now.seconds += 0.1
    assert asked(pace, 2) == [0, 2]
    now.seconds += 1e5
    assert asked(pace, 6) == [0] * 5 + [2]


def test_each_key_has_its_own_share_and_an_unsigned_request_uses_that_of_its_address() -> None:
    pace = Pace(at_once=2, clock=Now())
    assert asked(pace, 3, "a") == [0, 0, 1]
    assert asked(pace, 3, "b") == [0, 0, 1]
    assert asked(pace, 3, "c", "203.0.113.9") == [0, 0, 1]
    assert asked(pace, 3, "c", "203.0.113.10") == [0, 0, 1]
    assert asked(pace, 3, "c", "2001:db8::1") == [0, 0, 1]
    assert asked(pace, 1, "c", "2001:db8::2") == [1]  # of the same /64
    assert asked(pace, 2, "c") == [0, 0]  # its owner, who signs


def test_memory_is_bounded_and_who_was_not_heard_of_longest_is_forgotten() -> None:
    pace = Pace(at_once=1, most_kept=3, clock=Now())
    for kid in "abc":
        assert asked(pace, 1, kid) == [0]
    assert asked(pace, 1, "a") == [1]  # heard of again
    assert asked(pace, 1, "d") == [0]
    assert len(pace._whole_at) == 3
    assert asked(pace, 1, "a") == [1]
    assert asked(pace, 1, "b") == [0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("pace"), pace=Pace(at_once=AT_ONCE, per_second=0.01)) as running:
        yield running


def slowed(site: Site, reason: str) -> int:
    text = requests.get(f"{site.url}/metrics", timeout=20).text
    found = re.search(rf'^homecheck_slowed_total{{reason="{reason}"}} (\S+)$', text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_a_device_that_uploads_too_often_is_told_when_to_come_again_and_others_go_on(site: Site) -> None:
    fast, other = site.worker(name="Fast"), site.worker(name="Other")
    envelopes = []
    for number in range(AT_ONCE + 1):
        evidence = fast.evidence()  # made offline: no challenge is asked for
        answer = fast.upload(evidence)
        assert answer.status_code == (201 if number < AT_ONCE else 429), answer.text
        envelopes.append(evidence)
    assert answer.json()["type"] == "/problems/too-fast"
    assert 90 <= int(answer.headers["Retry-After"]) <= 100
    assert site.browse_database("SELECT COUNT(*) FROM evidence") == [AT_ONCE]
    assert other.check().status_code == 201
    again = fast.upload(envelopes[0])
    assert again.status_code == 200, "the receipt of bytes that are known is given all the same"
    assert slowed(site, "too-fast") == 1


def test_other_bytes_under_an_id_that_is_known_count_too(site: Site) -> None:
    worker = site.worker(name="Stubborn")
    evidence = worker.evidence()
    assert worker.upload(evidence).status_code == 201
    others = [worker.upload(worker.evidence(id=evidence.id)).status_code for _ in range(AT_ONCE)]
    assert others == [409] * (AT_ONCE - 1) + [429]


def test_results_and_what_is_stored_count_too(site: Site) -> None:
    worker = site.worker(name="Curious")
    evidence = worker.evidence(worker.challenge())
    assert worker.upload(evidence).status_code == 201
    members = {"v": 1, "aud": worker.url, "nonce": worker.challenge(), "asks": "stored", "evidence": None}
    asked = sign(json.dumps(members).encode(), RESULT_REQUEST, worker.key)
    statuses = [worker.post("/v1/stored", asked).status_code for _ in range(AT_ONCE)]
    assert statuses == [200] * (AT_ONCE - 1) + [429]


def test_a_stranger_who_asks_for_challenges_slows_nobody_else_down(site: Site) -> None:
    worker = site.worker(name="Victim")
    stranger = Worker(site.url, key=worker.key, http=requests.Session())
    body = {"device": worker.key.public.kid}
    statuses = [stranger.http.post(f"{site.url}/v1/challenge", json=body, timeout=20).status_code for _ in range(15)]
    assert statuses == [200] * AT_ONCE + [429] * 3
    assert worker.upload(worker.evidence()).status_code == 201
