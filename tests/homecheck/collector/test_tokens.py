"""API tokens: made and shown once, narrowed, revoked; what opens what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration, tokens
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.errors import SetupError
from tests.live_collector import Site, in_thread, wait_until
from tests.office import Clock


@pytest.fixture(scope="module")
def browser(site: Site) -> requests.Session:
    return site.browse("ada", "admin")


def make(
    site: Site, owner: str = "ada", scopes: tuple[str, ...] = ("read",), program: str = "", days: float = 1
) -> str:
    with opened(site.database) as db, transaction(db):
        life, by, now = timedelta(days=days), By("a test"), datetime.now(UTC)
        return tokens.add(db, owner, label="t", scopes=scopes, program=program, life=life, by=by, now=now)


def ask(site: Site, token: str, path: str = "/v1/admin/people", scheme: str = "Bearer") -> requests.Response:
    return requests.get(f"{site.url}{path}", headers={"Authorization": f"{scheme} {token}"}, timeout=20)


@pytest.mark.usefixtures("browser")
def test_a_token_opens_the_api_and_no_page_and_a_cookie_the_pages_and_no_api(
    site: Site, browser: requests.Session
) -> None:
    token = make(site)
    assert re.fullmatch(r"hck_[0-9a-f]{12}_[0-9a-f]{64}", token)
    assert ask(site, token).status_code == 200
    assert ask(site, token, scheme="bearer").status_code == 200  # RFC 9110: the scheme's case does not matter
    for page in ("/", "/events", "/account", "/programs/support"):
        assert ask(site, token, page).status_code == 401
        assert requests.get(f"{site.url}{page}", cookies={"homecheck": token}, timeout=20).status_code == 401
    answer = browser.get(f"{site.url}/v1/admin/people", timeout=20)
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/no-token"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("browser")
def test_what_is_no_token_of_ours_is_refused_alike(site: Site) -> None:
    token = make(site)
    _, token_id, secret = token.split("_")
    wrong = (
        token[:-1] + ("0" if token[-1] != "0" else "1"), f"hck_{'0' * 12}_{secret}", f"hck_{token_id}_", token.upper(),
        token + "x", secret, "x" * 5000, f"hck_{token_id}_{'0' * 64}",
    )  # fmt: skip
    answers = [ask(site, one) for one in wrong]
    assert {(one.status_code, one.json()["type"], one.json()["detail"]) for one in answers} == {
        (401, "/problems/token-refused", "this token is unknown, revoked or too old")
    }
    for scheme in ("Basic", "Token", "Bearer hck"):
        assert ask(site, token, scheme=scheme).status_code == 401


@pytest.mark.usefixtures("browser")
def test_a_token_ends_with_its_time_and_when_it_is_revoked(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        administration.add_user(site.database, "ada", "admin", "a test", clock())
        first, second = make(site), make(site)
        tokens.revoke_at_command_line(site.database, first.split("_")[1], "a test")
        assert ask(site, first).status_code == 401
        assert ask(site, second).status_code == 200
        clock.ahead = timedelta(days=1)
        assert ask(site, second).status_code == 401


@pytest.mark.usefixtures("browser")
def test_only_a_hash_is_stored_and_the_last_use_is_noted(site: Site) -> None:
    token = make(site)
    _, token_id, secret = token.split("_")
    assert token_id.encode() in site.everything()
    assert secret.encode() not in site.everything()
    assert ask(site, token).status_code == 200
    query = f"SELECT last_used_at FROM api_token WHERE id = '{token_id}'"
    wait_until(lambda: site.browse_database(query) != [None])
    assert site.browse_database(query) != [None]


@pytest.mark.usefixtures("browser")
def test_a_scope_is_needed_besides_the_right(site: Site) -> None:
    token = make(site, scopes=("read",))
    answer = ask(site, token, "/v1/admin/events")
    assert answer.status_code == 403
    assert "'watch' is needed" in answer.json()["detail"]
    assert ask(site, make(site, scopes=("watch",)), "/v1/admin/events").status_code == 200


@pytest.mark.parametrize(
    ("owner", "scopes", "program", "days", "why"),
    [
        ("vi", ("invite",), "", 1, "has not the right 'invite'"),
        ("vi", ("read",), "nowhere", 1, "no program 'nowhere'"),
        ("vi", (), "", 1, "nothing is chosen"),
        ("vi", ("everything",), "", 1, "no such scopes"),
        ("vi", ("read",), "", 0, "at most a year"),
        ("vi", ("read",), "", 367, "at most a year"),
        ("nobody", ("read",), "", 1, "no user 'nobody'"),
    ],
)
@pytest.mark.usefixtures("browser")
def test_a_token_that_would_reach_too_far_is_not_made(
    site: Site, owner: str, scopes: tuple[str, ...], program: str, days: float, why: str
) -> None:
    if owner == "vi" and not site.browse_database("SELECT 1 FROM \"user\" WHERE name = 'vi'"):
        administration.add_user(site.database, "vi", "viewer", "a test", datetime.now(UTC))
    with pytest.raises(SetupError, match=why):
        make(site, owner, scopes, program, days)


def test_a_token_is_made_on_ones_page_shown_once_and_revoked_there(site: Site, browser: requests.Session) -> None:
    form = {"label": "nightly export", "read": "1", "days": "7", "program": "support"}
    page = browser.post(f"{site.url}/account/tokens", data=form, timeout=20).text
    (token,) = re.findall(r"hck_[0-9a-f]{12}_[0-9a-f]{64}", page)
    assert ask(site, token).status_code == 200
    again = browser.get(f"{site.url}/account", timeout=20).text
    assert token not in again
    token_id = token.split("_")[1]
    assert f"hck_{token_id}_" in again
    assert "nightly export" in again
    other = site.browse("eve", "admin")
    assert other.post(f"{site.url}/account/tokens/{token_id}/revoke", data={"x": "y"}, timeout=20).status_code == 404
    assert ask(site, token).status_code == 200
    browser.post(f"{site.url}/account/tokens/{token_id}/revoke", data={"x": "y"}, timeout=20)
    assert ask(site, token).status_code == 401


@pytest.mark.parametrize(
    "form", [{"read": "1", "days": "7"}, {"label": "x", "days": "7"}, {"label": "x", "read": "1", "days": "9999"}]
)
def test_a_form_with_something_missing_makes_no_token(
    site: Site, browser: requests.Session, form: dict[str, str]
) -> None:
    answer = browser.post(f"{site.url}/account/tokens", data=form, timeout=20)
    assert answer.status_code == 400
    assert not re.search(r"hck_[0-9a-f]{12}_[0-9a-f]{64}", answer.text)
