"""`homecheck doctor` as it is called: every part beside the others, on a real collector and on none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homecheck.cli.doctor import address, print_diagnosis
from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis
from homecheck.doctor.examination import examine, guarded
from homecheck.enrolment import find, store_enrolment
from homecheck.errors import StateError
from tests import live_collector
from tests.between import ELSEWHERE, Authority, listening, opens_tls, says
from tests.command_line import Result, homecheck
from tests.ports import free_port
from tests.scripted_collector import CODE, ScriptedCollector


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def told(result: Result) -> dict[str, dict[str, Any]]:
    return {one["subject"]: one for one in json.loads(result.out)["diagnoses"]}


def test_a_fresh_computer_is_examined_without_changing_it_or_asking_anybody(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    result = homecheck(home, "doctor", "--output", "json")
    found = told(result)
    assert result.status == 0, found
    assert json.loads(result.out)["good"] is True
    assert {one["state"] for one in found.values()} <= {"ok", "warn"}
    assert found["collector"]["message"].startswith("none to ask")
    assert not home.root.exists()


def test_a_computer_that_is_enrolled_is_in_order_from_the_key_to_the_collectors_answer(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (tmp_path / "site").mkdir()
    with live_collector.in_thread(tmp_path / "site") as site:
        assert homecheck(home, "enroll", "--yes", f"{site.url}/invite/{site.invite('Ada')}").status == 0
        before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if path.is_file()}
        result = homecheck(home, "doctor", "--output", "json")
        found = told(result)
        assert result.status == 0, found
        for subject in ("key for support", "name", "connection", "collector", "clock", "program support"):
            assert found[subject]["state"] == "ok", found[subject]
        assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*") if path.is_file()} == before
        site.browse_database("UPDATE device SET revoked_at = '2026-01-01T00:00:00.000Z' RETURNING 1")
        refused = told(homecheck(home, "doctor", "--output", "json"))["program support"]
    assert refused["trouble"] == "device-refused", refused


def test_a_long_subject_does_not_run_into_what_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_diagnosis(Diagnosis("key for voice@company.example", "ok", "it signs"))
    print_diagnosis(Diagnosis("key", "ok", "it signs"))
    assert capsys.readouterr().out == (
        "good   key for voice@company.example it signs\ngood   key                   it signs\n"
    )


def test_what_is_wrong_is_printed_with_what_to_do_and_its_name(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
    path = home.keys / f"{find(home, 'voice').kid}.jwk"
    path.chmod(0o644)
    result = homecheck(home, "doctor")
    assert result.status == 1
    assert f"WRONG  key for voice         {path}: others can read this key\n" in result.out
    assert f"Run: chmod 600 {path}\n" in result.out
    assert "(key-unusable)" in result.out
    assert "(no-connection)" in result.out  # that collector has ended
    assert "2 wrong" in result.err


def test_two_programs_of_one_collector_cost_one_look_at_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
        store_enrolment(home, replace(find(home, "voice"), program="voice2"))
        collector.requests.clear()
        list(examine(home))
        assert [one.path for one in collector.sent("GET")].count("/.well-known/homecheck") == 1


def test_the_way_to_a_collector_can_be_examined_before_enrolling_and_no_code_is_sent(tmp_path: Path) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", lambda request: collector.invitation(request))
        result = homecheck(Home.at(tmp_path), "doctor", "--collector", collector.invite_url, "--output", "json")
        assert [request.path for request in collector.requests] == ["/.well-known/homecheck"]
    assert CODE not in result.out
    assert told(result)["collector"]["trouble"] == "not-a-collector"


def test_a_sign_in_page_explains_a_certificate_that_nobody_knows(tmp_path: Path) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\nContent-Length: 0\r\n\r\n"
    context = Authority(tmp_path, "Hotel").context(ELSEWHERE)
    with listening(opens_tls(context, 9)) as port, listening(says(redirect)) as web:
        found = list(examine(Home.at(tmp_path), f"https://{ELSEWHERE}:{port}", web_port=web))
    assert [one.trouble for one in found if one.state == "fail"] == ["connection-opened", "captive-portal"]


def test_an_honest_collector_behind_tls_is_in_order_when_its_authority_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "Example Inc. Root")
    (tmp_path / "site").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with (
        live_collector.in_thread(tmp_path / "site") as site,
        listening(opens_tls(authority.context(ELSEWHERE), int(site.url.rpartition(":")[2]))) as port,
    ):
        url = f"https://{ELSEWHERE}:{port}"
        found = {one.subject: one for one in examine(Home.at(tmp_path / "home"), url, web_port=free_port())}
    assert found["certificate"].trouble == "private-authority"
    assert found["collector"].state == found["clock"].state == "ok"
    assert "Example Inc." in found["collector"].message


def test_an_examination_that_cannot_go_on_says_so_and_is_no_crash() -> None:
    def unreadable() -> Any:
        raise PermissionError(13, "Permission denied", "/home/ada/homecheck")

    def refused() -> Any:
        raise StateError("this file system cannot lock files", "Use another disk.")

    (first,), (second,) = guarded("folder", unreadable), guarded("other homecheck", refused)
    assert (first.trouble, second.trouble) == ("not-examined", "not-examined")
    assert "Permission denied: '/home/ada/homecheck'" in first.message
    assert second.fix == "Use another disk."


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://collector.example.com/invite/AAEC", "https://collector.example.com"),
        (" collector.example.com ", "https://collector.example.com"),
        ("https://ada:secret@[2001:db8::1]:8443/x?y#z", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_address_is_what_stands_before_the_path(typed: str, url: str) -> None:
    assert address(typed) == url


@pytest.mark.parametrize(
    "typed",
    ["ftp://collector.example.com", "http://collector.example.com", "https://", "https://x:port", "https://[::1"],
)
def test_what_is_no_address_is_wrong_usage(tmp_path: Path, typed: str) -> None:
    result = homecheck(Home.at(tmp_path), "doctor", "--collector", typed)
    assert result.status == 2
    assert "is no address" in result.err
