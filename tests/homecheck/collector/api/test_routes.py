"""The administration API: what it answers about people, evidence and events, and what it refuses."""

from __future__ import annotations

import pytest
import requests

from homecheck.collector.store.database import opened
from homecheck.signing import digest
from tests.desk import Desk
from tests.live_collector import PROGRAM
from tests.people import FAILS, PASSES, Worker


def test_people_come_page_by_page_each_once(desk: Desk) -> None:
    names, after = [], ""
    while True:
        answer = desk.get("/v1/admin/people", limit="3", **({"after": after} if after else {})).json()
        names += [one["name"] for one in answer["people"]]
        if answer["next"] is None:
            break
        after = answer["next"]
    assert sorted(names) == sorted([PASSES.name, FAILS.name, *(f"Person {number}" for number in range(5))])
    assert {one["name"] for one in desk.get("/v1/admin/people", verdict="fail").json()["people"]} == {FAILS.name}
    assert len(desk.get("/v1/admin/people", verdict="none").json()["people"]) == 5
    assert len(desk.get("/v1/admin/people", name="PERSON").json()["people"]) == 5
    assert desk.get("/v1/admin/people", program="elsewhere").json() == {"people": [], "next": None}


def test_one_person_and_one_evidence_are_whole(desk: Desk) -> None:
    person = desk.get(f"/v1/admin/people/{desk.worker.subject}").json()
    (check,), (device,) = person["checks"], person["devices"]
    assert (person["name"], check["verdict"], device["kid"]) == (PASSES.name, "pass", desk.worker.key.public.kid)
    evidence = desk.get(f"/v1/admin/evidence/{check['digest']}").json()
    assert digest(evidence["envelope"].encode()) == check["digest"]
    assert [one["quantity"] for one in evidence["findings"]][:1] == ["network.download"]
    assert evidence["person"]["id"] == desk.worker.subject


def test_evidence_whose_receipt_was_damaged_shows_the_defect_and_no_findings(desk: Desk) -> None:
    worker = desk.site.worker(FAILS, name="Damaged")
    worker.check()
    (check,) = desk.get(f"/v1/admin/people/{worker.subject}").json()["checks"]
    address = f"/v1/admin/evidence/{check['digest']}"
    assert len(desk.get(address).json()["findings"]) > len(FAILS.unmet) - 1
    with opened(desk.site.database) as db:
        db.execute("UPDATE evidence SET receipt = ? WHERE digest = ?", (b"no receipt", check["digest"]))
    shown = desk.get(address).json()
    assert (shown["findings"], shown["verdict"]) == ([], "fail")
    assert "segments" in shown["defect"]


def test_programs_show_the_policy_that_counts(desk: Desk) -> None:
    (program,) = desk.get("/v1/admin/programs").json()["programs"]
    assert (program["id"], program["policy"]["name"], program["policy"]["version"]) == (PROGRAM, "test-line", "3")
    assert program["policy"]["members"]["requirement"][0]["quantity"] == "network.download"


def test_an_invitation_of_the_api_works(desk: Desk) -> None:
    body = {"program": PROGRAM, "person": "Zoë", "phone": "+46 8 123 456 78", "valid_hours": 1}
    answer = desk.post("/v1/admin/invites", body)
    assert answer.status_code == 201
    assert Worker(desk.site.url).enrol(answer.json()["address"].rpartition("/")[2]).status_code == 201


def test_a_revoked_key_is_refused_and_revoking_twice_is_no_error(desk: Desk) -> None:
    worker = desk.site.worker(name="Lost laptop")
    address = f"/v1/admin/devices/{worker.key.public.kid}/revoke"
    first, second = desk.post(address, {"reason": "stolen"}), desk.post(address, {"reason": "again"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json()["revoked_reason"] == "stolen"
    assert worker.upload(worker.evidence()).status_code == 403


def test_events_go_back_in_time(desk: Desk) -> None:
    first = desk.get("/v1/admin/events", limit="2").json()
    second = desk.get("/v1/admin/events", limit="2", before=str(first["next"])).json()
    times = [one["at"] for one in (*first["events"], *second["events"])]
    assert len(times) == 4
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("path", "query", "culprit"),
    [
        ("/v1/admin/people", "limit=0", "limit"), ("/v1/admin/people", "limit=501", "limit"),
        ("/v1/admin/people", "limit=-1", "limit"), ("/v1/admin/people", "limit=１", "limit"),
        ("/v1/admin/people", "limit=1&limit=2", "more than once"), ("/v1/admin/people", "verdict=good", "verdict"),
        ("/v1/admin/people", "page=2", "no such parameter"), ("/v1/admin/people", "program=%27", "program"),
        ("/v1/admin/people", "after=x", "after"), ("/v1/admin/people/x", "", "id"),
        ("/v1/admin/evidence/sha256:x", "", "digest"), ("/v1/admin/events", "since=yesterday", "since"),
        ("/v1/admin/events", "before=9007199254740993", "before"), ("/v1/admin/events", "security=1", "security"),
        ("/v1/admin/people", "name=" + "x" * 201, "name"),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_named(desk: Desk, path: str, query: str, culprit: str) -> None:
    answer = requests.get(f"{desk.site.url}{path}?{query}", headers=desk.headers, timeout=20)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/bad-request"
    assert culprit in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ({}, "program"), ({"program": PROGRAM}, "person"), ({"program": PROGRAM, "person": " "}, "is no name"),
        ({"program": PROGRAM, "person": 1}, "person"), ({"program": PROGRAM, "person": "x", "role": "admin"}, "role"),
        ({"program": PROGRAM, "person": "x", "phone": "call me"}, "telephone"),
        ({"program": PROGRAM, "person": "x", "valid_hours": 0}, "valid_hours"),
        ({"program": PROGRAM, "person": "x", "valid_hours": 10**9}, "valid_hours"),
        ({"program": PROGRAM, "person": "x\x00"}, "NUL"),
        ({"program": PROGRAM, "person": "x\n\u202e"}, "is no name"), ([], "object"),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_with_its_culprit(desk: Desk, body: object, culprit: str) -> None:
    before = desk.site.browse_database("SELECT COUNT(*) FROM invite")
    answer = desk.post("/v1/admin/invites", body)
    assert answer.status_code in (400, 422)
    assert culprit in answer.json()["detail"]
    assert desk.site.browse_database("SELECT COUNT(*) FROM invite") == before
