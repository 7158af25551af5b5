"""Every route, every role, in one's own program and in another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.routing import Route

from homecheck.clock import utc_now
from homecheck.collector import administration, proposals, setup, tokens, waivers, webhooks
from homecheck.collector.api import routes as api
from homecheck.collector.rights import Right, may, may_somewhere, scope_of
from homecheck.collector.store import callbacks, people
from homecheck.collector.store.callbacks import Callback
from homecheck.collector.store.database import Database, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.scope import Scope
from homecheck.collector.store.users import EVERYWHERE, ROLES, Role, User
from homecheck.collector.views import dashboard
from homecheck.collector.views.site import Site as Pages
from homecheck.collector.waivers import Asked
from homecheck.policy import parse_policy
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT, Worker

OTHER = "sales"

# What each role may, written by hand: which requests are answered with 2xx in the role's own program.
READERS = {"viewer", "auditor", "reviewer", "admin"}
WATCHERS = {"auditor", "reviewer", "admin"}
INVITERS = {"reviewer", "admin"}
ADMINS = {"admin"}
ANYBODY = READERS | {"nobody"}
EVERYTHING: set[str] = set()  # needs the right in every program, which nobody of one program has

# method, address as the routes write it, who may, and whether it is about something in one program
PAGES: list[tuple[str, str, set[str], bool]] = [
    ("GET", "/", READERS, False),
    ("GET", "/people/{id}", READERS, True),
    ("GET", "/evidence/{digest}", READERS, True),
    ("GET", "/evidence/{digest}/envelope", READERS, True),
    ("GET", "/evidence/{digest}/receipt", READERS, True),
    ("GET", "/evidence/{digest}/results/{number}", READERS, True),
    ("GET", "/evidence/{digest}/proof", READERS, True),
    ("GET", "/evidence/{digest}/keys", READERS, True),
    ("GET", "/fleet", READERS, False),
    ("GET", "/devices/{kid}", READERS, True),
    ("GET", "/programs", READERS, False),
    ("GET", "/programs/{id}", READERS, True),
    ("GET", "/programs/{id}/policies/{old}/{new}", READERS, True),
    ("GET", "/events", WATCHERS, False),
    ("GET", "/calls", INVITERS, False),
    ("GET", "/calls/{id}/code.wav", INVITERS, True),
    ("POST", "/programs/{id}/invitations", INVITERS, True),
    ("POST", "/devices/{kid}/revoke", ADMINS, True),
    ("GET", "/programs/{id}/invitations/list", INVITERS, True),
    ("POST", "/programs/{id}/invitations/list", INVITERS, True),
    ("POST", "/programs/{id}/invitations/list/send", INVITERS, True),
    ("GET", "/programs/{id}/policy", ADMINS, True),
    ("POST", "/programs/{id}/policy/try", ADMINS, True),
    ("POST", "/programs/{id}/policy/publish", ADMINS, True),
    ("GET", "/waivers", READERS, False),
    ("GET", "/people/{id}/waivers", READERS, True),
    ("POST", "/people/{id}/waivers", INVITERS, True),
    ("POST", "/waivers/{id}/revoke", INVITERS, True),
    ("POST", "/people/{id}/waiver-proposals", INVITERS, True),
    ("POST", "/waiver-proposals/{id}/approve", ADMINS, True),
    ("POST", "/waiver-proposals/{id}/decline", INVITERS, True),  # a reviewer their own
    ("POST", "/programs/{id}/four-eyes", ADMINS, True),
    ("GET", "/administration", ADMINS, False),
    ("GET", "/new-program", EVERYTHING, False),
    ("POST", "/new-program", EVERYTHING, False),
    ("GET", "/programs/{id}/settings", ADMINS, True),
    ("POST", "/programs/{id}/settings", ADMINS, True),
    ("GET", "/people/{id}/erase", ADMINS, True),
    ("POST", "/people/{id}/erase", ADMINS, True),
    ("GET", "/people/{id}/erasure", ADMINS, True),
    ("GET", "/people/{id}/erasure/proof", ADMINS, True),
    ("GET", "/users", EVERYTHING, False),
    ("POST", "/users", EVERYTHING, False),
    ("GET", "/users/{name}", EVERYTHING, False),
    ("POST", "/users/{name}/role", EVERYTHING, False),
    ("POST", "/users/{name}/sessions/end", EVERYTHING, False),
    ("POST", "/users/{name}/tokens/{id}/revoke", EVERYTHING, False),
    ("GET", "/users/{name}/lock", EVERYTHING, False),
    ("POST", "/users/{name}/lock", EVERYTHING, False),
    ("GET", "/users/{name}/remove", EVERYTHING, False),
    ("POST", "/users/{name}/remove", EVERYTHING, False),
    ("GET", "/webhooks", ADMINS, False),
    ("POST", "/webhooks", ADMINS, False),
    ("GET", "/webhooks/{id}", ADMINS, True),
    ("POST", "/webhooks/{id}/test", ADMINS, True),
    ("POST", "/webhooks/{id}/rotate", ADMINS, True),
    ("POST", "/webhooks/{id}/messages/{message}/resend", ADMINS, True),
    ("GET", "/webhooks/{id}/remove", ADMINS, True),
    ("POST", "/webhooks/{id}/remove", ADMINS, True),
]
# Forms that need more than this table fills in: who may send them is told what is missing.
INCOMPLETE = {
    "/people/{id}/waivers",
    "/people/{id}/waiver-proposals",
    "/waiver-proposals/{id}/approve",  # it is declined already
    "/waiver-proposals/{id}/decline",
    "/programs/{id}/invitations/list/send",
    "/programs/{id}/policy/try",
    "/programs/{id}/policy/publish",
    "/programs/{id}/settings",
    "/people/{id}/erase",
    "/webhooks",
}
ACCOUNT = {
    ("GET", "/account"),
    ("POST", "/account/password"),
    ("POST", "/account/second-factor"),
    ("POST", "/account/second-factor/confirm"),
    ("POST", "/account/second-factor/remove"),
    ("POST", "/account/sessions/end"),
    ("POST", "/account/tokens"),
    ("POST", "/account/tokens/{id}/revoke"),
}
FOR_EVERYBODY = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/{token}"),
    ("POST", "/sign-in/{token}"),
    ("POST", "/sign-out"),
    ("GET", "/oidc/begin"),
    ("GET", "/oidc/callback"),
    ("GET", "/invite/{code}"),
    ("GET", "/problems/{reason}"),
    ("GET", "/static/{name}"),
}
V1 = "/v1/admin"
API: list[tuple[str, str, set[str], bool]] = [
    ("GET", f"{V1}/people", READERS, False),
    ("GET", f"{V1}/counts", READERS, False),
    ("GET", f"{V1}/people/{{id}}", READERS, True),
    ("GET", f"{V1}/people/{{id}}/values", READERS, True),
    ("GET", f"{V1}/people/{{id}}/changes", READERS, True),
    ("GET", f"{V1}/people/{{id}}/contact", INVITERS, True),
    ("PUT", f"{V1}/people/{{id}}/contact", INVITERS, True),
    ("POST", f"{V1}/people/{{id}}/waivers", INVITERS, True),
    ("GET", f"{V1}/devices/{{kid}}", READERS, True),
    ("GET", f"{V1}/evidence", READERS, False),
    ("GET", f"{V1}/evidence/{{digest}}", READERS, True),
    ("GET", f"{V1}/evidence/{{digest}}/envelope", READERS, True),
    ("GET", f"{V1}/evidence/{{digest}}/receipt", READERS, True),
    ("GET", f"{V1}/evidence/{{digest}}/proof", READERS, True),
    ("GET", f"{V1}/evidence/{{digest}}/keys", READERS, True),
    ("GET", f"{V1}/evidence/{{digest}}/results", READERS, True),
    ("GET", f"{V1}/invites", READERS, False),
    ("POST", f"{V1}/invites", INVITERS, True),
    ("POST", f"{V1}/invite-letters", INVITERS, True),
    ("POST", f"{V1}/invite-lists", INVITERS, False),
    ("DELETE", f"{V1}/invites/{{invite}}", INVITERS, True),
    ("GET", f"{V1}/fleet", READERS, False),
    ("GET", f"{V1}/programs", READERS, False),
    ("POST", f"{V1}/programs", EVERYTHING, False),
    ("GET", f"{V1}/programs/{{program}}", READERS, True),
    ("PUT", f"{V1}/programs/{{program}}", ADMINS, True),
    ("GET", f"{V1}/programs/{{program}}/policy", READERS, True),
    ("PUT", f"{V1}/programs/{{program}}/policy", ADMINS, True),
    ("POST", f"{V1}/programs/{{program}}/policy/try", ADMINS, True),
    ("GET", f"{V1}/programs/{{program}}/policies", READERS, True),
    ("GET", f"{V1}/programs/{{program}}/policies/{{number}}", READERS, True),
    ("GET", f"{V1}/programs/{{program}}/policies/{{old}}/{{new}}", READERS, True),
    ("GET", f"{V1}/waivers", READERS, False),
    ("GET", f"{V1}/waivers/{{waiver}}", READERS, True),
    ("POST", f"{V1}/waivers/{{waiver}}/revoke", INVITERS, True),
    ("GET", f"{V1}/waiver-proposals", READERS, False),
    ("GET", f"{V1}/waiver-proposals/{{proposal}}", READERS, True),
    ("POST", f"{V1}/people/{{id}}/waiver-proposals", INVITERS, True),
    ("POST", f"{V1}/waiver-proposals/{{proposal}}/approve", ADMINS, True),
    ("POST", f"{V1}/waiver-proposals/{{proposal}}/decline", INVITERS, True),  # a reviewer their own
    ("GET", f"{V1}/users", EVERYTHING, False),
    ("POST", f"{V1}/users", EVERYTHING, False),
    ("GET", f"{V1}/users/{{name}}", EVERYTHING, False),
    ("PUT", f"{V1}/users/{{name}}", EVERYTHING, False),
    ("DELETE", f"{V1}/users/{{name}}", EVERYTHING, False),
    ("GET", f"{V1}/tokens", READERS, False),
    ("POST", f"{V1}/tokens", ADMINS, False),
    ("DELETE", f"{V1}/tokens/{{token}}", READERS, False),
    ("GET", f"{V1}/webhooks", ADMINS, False),
    ("POST", f"{V1}/webhooks", ADMINS, False),
    ("GET", f"{V1}/webhooks/{{webhook}}", ADMINS, True),
    ("POST", f"{V1}/webhooks/{{webhook}}/rotate", ADMINS, True),
    ("POST", f"{V1}/webhooks/{{webhook}}/test", ADMINS, True),
    ("GET", f"{V1}/webhooks/{{webhook}}/deliveries", ADMINS, True),
    ("POST", f"{V1}/webhooks/{{webhook}}/deliveries/{{message}}/resend", ADMINS, True),
    ("DELETE", f"{V1}/webhooks/{{webhook}}", ADMINS, True),
    ("GET", f"{V1}/mail-server", EVERYTHING, False),
    ("PUT", f"{V1}/mail-server", EVERYTHING, False),
    ("POST", f"{V1}/mail-server/test", EVERYTHING, False),
    ("GET", f"{V1}/letters", INVITERS, False),
    ("GET", f"{V1}/calls", INVITERS, False),
    ("GET", f"{V1}/calls/{{call}}/code.wav", INVITERS, True),
    ("GET", f"{V1}/events", WATCHERS, False),
    ("POST", f"{V1}/devices/{{kid}}/revoke", ADMINS, True),
    ("POST", f"{V1}/people/{{id}}/retire", ADMINS, True),
    ("POST", f"{V1}/people/{{id}}/erase", ADMINS, True),
    ("GET", f"{V1}/people/{{id}}/erasure", ADMINS, True),
]
# What is sent, where it is not a reason; None: a list of people.
BODIES: dict[str, dict[str, Any] | None] = {
    f"{V1}/invites": {"program": "", "person": "Ny"},
    f"{V1}/invite-letters": {"program": "", "person": "Ny", "email": "ny@example.com"},
    f"{V1}/invite-lists": None,
}
# What those who may are answered, where the table sends too little, or there is nothing to do.
ANSWERS = {
    ("PUT", f"{V1}/people/{{id}}/contact"): 400,
    ("POST", f"{V1}/people/{{id}}/waivers"): 400,
    ("POST", f"{V1}/people/{{id}}/waiver-proposals"): 400,
    ("POST", f"{V1}/waiver-proposals/{{proposal}}/approve"): 400,  # it is declined already
    ("POST", f"{V1}/waiver-proposals/{{proposal}}/decline"): 400,
    ("POST", f"{V1}/people/{{id}}/erase"): 400,
    ("POST", f"{V1}/invite-letters"): 409,  # no mail server was named
    ("POST", f"{V1}/invite-lists"): 422,  # the list names no program
    ("DELETE", f"{V1}/invites/{{invite}}"): 410,  # it was used
    ("PUT", f"{V1}/programs/{{program}}"): 400,
    ("PUT", f"{V1}/programs/{{program}}/policy"): 400,
    ("POST", f"{V1}/programs/{{program}}/policy/try"): 400,
    ("POST", f"{V1}/tokens"): 400,
    ("DELETE", f"{V1}/tokens/{{token}}"): 404,  # somebody else's
    ("POST", f"{V1}/webhooks"): 400,
    ("POST", f"{V1}/webhooks/{{webhook}}/test"): 202,
    ("DELETE", f"{V1}/webhooks/{{webhook}}"): 204,
    ("POST", f"{V1}/webhooks/{{webhook}}/deliveries/{{message}}/resend"): 404,  # there is no such message
    ("GET", f"{V1}/people/{{id}}/erasure"): 404,  # nobody was erased
    ("GET", "/people/{id}/erasure"): 404,
    ("GET", "/people/{id}/erasure/proof"): 404,
    ("POST", "/webhooks/{id}/rotate"): 412,  # the form does not say which secret it was made from
    ("POST", "/webhooks/{id}/messages/{message}/resend"): 404,
}


@dataclass(frozen=True)
class Place:
    """Somebody in one program, with a call-back that waits."""

    program: str
    worker: Worker
    digest: str
    call: str
    waiver: str
    webhook: str
    invite: str
    proposal: str
    page_webhook: str  # another one: the pages remove theirs before the API looks

    def address(self, template: str) -> str:
        """Return the address of what is here."""
        ids = {
            "people": self.worker.subject, "programs": self.program, "calls": self.call, "waivers": self.waiver,
            "waiver-proposals": self.proposal, "webhooks": self.page_webhook, "users": "0" * 12,
        }  # fmt: skip
        kind = template.removeprefix("/v1/admin").split("/")[1]
        values = {
            "id": ids.get(kind),
            "digest": self.digest,
            "kid": self.worker.key.public.kid,
            "number": "0",
            "old": "1",
            "new": "1",
            "program": self.program,
            "waiver": self.waiver,
            "proposal": self.proposal,
            "call": self.call,
            "webhook": self.webhook,
            "invite": self.invite,
            "name": "the-admin",
            "message": "msg_" + "0" * 32,
            "token": "0" * 12,
        }
        if template.startswith(f"{V1}/programs"):
            values["number"] = "1"
        return template.format(**values)


@dataclass(frozen=True)
class House:
    site: Site
    own: Place
    other: Place
    sessions: dict[str, requests.Session]
    tokens: dict[str, str]


def place(site: Site, program: str, name: str) -> Place:
    worker = Worker(site.url, PASSES if program == PROGRAM else FAILS)
    assert worker.enrol(site.invite(name, program=program)).status_code == 201
    nonce = worker.challenge()
    sent = worker.upload(worker.evidence(nonce))
    assert sent.status_code == 201
    digest = site.browse_database(f"SELECT digest FROM evidence WHERE person = '{worker.subject}'")[0]
    now = utc_now()
    with opened(site.database) as db, transaction(db):
        who = people.person(db, str(worker.subject))
        assert who is not None
        waiting = Callback(
            f"{program}-call", worker.key.public.kid, who, nonce, "+46812345678", now, now + timedelta(hours=1)
        )
        callbacks.add(db, waiting)
        asked = Asked(program, name, "network.download", "a test", now, now + timedelta(days=9))
        waiver = waivers.grant(db, asked, by=By("a test"), now=now).id
        wanted = replace(asked, quantity="headset.transport")
        proposal = proposals.propose(db, wanted, by=By("the-reviewer"), now=now).id
        proposals.decline(db, proposal, "a test", by=By("a test"), now=now)
        hook = webhooks.add(db, "https://receiver.example.com/x", program, ("event.*",), By("a test"), now, ()).id
        second = webhooks.add(db, "https://receiver.example.com/y", program, ("event.*",), By("a test"), now, ()).id
        invite = people.invites_of(db, who.id)[0].code_sha256[:16]
    return Place(program, worker, str(digest), waiting.id, waiver, hook, invite, proposal, second)


def token_of(site: Site, owner: str, scopes: list[str]) -> str:
    return tokens.add_at_command_line(site.database, owner, "t", scopes, "", timedelta(days=1), "a test")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[Path], Database]) -> Iterator[House]:
    """Two programs; somebody of each role in the first, and somebody without a role."""
    folder = tmp_path_factory.mktemp("rights")
    with in_thread(folder, database=new_database(folder)) as site:
        policy, now = parse_policy(POLICY_TEXT, "t"), utc_now()
        administration.add_program(site.database, OTHER, "Secret sales", "P", 90, policy, "a test", now)
        own, other = place(site, PROGRAM, "Petra Pass"), place(site, OTHER, "Filip Fail")
        sessions: dict[str, requests.Session] = {}
        made: dict[str, str] = {}
        for role in ROLES:
            sessions[role] = site.browse(f"the-{role}", role, program=PROGRAM)
            rights = [right.value for right in Right if may_somewhere(User("x", {PROGRAM: role}), right)]
            made[role] = token_of(site, f"the-{role}", rights)
        sessions["nobody"] = site.browse("nobody", "viewer", program=PROGRAM)
        made["nobody"] = token_of(site, "nobody", ["read"])
        administration.set_role(site.database, "nobody", PROGRAM, None, "a test", now)
        yield House(site, own, other, sessions, made)


def all_routes(site: Site) -> set[tuple[str, str]]:
    collector = setup.load(site.database)
    found: set[tuple[str, str]] = set()
    routes: list[Route] = [*dashboard.routes(Pages(collector)), *api.routes(collector)]
    for route in routes:
        found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    return found


def test_every_route_stands_in_the_table(house: House) -> None:
    known = (
        {(method, path) for method, path, *_ in (*PAGES, *API)} | ACCOUNT | FOR_EVERYBODY | {("GET", "/openapi.json")}
    )
    assert all_routes(house.site) == known


def ask(house: House, role: str, method: str, template: str, where: Place) -> requests.Response:
    """Ask as somebody of a role for what is in one of the two programs."""
    url = house.site.url + where.address(template)
    if not template.startswith("/v1/"):
        form = {"person": "Ny", "reason": "a test", "text": "name\nNy\n", "program": where.program}
        if template.endswith("/list"):  # takes a file
            files = {"list": ("list.csv", b"name\nNy\n", "text/csv")} if method == "POST" else None
            return house.sessions[role].request(method, url, files=files, timeout=20)
        return house.sessions[role].request(method, url, data=form if method == "POST" else None, timeout=20)
    headers = {"Authorization": f"Bearer {house.tokens[role]}"}
    if method in ("GET", "DELETE"):
        return requests.request(method, url, headers=headers, timeout=20)
    body = BODIES.get(template, {"reason": "a test"})
    if body is None:
        headers["Content-Type"] = "text/csv"
        return requests.request(method, url, data=b"name\nNy\n", headers=headers, timeout=20)
    sent = {**body, "program": where.program} if "program" in body else body
    return requests.request(method, url, json=sent, headers=headers, timeout=20)


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_in_ones_own_program_each_role_may_what_it_is_for_and_nothing_else(house: House, role: str) -> None:
    for method, template, who, of_program in (*PAGES, *API):
        answer = ask(house, role, method, template, house.own)
        if role in who:
            expected: tuple[int, ...] = (400,) if method == "POST" and template in INCOMPLETE else (200, 201)
            if (method, template) in ANSWERS:
                expected = (ANSWERS[method, template],)
        else:
            expected = (403, 404) if role == "nobody" and of_program else (403,)
        assert answer.status_code in expected, (role, method, template, answer.text[:300])
        assert OTHER not in answer.text
        assert "Secret sales" not in answer.text
        assert "Filip Fail" not in answer.text


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_what_is_in_another_program_is_answered_as_if_it_were_not_there(house: House, role: str) -> None:
    nothing = Place(
        "none",
        Worker(house.site.url, subject="A" * 22),
        "sha256:" + "0" * 64,
        "0" * 32,
        "0" * 16,
        "wh_" + "0" * 16,
        "0" * 16,
        "0" * 16,
        "wh_" + "1" * 16,
    )
    for method, template, who, of_program in (*PAGES, *API):
        if not of_program:
            continue
        there, missing = (ask(house, role, method, template, where) for where in (house.other, nothing))
        assert there.status_code == missing.status_code == (404 if role in who else 403), (role, method, template)
        assert without_names(there.text) == without_names(missing.text), (role, template)
    # Nothing was invited to and nothing revoked by all this.
    assert house.other.worker.check().status_code == 201
    assert house.site.browse_database("SELECT COUNT(*) FROM invite WHERE program = 'sales'") == [1]
    assert house.site.browse_database("SELECT COUNT(*) FROM waiver WHERE program = 'sales'") == [1]
    assert house.site.browse_database("SELECT decision FROM proposal WHERE program = 'sales'") == ["declined"]
    assert house.site.browse_database("SELECT four_eyes FROM program WHERE id = 'sales'") == [0]
    assert house.site.browse_database("SELECT revoked_at FROM waiver WHERE program = 'sales'") == [None]
    assert house.site.browse_database("SELECT COUNT(*) FROM policy_version WHERE program = 'sales'") == [1]


def without_names(text: str) -> str:
    """Return a page without the number of waiting calls and the like, which differ by time alone."""
    return re.sub(r"\d{4}-\d{2}-\d{2}[T ][\d:.]+", "", text)


def test_a_role_that_counts_everywhere_sees_both(house: House) -> None:
    browser = house.site.browse("all", "auditor")
    page = browser.get(f"{house.site.url}/", timeout=20).text
    assert "Petra Pass" in page
    assert "Filip Fail" in page
    assert browser.get(house.site.url + house.other.address("/people/{id}"), timeout=20).status_code == 200


def test_events_of_no_program_are_for_those_who_watch_everything(house: House) -> None:
    every = house.site.browse("boss", "admin").get(f"{house.site.url}/events", timeout=20).text
    assert "Collector set up" in every
    assert "Secret sales" in every or "sales" in every
    of_one = house.sessions["admin"].get(f"{house.site.url}/events", timeout=20).text
    assert "Collector set up" not in of_one
    assert "Petra Pass" in of_one


def test_a_role_that_is_taken_away_counts_no_more_at_once(house: House) -> None:
    site = house.site
    browser = site.browse("gone", "admin")
    secret = token_of(site, "gone", ["read"])
    headers = {"Authorization": f"Bearer {secret}"}
    assert browser.get(f"{site.url}/", timeout=20).status_code == 200
    assert requests.get(f"{site.url}/v1/admin/people", headers=headers, timeout=20).status_code == 200
    administration.set_role(site.database, "gone", EVERYWHERE, None, "a test", datetime.now(UTC))
    assert browser.get(f"{site.url}/", timeout=20).status_code == 403
    assert requests.get(f"{site.url}/v1/admin/people", headers=headers, timeout=20).status_code == 403
    administration.remove_user(site.database, "gone", "a test", datetime.now(UTC))
    assert browser.get(f"{site.url}/", timeout=20).status_code == 401
    assert requests.get(f"{site.url}/v1/admin/people", headers=headers, timeout=20).status_code == 401


def test_neither_page_nor_api_asks_for_the_programs_of_everybody() -> None:
    folders = [Path(str(module.__file__)).parent for module in (dashboard, api)]
    for file in (file for folder in folders for file in folder.glob("*.py")):
        assert "programs.every(" not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize(
    ("roles", "right", "program", "expected"),
    [
        ({EVERYWHERE: "viewer"}, Right.READ, "a", True),
        ({EVERYWHERE: "viewer"}, Right.INVITE, "a", False),
        ({EVERYWHERE: "viewer", "a": "admin"}, Right.ADMINISTER, "a", True),
        ({EVERYWHERE: "viewer", "a": "admin"}, Right.ADMINISTER, "b", False),
        ({EVERYWHERE: "viewer", "a": "admin"}, Right.ADMINISTER, EVERYWHERE, False),
        ({"a": "admin"}, Right.READ, "b", False),
        ({"a": "admin"}, Right.READ, EVERYWHERE, False),
        ({"a": "auditor"}, Right.WATCH, "a", True),
        ({"a": "auditor"}, Right.INVITE, "a", False),
        ({}, Right.READ, EVERYWHERE, False),
    ],
)
def test_may_is_the_union_of_the_role_here_and_the_role_everywhere(
    roles: dict[str, Role], right: Right, program: str, expected: bool
) -> None:
    assert may(User("x", roles), right, program) is expected


def test_a_token_narrows_and_never_widens() -> None:
    boss = User("x", {EVERYWHERE: "admin"}, "t", frozenset({"read", "administer"}), "a")
    assert may(boss, Right.READ, "a")
    assert may(boss, Right.ADMINISTER, "a")
    assert not may(boss, Right.INVITE, "a")
    assert not may(boss, Right.READ, "b")
    assert not may(boss, Right.READ, EVERYWHERE)
    assert scope_of(boss) == Scope.of(["a"])
    viewer = User("x", {"b": "viewer"}, "t", frozenset({"administer"}), "")
    assert not may_somewhere(viewer, Right.ADMINISTER)
