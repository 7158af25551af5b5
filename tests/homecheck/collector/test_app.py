"""The wire format for agents, spoken with nothing but `requests` and raw sockets."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from homecheck.collector import keys, readiness
from homecheck.collector.app import PAGES_AT_ONCE
from homecheck.collector.store.connection import beside
from homecheck.collector.store.database import opened
from homecheck.keys import SoftwareKey
from homecheck.receipt import verify_receipt
from homecheck.signing import digest, key_set
from tests.live_collector import Site, in_thread, wait_until
from tests.office import Clock
from tests.people import FAILS, PASSES, Worker
from tests.postgres import PostgresServer


def reason(answer: requests.Response) -> str:
    """Return the reason of a problem document, after checking that it is one (RFC 9457 section 3.1)."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    kind, _, name = document["type"].rpartition("/")
    assert kind == "/problems"
    return str(name)


# Who this is


def test_a_collector_says_who_it_is(site: Site) -> None:
    document = Worker(site.url).get("/.well-known/homecheck").json()
    log = document.pop("log")
    assert log["url"] == f"{site.url}/v1/log"
    assert log["key"].startswith(f"{site.url.removeprefix('http://')}/log+")
    assert document == {
        "v": 1,
        "role": "collector",
        "name": "Example Inc.",
        "url": site.url,
        "jwks_uri": f"{site.url}/v1/jwks",
        "responders": [],
    }
    (key,) = requests.get(document["jwks_uri"], timeout=20).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_an_invitation_says_what_it_is_for_before_anything_is_sent(site: Site) -> None:
    code = site.invite("Ada Lovelace", timedelta(hours=72))
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", code)
    document = Worker(site.url).get(f"/v1/invites/{code}").json()
    assert document["collector"] == {"name": "Example Inc.", "url": site.url}
    assert document["program"] == {"id": "support", "title": "Support line"}
    assert document["person"] == {"name": "Ada Lovelace"}
    assert document["quantities"] == ["headset.transport", "network.download", "room.noise"]
    assert document["declarations"] == ["door"]
    assert document["retention_days"] == 180
    assert document["policy"]["name"] == "test-line"
    left = datetime.fromisoformat(document["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71, minutes=59) < left <= timedelta(hours=72)


def test_a_policy_is_signed_by_the_collector_and_verified_by_another_library(site: Site) -> None:
    answer = Worker(site.url).get("/v1/policies/support")
    assert answer.headers["Content-Type"] == "application/jose"
    (jwk,) = Worker(site.url).get("/v1/jwks").json()["keys"]
    oracle = JWS()
    oracle.deserialize(answer.text, JWK(**jwk))
    assert oracle.jose_header == {"alg": "EdDSA", "kid": jwk["kid"], "typ": "homecheck-policy+jws"}
    document = json.loads(oracle.payload)
    assert document["program"] == "support"
    assert document["policy"]["requirement"][0]["at_least"] == 10
    assert Worker(site.url).get("/v1/policies/support").content == answer.content
    assert reason(Worker(site.url).get("/v1/policies/none")) == "not-found"


# Evidence


def test_evidence_gets_a_receipt_with_the_verdict_of_the_current_policy(site: Site) -> None:
    worker = site.worker(FAILS)
    evidence = worker.evidence(worker.challenge())
    envelope = worker.sign(evidence)
    answer = worker.put(evidence.id, envelope)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/jose"
    assert answer.headers["Cache-Control"] == "no-store"
    pinned = key_set(worker.get("/v1/jwks").json())
    receipt = verify_receipt(answer.content, digest(envelope), pinned.get)
    assert (receipt.issuer, receipt.program, receipt.evidence_id) == (site.url, "support", evidence.id)
    assert receipt.result.verdict.word == "fail"
    unmet = [finding.quantity for finding in receipt.result.findings if finding.verdict > 1]
    assert sorted(unmet) == sorted(FAILS.unmet)
    assert abs((receipt.received_at - datetime.now(UTC)).total_seconds()) < 60


def test_the_same_bytes_again_get_the_same_receipt(site: Site) -> None:
    worker = site.worker()
    evidence = worker.evidence(worker.challenge())
    envelope = worker.sign(evidence)
    first, second = worker.put(evidence.id, envelope), worker.put(evidence.id, envelope)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content


def test_a_stale_challenge_gets_a_fresh_one_which_then_does(site: Site) -> None:
    worker, other = site.worker(), site.worker(name="Somebody else")
    evidence = worker.evidence(other.challenge())
    refused = worker.upload(evidence)
    assert (refused.status_code, reason(refused)) == (401, "stale-nonce")
    assert datetime.fromisoformat(refused.json()["expires_at"]) > datetime.now(UTC)
    again = worker.evidence(refused.json()["nonce"], id=evidence.id)
    assert worker.upload(again).status_code == 201


def test_the_challenge_ends_after_ten_minutes_but_known_bytes_still_get_their_receipt(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        worker = site.worker()
        nonce = worker.challenge()
        delivered = worker.evidence(nonce)
        envelope = worker.sign(delivered)
        first = worker.put(delivered.id, envelope)
        late = worker.evidence(nonce)
        clock.ahead = timedelta(minutes=10)
        assert reason(worker.upload(late)) == "stale-nonce"
        again = worker.put(delivered.id, envelope)
        assert (again.status_code, again.content) == (200, first.content)
        # Other bytes under an id that is known are a conflict, whatever their challenge.
        conflict = worker.upload(worker.evidence(nonce, id=delivered.id))
        assert (conflict.status_code, reason(conflict)) == (409, "id-conflict")


@pytest.mark.parametrize(
    ("fetched_before", "nonce", "grade"),
    [(timedelta(seconds=50), True, "measured"), (timedelta(0), True, "signed"), (timedelta(0), False, "none")],
)
def test_the_receipt_says_how_fresh_the_evidence_is(
    tmp_path: Path, fetched_before: timedelta, nonce: bool, grade: str
) -> None:
    clock = [datetime.now(UTC)]
    with in_thread(tmp_path, clock=lambda: clock[0]) as site:
        worker = site.worker()
        challenge = worker.challenge() if nonce else None
        clock[0] += fetched_before  # a persona measures for 40 s
        evidence = worker.evidence(challenge, now=clock[0])
        envelope = worker.sign(evidence)
        answer = worker.put(evidence.id, envelope)
        keys_ = key_set(worker.get("/v1/jwks").json())
        assert verify_receipt(answer.content, digest(envelope), keys_.get).freshness == grade


@pytest.mark.parametrize("hours", [-1, 1, -24 * 365, 24 * 365])
def test_a_wrong_clock_is_no_reason_to_refuse(site: Site, hours: int) -> None:
    worker = site.worker(name=f"Clock {hours}")
    evidence = worker.evidence(worker.challenge(), now=datetime.now(UTC) + timedelta(hours=hours))
    assert worker.upload(evidence).status_code == 201


def test_evidence_for_somebody_else_is_refused_by_reason(site: Site) -> None:
    worker = site.worker()
    nonce = worker.challenge()
    cases = {
        "wrong-audience": worker.evidence(nonce, aud="https://other.example"),
        "wrong-subject": worker.evidence(nonce, sub="somebody-else"),
    }
    for expected, evidence in cases.items():
        answer = worker.upload(evidence)
        assert (answer.status_code, reason(answer)) == (422, expected)
    evidence = worker.evidence(nonce)
    answer = worker.put(worker.evidence(nonce).id, worker.sign(evidence))
    assert (answer.status_code, reason(answer)) == (422, "wrong-id")
    other = Worker(site.url, key=SoftwareKey.generate())
    answer = worker.upload(worker.evidence(nonce, device=other.evidence().device))
    assert (answer.status_code, reason(answer)) == (422, "wrong-device")
    assert reason(worker.upload(worker.evidence(None, aud=None))) == "wrong-audience"


def test_a_key_that_is_not_enrolled_gets_neither_challenge_nor_receipt(site: Site) -> None:
    stranger = Worker(site.url)
    answer = stranger.upload(stranger.evidence())
    assert (answer.status_code, reason(answer)) == (403, "unknown-device")
    body = json.dumps({"device": stranger.key.public.kid}).encode()
    assert reason(stranger.post("/v1/challenge", body, "application/json")) == "unknown-device"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not-json"),
        (b"[]", "not-json"),
        (b"{}", "bad-request"),
        (b'{"device": 1}', "bad-request"),
        (b'{"device": "x", "more": 1}', "bad-request"),
        (b'{"device": "x", "device": "x"}', "duplicate-member"),
        (b"\xff\xfe", "not-utf8"),
        (b"[" * 4000, "too-deep"),
    ],
)
def test_what_is_no_request_for_a_challenge_is_refused(site: Site, body: bytes, expected: str) -> None:
    answer = Worker(site.url).post("/v1/challenge", body, "application/json")
    assert reason(answer) == expected
    assert 400 <= answer.status_code < 500


# Bodies


def test_a_wrong_media_type_and_a_content_coding_are_refused(site: Site) -> None:
    worker = site.worker()
    evidence = worker.evidence()
    wrong = worker.put(evidence.id, worker.sign(evidence), **{"Content-Type": "application/json"})
    assert (wrong.status_code, reason(wrong)) == (415, "wrong-type")
    for coding in ("gzip", "identity", "br"):
        coded = worker.put(evidence.id, worker.sign(evidence), **{"Content-Encoding": coding})
        assert (coded.status_code, reason(coded)) == (415, "encoded")


def test_a_body_over_the_limit_is_refused_with_or_without_its_length(site: Site) -> None:
    worker = site.worker()
    evidence_id = worker.evidence().id
    answer = worker.put(evidence_id, b"x" * 262_145)
    assert (answer.status_code, reason(answer)) == (413, "too-large")
    address = f"{site.url}/v1/evidence/{evidence_id}"
    pieces = (b"x" * 10_000 for _ in range(27))
    chunked = requests.put(address, data=pieces, headers={"Content-Type": "application/jose"}, timeout=20)
    assert (chunked.status_code, reason(chunked)) == (413, "too-large")
    # Just as long as is taken: read, and found not to be evidence.
    assert reason(worker.put(evidence_id, b"x" * 262_144)) == "not-compact"


def raw(site: Site, head: str, body: bytes = b"") -> bytes:
    """Send bytes as they are and return the answer's first bytes, and whether the connection was then closed."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := connection.recv(65_536)):
            answer += piece
        return answer


HEAD = "PUT /v1/evidence/x HTTP/1.1\nHost: x\nContent-Type: application/jose\n"


def test_ten_gigabytes_are_refused_before_they_come(site: Site) -> None:
    answer = raw(site, f"{HEAD}Content-Length: 10000000000\n\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("length", ["-1", "1e3", "two", "5, 6"])
def test_a_length_that_is_no_number_is_refused(site: Site, length: str) -> None:
    assert raw(site, f"{HEAD}Content-Length: {length}\n\n").startswith(b"HTTP/1.1 400")


def test_a_chunked_body_without_end_is_cut_off(site: Site) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    host, _, port = site.url.removeprefix("http://").partition(":")
    sent, answer = 0, b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\n\n".replace("\n", "\r\n").encode())
        try:
            while sent < 1_000:  # 65 MB; the other side hangs up long before
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass
        else:
            pytest.fail("the collector reads without end")
        connection.settimeout(5)
        with suppress(OSError):  # a reset may overtake the answer
            answer = connection.recv(65_536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")


# Every answer


def test_there_is_no_redirect_and_no_page_for_machines(site: Site) -> None:
    worker = Worker(site.url)
    for path in ("/v1/jwks/", "/v1//jwks", "/v1/nothing", "/v1/evidence/x", "/v1/enrolments"):
        answer = worker.get(path)
        assert answer.status_code in (404, 405)
        assert reason(answer) in ("not-found", "method")
    allowed = worker.http.delete(f"{site.url}/v1/jwks", timeout=20).headers["Allow"]
    assert set(allowed.split(", ")) == {"GET", "HEAD"}


def test_every_answer_has_its_security_headers(site: Site) -> None:
    for path in ("/", "/v1/jwks", "/nothing", "/static/site.css", "/healthz"):
        headers = Worker(site.url).get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Strict-Transport-Security" not in headers  # loopback without TLS
        # Nothing is kept by browsers or proxies, so that going back after signing out shows nothing.
        assert (headers["Cache-Control"] == "no-store") is (path != "/static/site.css")


def test_the_page_behind_a_reason_explains_it(site: Site) -> None:
    problem = Worker(site.url).get("/v1/nothing").json()
    page = Worker(site.url).get(problem["type"])
    assert page.status_code == 200
    assert problem["title"] in page.text


# Health, and what happens when nothing can be stored


def test_a_collector_that_can_store_is_ready(site: Site) -> None:
    assert Worker(site.url).get("/healthz").json() == {"status": "ok"}
    assert Worker(site.url).get("/readyz").json() == {"status": "ready"}


def test_a_missing_key_is_not_ready_and_says_nothing_about_its_place(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        (tmp_path / "collector.keys" / keys.SIGNING).unlink()
        answer = Worker(site.url).get("/readyz")
        assert (answer.status_code, reason(answer)) == (503, "not-ready")
        assert answer.headers["Retry-After"] == str(readiness.RETRY_SECONDS)
        assert str(tmp_path) not in answer.text


def test_a_full_disk_acknowledges_nothing_and_asks_to_come_again(tmp_path: Path) -> None:
    with in_thread(tmp_path, spare_pages=25) as site:
        worker = site.worker()
        answers = []
        for _ in range(60):
            evidence = worker.evidence()
            answers.append((evidence.id, worker.upload(evidence)))
            if answers[-1][1].status_code != 201:
                break
        evidence_id, last = answers[-1]
        assert (last.status_code, reason(last)) == (503, "not-stored")
        assert int(last.headers["Retry-After"]) > 0
        assert len(answers) > 2, "the disk is too small for this test"
        page = site.browse_database("SELECT id FROM evidence")
        assert page == [identifier for identifier, _ in answers[:-1]]
        assert evidence_id not in page


def test_a_crowd_is_asked_to_slow_down(tmp_path: Path) -> None:
    with in_thread(tmp_path, max_waiting=0) as site:
        worker = Worker(site.url, PASSES)
        answer = worker.enrol(site.invite("Ada"))
        assert (answer.status_code, reason(answer)) == (429, "slow-down")
        assert int(answer.headers["Retry-After"]) > 0


def test_pages_that_hang_hold_up_no_upload_and_take_no_more_connections_than_they_may(
    tmp_path: Path, server: PostgresServer
) -> None:
    """Somebody holds a table that pages read: visitors wait for one another, and nobody else does."""
    visitors = 3 * PAGES_AT_ONCE
    database = server.new_database(tmp_path)
    name = database.url.rpartition("/")[2]
    with in_thread(tmp_path, database=database) as site, ThreadPoolExecutor(visitors) as crowd:
        browser, worker = site.browse("ada", "admin"), site.worker()
        worker.check()
        with opened(database) as holding, beside(holding):
            before = len(server.backends(name))
            holding.execute("LOCK TABLE waiver IN ACCESS EXCLUSIVE MODE")
            pages = [crowd.submit(requests.get, site.url, cookies=browser.cookies, timeout=60) for _ in range(visitors)]
            wait_until(lambda: len(server.backends(name)) >= before + PAGES_AT_ONCE - 2)  # one or two had theirs
            assert worker.check().status_code == 201
            assert len(server.backends(name)) <= before + PAGES_AT_ONCE
        assert [page.result().status_code for page in pages] == [200] * visitors
