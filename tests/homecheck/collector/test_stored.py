"""What a collector tells a person about themselves: all of it, nothing about others, and to nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from homecheck.clock import utc_now
from homecheck.collector import administration, stored
from homecheck.collector.store import waivers
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.people import Person
from homecheck.keys import SoftwareKey
from homecheck.signing import RESULT_REQUEST, digest, sign
from homecheck.standards.rfc_3339 import from_text
from tests.live_collector import Site
from tests.office import office, promised
from tests.people import FAILS, PASSES, Worker


def ask(
    worker: Worker, after: str | None = None, *, key: SoftwareKey | None = None, **changes: Any
) -> requests.Response:
    members = {"v": 1, "aud": worker.url, "nonce": worker.challenge(), "asks": "stored", "evidence": after, **changes}
    return worker.post("/v1/stored", sign(json.dumps(members).encode(), RESULT_REQUEST, key or worker.key))


def test_everything_about_a_person_is_told_with_the_day_until_which_it_is_kept(site: Site) -> None:
    worker = site.worker(FAILS, "Frida Fråga")
    evidence = worker.evidence(worker.challenge())
    assert worker.upload(evidence).status_code == 201
    assert worker.upload(evidence).status_code == 200
    assert worker.ask("result").ok  # it is made when somebody asks
    answer = ask(worker)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    found = answer.json()
    assert found["issuer"] == site.url
    assert (found["program"]["id"], found["program"]["retention_days"]) == ("support", 180)
    assert (found["person"]["name"], found["person"]["id"], found["person"]["phone"]) == (
        "Frida Fråga",
        worker.subject,
        None,
    )
    (device,), (invitation,), (check,), (result,) = (
        found[name] for name in ("devices", "invitations", "checks", "results")
    )
    assert (device["kid"], device["source_address"]) == (worker.key.public.kid, "127.0.0.1")
    assert invitation["kid"] == worker.key.public.kid
    assert (check["digest"], check["verdict"]) == (digest(worker.sign(evidence)), "fail")
    assert 0 < check["stored_bytes"] < len(worker.sign(evidence))  # compressed
    assert from_text(check["kept_until"]) - from_text(check["received_at"]) == timedelta(days=180)
    assert result["check"] == check["digest"]
    assert {one["quantity"] for one in found["findings"] if one["verdict"] != "pass"} == set(FAILS.unmet)
    assert "invited" in {one["kind"] for one in found["events"]}
    assert {one["actor"] for one in found["events"]} <= {"the company", worker.key.public.kid}
    assert found["more"] is None


def test_of_a_check_whose_receipt_was_damaged_everything_else_is_told(site: Site) -> None:
    worker = site.worker(FAILS, name="Damaged")
    worker.check()
    with opened(site.database) as db:
        db.execute("UPDATE evidence SET receipt = ? WHERE person = ?", (b"no receipt", worker.subject))
    found = ask(worker).json()
    assert found["findings"] == []
    assert [one["verdict"] for one in found["checks"]] == ["fail"]


def test_each_column_of_each_table_about_people_is_told_or_left_out_for_a_reason(site: Site) -> None:
    """Whoever adds a column decides here what the person is told of it."""
    left_out = {
        "person": {"program", "folded", "latest", "rank", "received"},  # said elsewhere; the name again; places
        "invite": {"code_sha256", "program", "person", "created_by"},  # a hash of chance; the company's people
        "device": {"jwk", "program", "person", "enrolment"},  # its thumbprint is `kid`; what the computer sent itself
        "evidence": {"program", "person", "iat", "policy_digest", "envelope", "receipt"},  # the person has the bytes
        "callback": {"id", "kid", "program", "person", "nonce"},
        "event": {"id", "program", "person", "position", "token"},  # which token the company used
        "finding": {"position", "ordinal", "advice", "reason", "month"},  # the policy's words
        "concern": {"person", "program", "received"},
        "result": {"position", "document", "month"},  # the person has it: homecheck credential fetch
        "waiver": {"id", "program", "person", "approved_by", "revoked_by"},  # the company's people
    }
    parts = {
        "person": "person", "invite": "invitations", "device": "devices", "evidence": "checks", "callback": "calls",
        "event": "events", "finding": "findings", "result": "results",
        "concern": "concerns", "waiver": "waivers",
    }  # fmt: skip
    worker = site.worker(FAILS, name="Columns")
    assert worker.subject is not None
    now = utc_now()
    one = waivers.Waiver(
        "w1", Person(worker.subject, "support", "Columns"), "room.noise", "a drill next door", "bo", now, now, now
    )
    with opened(site.database) as db, transaction(db):
        waivers.add(db, one)
    worker.check()
    assert worker.ask("result").ok
    found = ask(worker).json()
    with opened(site.database) as db:
        for table, hidden in left_out.items():
            if table == "callback":  # nobody has called her; see the test below
                continue
            columns = set(db.execute(f"SELECT * FROM {table}").fetchone().keys())
            part = found[parts[table]]
            told = set(part if table == "person" else part[0])
            assert columns - told == hidden, table


def test_a_call_is_told_with_its_number_and_without_its_code(tmp_path: Path) -> None:
    with office(tmp_path) as company:
        worker = company.worker("Karla Call")
        company.worker("Another Person", "+46 70 000 00 00")
        promised(worker, worker.challenge())
        answer = ask(worker)
        (call,) = answer.json()["calls"]
        assert (call["phone"], call["state"], call["attempts"]) == ("+46812345678", "pending", 0)
        assert from_text(call["kept_until"]) - from_text(call["expires_at"]) == timedelta(days=180)
        assert answer.json()["person"]["phone"] == "+46812345678"
        assert company.code("Karla Call") not in answer.text
        assert "+4670" not in answer.text


def test_a_long_history_comes_in_pages_and_each_check_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PAGE", 2)
    worker = site.worker(name="Long History")
    sent = []
    for _ in range(4):
        evidence = worker.evidence(worker.challenge())
        assert worker.upload(evidence).status_code == 201
        sent.append(digest(worker.sign(evidence)))
    told, more, pages = [], None, 0
    while pages == 0 or more is not None:
        page = ask(worker, more).json()
        assert bool(page["devices"]) is (more is None)
        told += [one["digest"] for one in page["checks"]]
        more, pages = page["more"], pages + 1
    assert told == sent[::-1]
    assert pages == 3


def test_nothing_about_others_is_in_it(site: Site) -> None:
    other = site.worker(PASSES, "Olga Other")
    other.check()
    administration.invite(site.database, "support", "Ida Ihrig", timedelta(hours=1), "bo@example.com", utc_now())
    worker = site.worker(name="Nosy")
    worker.check()
    text = ask(worker).text
    for secret in ("Olga Other", other.key.public.kid, str(other.subject), "Ihrig", "bo@example.com", "a test"):
        assert secret not in text
    # Nor can it be found out page by page.
    theirs = ask(other).json()["checks"][0]["digest"]
    assert ask(worker, theirs).status_code == 404


def test_strangers_old_keys_old_challenges_and_other_kinds_of_request_get_nothing(site: Site) -> None:
    worker = site.worker(name="Guarded")
    worker.check()
    assert ask(worker, key=SoftwareKey.generate()).status_code == 403
    assert ask(worker, nonce="0" * 40).status_code == 401
    assert ask(worker, aud="https://other.example").status_code == 422
    assert ask(worker, asks="result").status_code == 422
    assert ask(worker, asks="everything").status_code == 422
    assert ask(worker, "sha256:" + "0" * 64).status_code == 404
    assert requests.get(f"{site.url}/v1/stored", timeout=20).status_code == 405
    nonce = worker.challenge()
    administration.revoke_device(site.database, worker.key.public.kid, "a test", utc_now())
    members = {"v": 1, "aud": worker.url, "nonce": nonce, "asks": "stored", "evidence": None}
    answer = worker.post("/v1/stored", sign(json.dumps(members).encode(), RESULT_REQUEST, worker.key))
    assert (answer.status_code, "Guarded" in answer.text) == (403, False)
