"""What is refused, what is flagged, and what two uploads at the same moment come to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration
from homecheck.keys import SoftwareKey
from homecheck.observation import SessionObservation
from homecheck.policy import parse_policy
from homecheck.receipt import verify_receipt
from homecheck.signing import OBSERVATION, digest, key_set, sign
from tests.forgeries import DEVICE, DEVICE_P256, Forgery, forgeries
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, POLICY_TEXT, Worker


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """The home office whose keys the forgeries are made with, enrolled for real."""
    with in_thread(tmp_path_factory.mktemp("forged")) as site:
        for key in (DEVICE, DEVICE_P256):
            worker = Worker(site.url, key=key)
            assert worker.enrol(site.invite(f"Owner of {key.public.kid}")).status_code == 201
        yield worker


@pytest.mark.parametrize("forgery", forgeries(), ids=lambda forgery: str(forgery.name))
def test_a_forgery_is_refused_with_its_reason_and_leaves_nothing(forger: Worker, forgery: Forgery) -> None:
    answer = forger.put("019ab1c2-d3e4-7f01-8234-56789abcdef0", forgery.make())
    reason = answer.json()["type"].rpartition("/")[2]
    expected = {"unknown-key": "unknown-device"}.get(forgery.reason, forgery.reason)
    assert reason == expected, answer.text
    assert answer.status_code == {"unknown-device": 403, "too-large": 413}.get(reason, 422)


def test_two_uploads_of_the_same_bytes_at_once_are_one(site: Site) -> None:
    worker = site.worker(name="At once")
    start = threading.Barrier(6)

    def send(evidence_id: str, envelope: bytes) -> requests.Response:
        start.wait(20)
        return Worker(worker.url).put(evidence_id, envelope)

    for _ in range(5):
        evidence = worker.evidence(worker.challenge())
        envelope = worker.sign(evidence)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(send, [evidence.id] * 6, [envelope] * 6))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]
        assert len({answer.content for answer in answers}) == 1


def test_positions_count_up_without_gaps_across_people_and_refusals(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        one, other = site.worker(), site.worker(FAILS)
        pinned = key_set(one.get("/v1/jwks").json())
        positions = []
        for worker in (one, other, one, other, other):
            refused = worker.evidence("stale")
            assert worker.upload(refused).status_code == 401
            evidence = worker.evidence(worker.challenge())
            envelope = worker.sign(evidence)
            receipt = verify_receipt(worker.put(evidence.id, envelope).content, digest(envelope), pinned.get)
            assert worker.put(evidence.id, envelope).status_code == 200
            positions.append(receipt.position)
        first = positions[0]  # behind the events of the set-up
        assert positions == [first, first + 1, first + 2, first + 3, first + 4]
        assert site.browse_database("SELECT position FROM log_entry ORDER BY position") == list(range(first + 5))


def test_the_same_id_with_other_bytes_is_a_conflict_and_a_security_event(site: Site) -> None:
    worker = site.worker(name="Conflict")
    first = worker.evidence(worker.challenge())
    assert worker.upload(first).status_code == 201
    other = worker.evidence(worker.challenge(), id=first.id)
    for _ in range(2):
        assert worker.upload(other).status_code == 409
    kinds = site.browse_database(f"SELECT kind FROM event WHERE security = 1 AND person = '{worker.subject}'")
    assert kinds == ["id-conflict", "id-conflict"]
    assert site.browse_database(f"SELECT count(*) FROM evidence WHERE id = '{first.id}'") == [1]


def test_an_attack_that_is_repeated_does_not_fill_the_disk(site: Site) -> None:
    worker = site.worker(name="Insistent")
    first = worker.evidence()
    assert worker.upload(first).status_code == 201
    other = worker.sign(worker.evidence(id=first.id))
    for _ in range(25):
        assert worker.put(first.id, other).status_code == 409
    assert site.browse_database(f"SELECT count(*) FROM event WHERE person = '{worker.subject}' AND security = 1") == [
        20
    ]


def test_a_sequence_number_seen_twice_is_flagged_and_taken(site: Site) -> None:
    worker = site.worker(name="Restored from a backup")
    seventh = worker.evidence(seq=7)
    eighth, ninth = (worker.evidence(seq=number) for number in (8, 9))
    assert worker.upload(seventh).status_code == 201
    assert worker.upload(ninth).status_code == 201
    assert worker.upload(eighth).status_code == 201  # late from the spool: nothing odd
    assert worker.upload(worker.evidence(seq=7)).status_code == 201
    of_worker = f"FROM event WHERE security = 1 AND person = '{worker.subject}'"
    assert site.browse_database(f"SELECT kind {of_worker}") == ["seq-repeated"]
    (detail,) = site.browse_database(f"SELECT detail {of_worker}")
    assert str(detail).startswith(f"number 7 was used before, by {digest(worker.sign(seventh))}")


def test_a_number_below_those_seen_on_a_check_that_ended_later_is_flagged_and_taken(site: Site) -> None:
    """A backup from before number 8 was restored, and number 8 had never arrived: no number is seen twice."""
    worker = site.worker(name="Restored, nothing twice")
    for number in (7, 9):
        assert worker.upload(worker.evidence(seq=number)).status_code == 201
    assert worker.upload(worker.evidence(seq=8)).status_code == 201
    of_worker = f"FROM event WHERE security = 1 AND person = '{worker.subject}'"
    assert site.browse_database(f"SELECT kind {of_worker}") == ["seq-backwards"]
    (detail,) = site.browse_database(f"SELECT detail {of_worker}")
    assert "number 8 was measured after number 9" in str(detail)
    assert "or a clock was set back" in str(detail)


def test_a_revoked_key_is_refused_and_what_came_before_keeps_its_receipt(site: Site) -> None:
    worker = site.worker(name="Revoked")
    before = worker.evidence(worker.challenge())
    envelope = worker.sign(before)
    first = worker.put(before.id, envelope)
    administration.revoke_device(site.database, worker.key.public.kid, "a test", datetime.now(UTC))
    refused = worker.upload(worker.evidence())
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/key-revoked")
    again = worker.put(before.id, envelope)
    assert (again.status_code, again.content) == (200, first.content)


def test_the_verdict_follows_the_policy_that_is_current_when_evidence_arrives(site: Site) -> None:
    worker = site.worker(name="Judged twice")
    strict = parse_policy(POLICY_TEXT.replace("at_least = 10", "at_least = 24").replace('"3"', '"4"'), "strict")
    pinned = key_set(worker.get("/v1/jwks").json())

    def verdict_of_24_mbit() -> tuple[str, str]:
        worker.character = replace(worker.character, download=24.0)
        evidence = worker.evidence()
        envelope = worker.sign(evidence)
        receipt = verify_receipt(worker.put(evidence.id, envelope).content, digest(envelope), pinned.get)
        return receipt.result.verdict.word, receipt.result.policy_version

    assert verdict_of_24_mbit() == ("warn", "3")
    administration.publish_policy(site.database, PROGRAM, strict, "a test", datetime.now(UTC))
    try:
        # The limit lies within 24 ± 0.8.
        assert verdict_of_24_mbit() == ("inconclusive", "4")
    finally:
        administration.publish_policy(
            site.database, PROGRAM, parse_policy(POLICY_TEXT, "test"), "a test", datetime.now(UTC)
        )


def test_an_observation_without_a_challenge_proves_nothing_about_evidence_without_one(tmp_path: Path) -> None:
    """Somebody else's good line, or last month's, would otherwise go for that of every check made offline."""
    with in_thread(tmp_path) as site:
        trusted = SoftwareKey.generate()
        administration.pin_responder(
            site.database, "https://measure.example", trusted.public, "a test", datetime.now(UTC)
        )
        then = datetime.now(UTC) - timedelta(days=30)
        seen = SessionObservation("session", None, then, then, "203.0.113.7")
        worker = site.worker()
        old = sign(seen.to_bytes(), OBSERVATION, trusted).decode()
        assert worker.upload(worker.evidence(None, observations=(old,))).status_code == 201
        assert site.browse_database("SELECT defect FROM observation") == [
            "it carries no challenge, so it may be of any check"
        ]


def test_each_observation_is_marked_as_verified_or_not_and_none_refuses_the_evidence(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        trusted, unknown = SoftwareKey.generate(), SoftwareKey.generate()
        address = "https://measure.example"
        administration.pin_responder(site.database, address, trusted.public, "a test", datetime.now(UTC))
        worker = site.worker()
        nonce = worker.challenge()
        now = datetime.now(UTC)

        def observed(nonce: str | None, key: SoftwareKey) -> str:
            return sign(
                SessionObservation("session", nonce, now, now, "203.0.113.7").to_bytes(), OBSERVATION, key
            ).decode()

        genuine = observed(nonce, trusted)
        texts = (
            genuine,
            observed(nonce, unknown),
            observed("old", trusted),
            genuine[:-8] + "AAAAAAAA",
            "nonsense",
            "ü",
        )
        assert worker.upload(worker.evidence(nonce, observations=texts)).status_code == 201
        rows = site.browse_database("SELECT responder || ' / ' || defect FROM observation ORDER BY ordinal")
        assert rows[0] == f"{address} / "
        assert rows[2] == f"{address} / it was made for another challenge than the evidence"
        assert [row for index, row in enumerate(rows) if index not in (0, 2)] == [None] * 4
        defects = site.browse_database("SELECT defect FROM observation ORDER BY ordinal")
        assert all(defects[1:])
