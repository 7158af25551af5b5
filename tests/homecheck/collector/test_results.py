"""Signed results and credentials as a collector hands them out: to whom, when, and what is left behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from homecheck.cli import homecheck
from homecheck.collector import administration
from homecheck.collector.reappraisal import reappraise
from homecheck.collector.store.database import opened, transaction
from homecheck.credential import Credential, read
from homecheck.evidence import ProbeRun
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.policy import parse_policy
from homecheck.receipt import verify_receipt
from homecheck.result import Request, verify_result
from homecheck.sd_jwt import SdJwt
from homecheck.signing import EVIDENCE, RESULT_REQUEST, KeyLookup, digest, key_set, sign
from tests.live_collector import PROGRAM, Site, in_thread
from tests.office import Clock
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker


def keys_of(worker: Worker) -> KeyLookup:
    return key_set(worker.get("/v1/jwks").json()).get


def sent(worker: Worker, **changes: Any) -> tuple[str, bytes]:
    """Send new evidence and return its digest and its receipt."""
    evidence = worker.evidence(worker.challenge(), **changes)
    envelope = worker.sign(evidence)
    answer = worker.put(evidence.id, envelope)
    assert answer.status_code == 201, answer.text
    return digest(envelope), answer.content


def credential_of(worker: Worker) -> Credential:
    answer = worker.ask("credential")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/sd-jwt"), answer.text
    return read(SdJwt.parse(answer.content), keys_of(worker), datetime.now(UTC))


def reason(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


# Results


def test_the_result_says_who_what_when_and_how_fresh_and_needs_no_evidence(site: Site) -> None:
    worker = site.worker(name="Rut Result")
    name, receipt = sent(worker)
    answer = worker.ask("result", name)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/jose")
    result = verify_result(answer.content, keys_of(worker))
    said = verify_receipt(receipt, name, keys_of(worker))
    assert (result.issuer, result.program, result.program_title) == (site.url, PROGRAM, "Support line")
    assert (result.name, result.subject, result.device) == ("Rut Result", worker.subject, worker.key.public.kid)
    assert (result.findings, result.freshness, result.number) == (said.result, "signed", 0)
    assert result.received_at == result.appraised_at == said.received_at
    assert result.expires_at - result.received_at == timedelta(days=30)  # the policy's recheck, by default
    assert result.finished_at - result.started_at == timedelta(seconds=40)


def test_the_same_evidence_has_the_same_result_byte_for_byte(site: Site) -> None:
    worker = site.worker(name="Same")
    name, _ = sent(worker)
    first = worker.ask("result", name).content
    sent(worker)
    assert worker.ask("result", name).content == first
    assert worker.ask("result").content != first  # of the latest


def test_a_home_whose_region_is_known_has_it_in_result_and_credential(site: Site) -> None:
    worker = site.worker(name="Region")
    region = Measurement(Quantity.text("network.region", "told by the far end"), "SE-AB")
    runs = (*PASSES.runs(datetime.now(UTC)), ProbeRun("other", "1", datetime.now(UTC), 0.1, (region,)))
    name, _ = sent(worker, runs=runs)
    assert verify_result(worker.ask("result", name).content, keys_of(worker)).regions == {"network.region": "SE-AB"}
    assert credential_of(worker).region == {"network.region": "SE-AB"}


@pytest.mark.parametrize("asks", ["result", "credential"])
def test_nobody_gets_what_is_said_about_somebody_else(site: Site, asks: str) -> None:
    mine, other = site.worker(name=f"Mine {asks}"), site.worker(FAILS, name=f"Other {asks}")
    assert reason(mine.ask(asks)) == (404, "no-result")  # nothing was sent yet
    name, _ = sent(other)
    assert reason(mine.ask(asks, name)) == (404, "no-result")
    assert reason(mine.ask(asks, "sha256:" + "0" * 64)) == (404, "no-result")
    assert reason(mine.ask(asks, name, key=SoftwareKey.generate())) == (403, "unknown-device")
    assert other.ask(asks, name).status_code == 200


WRONG: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "another collector": ({"aud": "https://other.example"}, (422, "wrong-audience")),
    "an old nonce": ({"nonce": "b2xk"}, (401, "stale-nonce")),
    "no nonce": ({"nonce": ""}, (401, "stale-nonce")),
    "more than is asked": ({"also": "x"}, (422, "schema")),
    "everything": ({"asks": "everything"}, (422, "schema")),
    "the other address": ({"asks": "credential"}, (422, "refused")),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_refused_with_its_reason(
    site: Site, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    worker = site.worker(name=f"Wrong {expected} {list(changes)}")
    name, _ = sent(worker)
    members = {"v": 1, "aud": worker.url, "nonce": worker.challenge(), "asks": "result", "evidence": name, **changes}
    answer = worker.post("/v1/results", sign(json.dumps(members).encode(), RESULT_REQUEST, worker.key))
    assert reason(answer) == expected


def test_evidence_is_no_request_and_a_book_is_none_either(site: Site) -> None:
    worker = site.worker(name="Book")
    assert reason(worker.post("/v1/results", sign(b"{}", EVIDENCE, worker.key))) == (422, "typ")
    assert reason(worker.post("/v1/credentials", b"x" * 5_000)) == (413, "too-large")
    assert worker.get("/v1/results").status_code == 405


def test_a_challenge_of_somebody_else_does_not_count(site: Site) -> None:
    worker, other = site.worker(name="Own challenge"), site.worker(name="Others challenge")
    sent(worker)
    assert reason(worker.ask("result", nonce=other.challenge())) == (401, "stale-nonce")


def test_a_revoked_key_gets_nothing_more(site: Site) -> None:
    worker = site.worker(name="Revoked")
    name, _ = sent(worker)
    request = Request(worker.url, worker.challenge(), "result", name)
    administration.revoke_device(site.database, worker.key.public.kid, "a test", datetime.now(UTC))
    answer = worker.post("/v1/results", sign(request.to_bytes(), RESULT_REQUEST, worker.key))
    assert reason(answer) == (403, "key-revoked")


# Credentials


def test_a_credential_says_the_result_of_the_latest_evidence_to_the_key_that_asks(site: Site) -> None:
    worker = site.worker(FAILS, name="Carrier")
    name, _ = sent(worker)
    content = credential_of(worker)
    result = verify_result(worker.ask("result", name).content, keys_of(worker))
    assert (content.issuer, content.holder, content.verdict.word) == (site.url, worker.key.public, "fail")
    assert (content.name, content.program, content.evidence) == ("Carrier", "Support line", name)
    assert content.policy_digest == result.findings.policy_digest
    assert {(one.quantity, one.verdict) for one in content.findings.values()} == {
        (one.quantity, one.verdict) for one in result.findings.findings
    }
    assert content.expires_at == result.expires_at.replace(microsecond=0)


def test_each_credential_is_another_one_and_none_stays_at_the_collector(site: Site) -> None:
    worker = site.worker(name="Twice")
    sent(worker)
    one, other = (SdJwt.parse(worker.ask("credential").content) for _ in range(2))
    assert {found.text for found in one.disclosures} & {found.text for found in other.disclosures} == set()
    stored = site.everything()
    for found in (*one.disclosures, *other.disclosures):
        assert found.text.encode() not in stored
        assert found.digest.encode() not in stored


def test_an_old_result_can_be_read_but_no_longer_carried(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        worker = site.worker()
        name, _ = sent(worker)
        clock.ahead = timedelta(days=29, hours=23)
        assert worker.ask("credential").status_code == 200
        clock.ahead = timedelta(days=30, minutes=1)
        assert worker.ask("result", name).status_code == 200
        assert reason(worker.ask("credential")) == (410, "result-expired")


# Judging again


STRICTER = POLICY_TEXT.replace("at_least = 10", "at_least = 60").replace("warn_below = 25", "").replace('"3"', '"4"')


def test_a_policy_that_decides_nothing_otherwise_is_told_as_such(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        for who in (PASSES, FAILS):
            sent(site.worker(who))
        newer = parse_policy(POLICY_TEXT.replace('"3"', '"4"'), "newer")
        administration.publish_policy(site.database, PROGRAM, newer, "a test", datetime.now(UTC))
        told = CliRunner().invoke(homecheck, ["collector", "--database", site.database.url, "reappraise", PROGRAM])
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == "2 judged again: 0 with another verdict, 2 new results signed.\n"


def test_judging_again_makes_another_result_and_keeps_the_first(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker, failing = site.worker(), site.worker(FAILS)
        name, receipt = sent(worker)
        sent(failing)
        first = worker.ask("result", name).content
        assert [one.changed for one in reappraise(site.database, PROGRAM, "a test", datetime.now(UTC))] == [
            False,
            False,
        ]
        stricter = parse_policy(STRICTER, "stricter")
        administration.publish_policy(site.database, PROGRAM, stricter, "a test", datetime.now(UTC))
        again = list(reappraise(site.database, PROGRAM, "a test", datetime.now(UTC)))
        assert [(one.person.name, one.before.word, one.after.word, one.changed) for one in again] == [
            (FAILS.name, "fail", "fail", True),
            (PASSES.name, "pass", "fail", True),
        ]
        second = worker.ask("result", name).content
        old, new = (verify_result(one, keys_of(worker)) for one in (first, second))
        assert (old.findings.verdict.word, new.findings.verdict.word) == ("pass", "fail")
        assert (new.number, new.findings.policy_version, new.received_at) == (1, "4", old.received_at)
        assert new.appraised_at > old.appraised_at
        assert credential_of(worker).verdict.word == "fail"
        assert verify_receipt(receipt, name, keys_of(worker)).result.verdict.word == "pass"
        assert worker.upload(worker.evidence()).status_code == 201
        viewer = site.browse("viewer", "viewer")
        assert "Older result" in (page := viewer.get(f"{site.url}/evidence/{name}").text)
        assert "at least 60 Mbit/s needed" in page
        assert viewer.get(f"{site.url}/evidence/{name}/results/0").content == first
        assert viewer.get(f"{site.url}/evidence/{name}/results/1").content == second
        assert viewer.get(f"{site.url}/evidence/{name}/results/2").status_code == 404
        assert requests.get(f"{site.url}/evidence/{name}/results/0", timeout=20).status_code == 401
        assert site.defects() == []  # what lists show follows from the newest result, where there is one


# What the database holds


def test_the_first_result_is_made_from_the_receipt_when_somebody_wants_it(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker()
        name, receipt = sent(worker)
        assert site.browse_database("SELECT count(*) FROM result") == [0]
        page = site.browse("viewer", "viewer")
        shown = page.get(f"{site.url}/evidence/{name}/results/0").content  # looking at it stores nothing
        assert site.browse_database("SELECT count(*) FROM result") == [0]
        assert shown == worker.ask("result", name).content
        result = verify_result(worker.ask("result", name).content, keys_of(worker))
        assert result.findings == verify_receipt(receipt, name, keys_of(worker)).result
        assert result.appraised_at == result.received_at
        assert worker.ask("result", name).content == worker.ask("result", name).content
        assert site.browse_database("SELECT count(*) FROM result") == [1]


def test_a_result_that_was_changed_in_the_database_is_noticed_and_not_handed_out(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        passing, failing = site.worker(), site.worker(FAILS)
        name, _ = sent(failing)
        good = passing.ask("result", sent(passing)[0]).content
        assert failing.ask("result", name).ok  # made and kept when it is wanted first
        with opened(site.database) as db, transaction(db):
            where = "position = (SELECT position FROM evidence WHERE digest = ?)"
            db.execute(f"UPDATE result SET document = ? WHERE {where}", (good, name))
        page = site.browse("viewer", "viewer").get(f"{site.url}/evidence/{name}").text
        assert "a stored result is not about this evidence" in page
        assert reason(failing.ask("result", name)) == (500, "damaged")
        assert reason(failing.ask("credential", name)) == (500, "damaged")


def test_results_go_with_the_evidence_they_are_about(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker()
        assert worker.ask("result", sent(worker)[0]).ok
        assert site.browse_database("SELECT count(*) FROM result") == [1]
        with opened(site.database) as db, transaction(db):
            db.execute("UPDATE person SET latest = NULL")
            db.execute("DELETE FROM evidence")
        assert site.browse_database("SELECT count(*) FROM result") == [0]
