"""Users on the dashboard: added, given other roles, signed out, locked and removed, each with its event."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
import requests

from homecheck.collector import administration, tokens
from homecheck.collector.store import events, sign_on, users
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import Event
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.users import EVERYWHERE, Role
from tests.dashboard_forms import hidden, post, shown, wrong_fields
from tests.live_collector import PROGRAM, Site


@pytest.fixture(scope="module")
def ada(site: Site) -> requests.Session:
    return site.browse("ada", "admin")


def told(site: Site, kind: str, about: str) -> list[Event]:
    """Return the events of one kind about somebody, the latest first."""
    with opened(site.database) as db:
        found = events.numbered(db, Scope.everything(), events.Wanted(kind=kind), limit=200)
    return [event for _, event in found if event.about == about]


def roles(site: Site, name: str) -> dict[str, Role]:
    with opened(site.database) as db:
        return dict(users.get(db, name).roles)


def state(site: Site, admin: requests.Session, name: str) -> str:
    return hidden(admin.get(f"{site.url}/users/{name}").text, "state")


def token_of(site: Site, name: str) -> str:
    return tokens.add_at_command_line(site.database, name, "nightly", ["read"], "", timedelta(days=1), "a test")


def may_ask(site: Site, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{site.url}/v1/admin/people", headers=headers, timeout=20).status_code


def test_a_user_is_added_and_signs_in_with_a_link_that_is_shown_once(site: Site, ada: requests.Session) -> None:
    made = post(ada, f"{site.url}/users", name="eva@example.com", role="reviewer", place=PROGRAM)
    assert made.status_code == 200
    assert "eva@example.com was added." in shown(made)
    assert "It is shown only now" in shown(made)
    (link,) = re.findall(rf"<pre>({site.url}/sign-in/\S+)</pre>", made.text)
    assert roles(site, "eva@example.com") == {PROGRAM: "reviewer"}
    for page in ("/users", "/users/eva@example.com"):
        assert link not in ada.get(f"{site.url}{page}").text
    eva = requests.Session()
    eva.headers["Origin"] = site.url
    assert eva.post(link, timeout=20).status_code == 200
    assert requests.post(link, headers={"Origin": site.url}, timeout=20).status_code == 404
    (event,) = told(site, "user-added", "eva@example.com")
    assert (event.actor, event.source_address, event.after) == ("ada", "127.0.0.1", "reviewer of support")
    (event,) = told(site, "sign-in-link", "eva@example.com")
    assert (event.actor, event.source_address) == ("ada", "127.0.0.1")
    assert "eva@example.com" in ada.get(f"{site.url}/users").text
    assert site.defects() == []


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("eva b", 400, "'eva b' is no name of a user. Letters, digits and . _ @ -, at most 100."),
        ("", 400, "'' is no name of a user"),
        ("<b>", 400, "'<b>' is no name of a user"),
        ("x" * 101, 400, "is no name of a user"),
        ("ådel", 400, "is no name of a user"),
        ("ada", 409, "there is a user 'ada' already. Choose another name"),
    ],
)
def test_what_is_wrong_with_a_new_user_is_named_and_what_was_typed_stays(
    site: Site, ada: requests.Session, name: str, status: int, message: str
) -> None:
    before = site.browse_database('SELECT COUNT(*) FROM "user"')
    answer = post(ada, f"{site.url}/users", name=name, role="auditor", place=PROGRAM)
    assert (answer.status_code, wrong_fields(answer.text)) == (status, {"name"})
    assert message in shown(answer)
    assert "<option selected>auditor</option>" in answer.text
    assert f'<option value="{PROGRAM}" selected>' in answer.text
    assert "<b>" not in answer.text.replace("<b>1</b>", "")
    assert site.browse_database('SELECT COUNT(*) FROM "user"') == before


def test_a_role_or_a_program_that_there_is_none_of_is_refused(site: Site, ada: requests.Session) -> None:
    assert post(ada, f"{site.url}/users", name="x1", role="owner").status_code == 400
    assert post(ada, f"{site.url}/users", name="x1").status_code == 400
    assert post(ada, f"{site.url}/users", name="x1", role="viewer", place="nowhere").status_code == 404
    assert site.browse_database("SELECT COUNT(*) FROM \"user\" WHERE name = 'x1'") == [0]


def test_roles_are_given_changed_and_taken_away_and_count_at_once(site: Site, ada: requests.Session) -> None:
    bo = site.browse("bo", "viewer", PROGRAM)
    address = f"{site.url}/users/bo/role"
    assert bo.get(f"{site.url}/events").status_code == 403
    given = post(ada, address, place=PROGRAM, role="auditor", state=state(site, ada, "bo"))
    assert (given.status_code, given.headers["Location"]) == (303, "/users/bo")
    assert bo.get(f"{site.url}/events").status_code == 200
    assert post(ada, address, place="", role="viewer", state=state(site, ada, "bo")).status_code == 303
    assert roles(site, "bo") == {EVERYWHERE: "viewer", PROGRAM: "auditor"}
    assert "Give another role" not in ada.get(f"{site.url}/users/bo").text  # there is no other place
    assert post(ada, address, place=PROGRAM, role="none", state=state(site, ada, "bo")).status_code == 303
    assert roles(site, "bo") == {EVERYWHERE: "viewer"}
    assert bo.get(f"{site.url}/events").status_code == 403
    told_of = [(one.actor, one.source_address, one.before, one.after) for one in told(site, "role-changed", "bo")]
    assert told_of == [
        ("ada", "127.0.0.1", "viewer, auditor of support", "viewer"),
        ("ada", "127.0.0.1", "auditor of support", "viewer, auditor of support"),
        ("ada", "127.0.0.1", "viewer of support", "auditor of support"),
    ]
    assert site.defects() == []


def test_a_form_from_before_somebody_else_changed_the_roles_is_refused(site: Site, ada: requests.Session) -> None:
    site.browse("carin", "viewer")
    seen = state(site, ada, "carin")
    administration.set_role(site.database, "carin", EVERYWHERE, "auditor", "a test", datetime.now(UTC))
    refused = post(ada, f"{site.url}/users/carin/role", place=PROGRAM, role="admin", state=seen)
    assert refused.status_code == 412
    assert "Nothing was changed: somebody else has given carin other roles meanwhile" in shown(refused)
    assert "<option selected>admin</option>" in refused.text  # what was chosen stays
    assert roles(site, "carin") == {EVERYWHERE: "auditor"}
    for what in ("lock", "remove"):
        refused = post(ada, f"{site.url}/users/carin/{what}", typed="carin", state=seen)
        assert refused.status_code == 412
        assert "Nothing was done: somebody else has given carin other roles meanwhile. Now: auditor." in shown(refused)
        assert roles(site, "carin") == {EVERYWHERE: "auditor"}
    assert post(ada, f"{site.url}/users/carin/role", place=PROGRAM, role="admin").status_code == 428


def test_taking_the_last_role_away_is_locking_and_asked_for_there(site: Site, ada: requests.Session) -> None:
    site.browse("dan", "viewer")
    seen = state(site, ada, "dan")
    answer = post(ada, f"{site.url}/users/dan/role", place="", role="none", state=seen)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/users/dan/lock")
    assert roles(site, "dan") == {EVERYWHERE: "viewer"}


def test_a_user_is_locked_by_typing_the_name_and_unlocked_with_a_role(site: Site, ada: requests.Session) -> None:
    eve = site.browse("eve", "admin", PROGRAM)
    token = token_of(site, "eve")
    assert may_ask(site, token) == 200
    page = ada.get(f"{site.url}/users/eve/lock")
    assert "Open sessions end at once: 1 now." in shown(page)
    seen = hidden(page.text, "state")
    wrong = post(ada, f"{site.url}/users/eve/lock", typed="Eve", state=seen)
    assert (wrong.status_code, wrong_fields(wrong.text)) == (400, {"typed"})
    assert "Nothing was done: “Eve” is not the name" in shown(wrong)
    assert eve.get(f"{site.url}/").status_code == 200
    assert post(ada, f"{site.url}/users/eve/lock", typed="eve", state=seen).status_code == 303
    assert roles(site, "eve") == {}
    assert eve.get(f"{site.url}/").status_code == 401
    assert may_ask(site, token) == 403
    assert "locked: no role" in shown(ada.get(f"{site.url}/users"))
    assert "1 of them locked" in shown(ada.get(f"{site.url}/administration"))
    (event,) = told(site, "role-changed", "eve")
    assert (event.actor, event.source_address, event.before, event.after) == (
        "ada", "127.0.0.1", "admin of support", "no role",
    )  # fmt: skip
    (event,) = told(site, "session-ended", "eve")
    assert (event.actor, event.detail) == ("ada", "1 ended")
    unlocked = post(ada, f"{site.url}/users/eve/role", place=PROGRAM, role="viewer", state=state(site, ada, "eve"))
    assert unlocked.status_code == 303
    assert may_ask(site, token) == 200
    assert site.defects() == []


def test_sessions_of_a_user_are_ended_one_by_one_and_all_at_once(site: Site, ada: requests.Session) -> None:
    site.browse("fia", "viewer")
    others = []
    for _ in range(3):
        http = requests.Session()
        http.headers["Origin"] = site.url
        link = administration.sign_in_link(site.database, "fia", "a test", datetime.now(UTC))
        assert http.post(link, timeout=20).status_code == 200
        others.append(http)
    page = ada.get(f"{site.url}/users/fia").text
    found = re.findall(r'name="session" value="([0-9a-f]{16})"', page)
    assert len(found) == 4
    assert post(ada, f"{site.url}/users/fia/sessions/end", session=found[0]).status_code == 303
    assert site.browse_database("SELECT COUNT(*) FROM session WHERE \"user\" = 'fia'") == [3]
    assert post(ada, f"{site.url}/users/fia/sessions/end").status_code == 303
    assert site.browse_database("SELECT COUNT(*) FROM session WHERE \"user\" = 'fia'") == [0]
    assert [one.get(f"{site.url}/").status_code for one in others] == [401, 401, 401]
    assert [(one.actor, one.detail) for one in told(site, "session-ended", "fia")] == [
        ("ada", "3 ended"), ("ada", "1 ended"),
    ]  # fmt: skip
    assert ada.get(f"{site.url}/").status_code == 200  # hers go on


def test_the_session_of_somebody_else_is_not_ended_by_its_id(site: Site, ada: requests.Session) -> None:
    site.browse("gil", "viewer")
    http = site.browse("hal", "viewer")
    (session,) = re.findall(r'name="session" value="([0-9a-f]{16})"', ada.get(f"{site.url}/users/hal").text)
    assert post(ada, f"{site.url}/users/gil/sessions/end", session=session).status_code == 303
    assert http.get(f"{site.url}/").status_code == 200
    assert told(site, "session-ended", "gil") == []


def test_a_token_of_a_user_is_revoked_on_their_page(site: Site, ada: requests.Session) -> None:
    site.browse("ida", "viewer")
    site.browse("jon", "viewer")
    token = token_of(site, "ida")
    token_id = token.split("_")[1]
    page = ada.get(f"{site.url}/users/ida").text
    assert f"hck_{token_id}_…" in page
    assert token not in page
    assert post(ada, f"{site.url}/users/jon/tokens/{token_id}/revoke").status_code == 404
    assert may_ask(site, token) == 200
    assert post(ada, f"{site.url}/users/ida/tokens/{token_id}/revoke").status_code == 303
    assert may_ask(site, token) == 401
    (event,) = told(site, "token-revoked", token_id)
    assert (event.actor, event.source_address) == ("ada", "127.0.0.1")


def test_a_user_is_removed_by_typing_the_name(site: Site, ada: requests.Session) -> None:
    kim = site.browse("kim", "auditor")
    token = token_of(site, "kim")
    page = ada.get(f"{site.url}/users/kim/remove")
    assert "API tokens count no more: 1 now." in shown(page)
    seen = hidden(page.text, "state")
    assert post(ada, f"{site.url}/users/kim/remove", state=seen).status_code == 400
    done = post(ada, f"{site.url}/users/kim/remove", typed=" kim ", state=seen)
    assert (done.status_code, done.headers["Location"]) == (303, "/users")
    assert kim.get(f"{site.url}/").status_code == 401
    assert may_ask(site, token) == 401
    for what in ("", "/lock", "/remove"):
        assert ada.get(f"{site.url}/users/kim{what}").status_code == 404
    assert post(ada, f"{site.url}/users/kim/role", place="", role="viewer", state=seen).status_code == 404
    (event,) = told(site, "user-removed", "kim")
    assert (event.actor, event.before) == ("ada", "auditor")
    assert site.defects() == []


def test_ones_own_account_is_left_to_others(site: Site, ada: requests.Session) -> None:
    page = ada.get(f"{site.url}/users/ada")
    assert "This is you." in shown(page)
    assert "/users/ada/" not in page.text
    with opened(site.database) as db:
        before = users.get(db, "ada")
    for what, form in (
        ("role", {"place": "", "role": "viewer"}),
        ("lock", {"typed": "ada"}),
        ("remove", {"typed": "ada"}),
        ("sessions/end", {}),
    ):
        assert post(ada, f"{site.url}/users/ada/{what}", **form).status_code == 409, what
    with opened(site.database) as db:
        assert users.get(db, "ada") == before
    assert ada.get(f"{site.url}/").status_code == 200


def test_an_account_of_company_sign_on_says_that_its_groups_decide(site: Site, ada: requests.Session) -> None:
    administration.add_user(site.database, "oidc-lo", "viewer", "a test", datetime.now(UTC))
    with opened(site.database) as db, transaction(db):
        sign_on.link(db, "https://idp.example.com", "lo", "oidc-lo")
    assert "the roles become exactly those of the groups there" in shown(ada.get(f"{site.url}/users/oidc-lo"))
    assert "the next sign-on gives the roles of its groups again" in shown(ada.get(f"{site.url}/users/oidc-lo/lock"))
    row = shown(ada.get(f"{site.url}/users")).partition("oidc-lo")[2]
    assert row.startswith(" viewer company sign-on none")


@pytest.mark.parametrize("role", get_args(Role))
def test_who_administers_one_program_alone_sees_no_users_at_all(site: Site, role: Role) -> None:
    http = site.browse(f"of-one-{role}", role, PROGRAM)
    home = http.get(f"{site.url}/").text
    assert ('href="/administration"' in home) is (role == "admin")
    assert "/new-program" not in home + http.get(f"{site.url}/programs").text
    assert ("/settings" in http.get(f"{site.url}/programs/{PROGRAM}").text) is (role == "admin")
    for path in ("/users", "/users/ada", "/users/nobody-of-this-name", "/users/ada/lock"):
        answer = http.get(f"{site.url}{path}")
        assert answer.status_code == 403
        assert "ada" not in shown(answer)
    if role == "admin":
        assert "/users" not in http.get(f"{site.url}/administration").text
