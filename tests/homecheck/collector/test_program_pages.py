"""Adding a program and changing its settings on the dashboard: what is wrong is named, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration
from homecheck.collector.store import events, programs
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.events import Event
from homecheck.collector.store.programs import Program
from homecheck.collector.store.scope import Scope
from homecheck.policy import preset_text
from tests.dashboard_forms import hidden, post, shown, wrong_fields
from tests.live_collector import PROGRAM, Site, in_thread
from tests.office import Clock
from tests.people import FAILS, POLICY_TEXT

SETTINGS = f"/programs/{PROGRAM}/settings"
GOOD = {"title": "Nordic sales", "purpose": "To see.", "retention": "90", "language": "sv", "policy": "voice-basic"}


@pytest.fixture(scope="module")
def ada(site: Site) -> requests.Session:
    return site.browse("ada", "admin")


def program(site: Site, name: str = PROGRAM) -> Program:
    with opened(site.database) as db:
        return programs.get(db, name)


def last(site: Site, kind: str) -> Event:
    with opened(site.database) as db:
        found = events.numbered(db, Scope.everything(), events.Wanted(kind=kind), limit=1, before=None)
    return found[0][1]


def test_a_program_is_added_with_a_preset_and_the_record_says_by_whom_and_from_where(
    site: Site, ada: requests.Session
) -> None:
    assert 'href="/new-program"' in ada.get(f"{site.url}/programs").text
    form = ada.get(f"{site.url}/new-program")
    assert "To see whether your home office meets the requirements" in form.text
    made = post(ada, f"{site.url}/new-program", id="nordic", four_eyes="1", **GOOD)
    assert (made.status_code, made.headers["Location"]) == (303, "/programs/nordic")
    found = program(site, "nordic")
    assert (found.title, found.purpose, found.retention_days) == ("Nordic sales", "To see.", 90)
    assert (found.language, found.four_eyes, found.policy.name) == ("sv", True, "voice-basic")
    assert found.current.source == preset_text("voice-basic")
    event = last(site, "program-added")
    assert (event.actor, event.source_address, event.program) == ("ada", "127.0.0.1", "nordic")
    assert event.after == "Nordic sales; kept 90 days; letters in Svenska; To see."
    assert site.defects() == []


def test_a_program_is_added_with_a_text_of_ones_own(site: Site, ada: requests.Session) -> None:
    text = POLICY_TEXT.replace("at_least = 10", "at_least = 12  # of our own")
    form = {**GOOD, "policy": "own", "text": text.replace("\n", "\r\n")}
    assert post(ada, f"{site.url}/new-program", id="own-text", **form).status_code == 303
    assert "at_least = 12  # of our own" in program(site, "own-text").current.source


@pytest.mark.parametrize(
    ("changed", "status", "field", "message"),
    [
        ({"id": "Nordic Sales"}, 400, "id", "id: 'Nordic Sales' is no id. Small letters, digits"),
        ({"id": ""}, 400, "id", "id: '' is no id"),
        ({"id": "a\x00"}, 400, "id", "is no id. Small letters, digits"),
        ({"id": "../x"}, 400, "id", "id: '../x' is no id"),
        ({"id": PROGRAM}, 409, "id", f"there is a program '{PROGRAM}' already. Choose another name"),
        ({"title": " "}, 400, "title", "title: ''. Write 1 to 200 printable characters."),
        ({"title": "x" * 201}, 400, "title", "Write 1 to 200 printable characters."),
        ({"title": "\x00"}, 400, "title", "Write 1 to 200 printable characters."),
        ({"purpose": ""}, 400, "purpose", "purpose: ''. Write 1 to 1000 printable characters."),
        ({"retention": "half a year"}, 400, "retention", "retention: 'half a year' is no number of days. Choose 1 to"),
        ({"retention": "0"}, 400, "retention", "retention: 0 days. Choose 1 to 3660 days."),
        ({"retention": "-1"}, 400, "retention", "Choose 1 to 3660 days."),
        ({"retention": "9" * 500}, 400, "retention", "Choose 1 to 3660 days."),
        ({"retention": "٣٠"}, 400, "retention", "Choose 1 to 3660 days."),
        ({"language": "xx"}, 400, "language", "language: 'xx'. Letters are written in en"),
        ({"policy": "nope"}, 400, "policy", "policy: none is chosen. Choose a preset"),
        ({"text": "name = 1"}, 400, "policy", "policy: voice-basic is chosen, and a text is written as well"),
        ({"policy": "own"}, 400, "policy", "policy: your own text is chosen, and there is none. Write it"),
        (
            {"policy": "own", "text": POLICY_TEXT.replace("room.noise", "room.nose")},
            400, "policy", "policy: room.nose: there is no such quantity",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_program_is_named_at_its_field_and_what_was_typed_stays(
    site: Site, ada: requests.Session, changed: dict[str, str], status: int, field: str, message: str
) -> None:
    before = site.browse_database("SELECT COUNT(*) FROM program")
    form = {"id": "new-one", **GOOD, "purpose": "Typed <b>with</b> care.", **changed}
    answer = post(ada, f"{site.url}/new-program", **form)
    assert answer.status_code == status
    assert message in shown(answer)
    assert field in wrong_fields(answer.text)
    assert wrong_fields(answer.text) <= {field, *(["text"] if field == "policy" else [])}
    if "purpose" not in changed:
        assert "Typed &lt;b&gt;with&lt;/b&gt; care." in answer.text
    if "title" not in changed:
        assert 'value="Nordic sales"' in answer.text
    assert site.browse_database("SELECT COUNT(*) FROM program") == before


def test_settings_are_changed_and_the_record_says_what_they_were(site: Site, ada: requests.Session) -> None:
    post(ada, f"{site.url}/new-program", id="changing", **GOOD)
    page = ada.get(f"{site.url}/programs/changing/settings").text
    form = {**GOOD, "title": "Sälj", "retention": "120", "four_eyes": "1", "state": hidden(page, "state")}
    done = post(ada, f"{site.url}/programs/changing/settings", **form)
    assert (done.status_code, done.headers["Location"]) == (303, "/programs/changing")
    found = program(site, "changing")
    assert (found.title, found.retention_days, found.language, found.four_eyes) == ("Sälj", 120, "sv", True)
    event = last(site, "program-changed")
    assert (event.actor, event.source_address, event.about) == ("ada", "127.0.0.1", "changing")
    assert event.before == "Nordic sales; kept 90 days; letters in Svenska; To see."
    assert event.after == "Sälj; kept 120 days; letters in Svenska; To see."
    assert last(site, "four-eyes").after == "on"
    assert site.defects() == []


def test_a_mistake_in_the_settings_is_named_and_what_was_typed_stays(site: Site, ada: requests.Session) -> None:
    page = ada.get(f"{site.url}{SETTINGS}").text
    form = {**GOOD, "title": "Another one", "retention": "many", "state": hidden(page, "state")}
    answer = post(ada, f"{site.url}{SETTINGS}", **form)
    assert (answer.status_code, wrong_fields(answer.text)) == (400, {"retention"})
    assert 'value="Another one"' in answer.text
    assert 'value="many"' in answer.text
    assert hidden(answer.text, "state") == form["state"]  # the state that it was made from, not that of now
    assert program(site).title == "Support line"


def test_the_second_of_two_admins_is_refused_sees_what_the_first_did_and_can_save_then(
    site: Site, ada: requests.Session
) -> None:
    post(ada, f"{site.url}/new-program", id="contended", **GOOD)
    bob, address = site.browse("bob", "admin"), f"{site.url}/programs/contended/settings"
    state = hidden(ada.get(address).text, "state")
    assert post(ada, address, **{**GOOD, "title": "Ada's", "retention": "91"}, state=state).status_code == 303
    refused = post(bob, address, **{**GOOD, "title": "Bob's"}, four_eyes="1", state=state)
    assert refused.status_code == 412
    assert "Nothing was saved: somebody else has changed these settings meanwhile" in shown(refused)
    assert "Now: four eyes off; Ada's; kept 91 days" in shown(refused)
    assert 'value="Bob&#39;s"' in refused.text
    assert program(site, "contended").title == "Ada's"
    again = post(bob, address, **{**GOOD, "title": "Bob's", "retention": "91"}, state=hidden(refused.text, "state"))
    assert again.status_code == 303
    assert program(site, "contended").title == "Bob's"


def test_a_form_that_names_no_state_changes_nothing(site: Site, ada: requests.Session) -> None:
    assert post(ada, f"{site.url}{SETTINGS}", **GOOD).status_code == 428
    assert program(site).title == "Support line"


@dataclass(frozen=True)
class House:
    site: Site
    admin: requests.Session


@pytest.fixture
def later(tmp_path: Path, new_database: Callable[[Path], Database]) -> Iterator[House]:
    """A collector that has kept a check for 30 days of its 180."""
    clock = Clock()
    with in_thread(tmp_path, database=new_database(tmp_path), clock=clock) as site:
        assert site.worker(FAILS).check().status_code == 201
        clock.ahead = timedelta(days=30)
        administration.add_user(site.database, "ada", "admin", "a test", clock())
        link = administration.sign_in_link(site.database, "ada", "a test", clock())
        http = requests.Session()
        http.headers["Origin"] = site.url
        assert http.post(link, timeout=20).status_code == 200
        yield House(site, http)


def test_a_shorter_retention_that_deletes_something_is_asked_for_by_typing_the_programs_id(later: House) -> None:
    site, admin, address = later.site, later.admin, f"{later.site.url}{SETTINGS}"
    form = {**GOOD, "retention": "7", "state": hidden(admin.get(address).text, "state")}
    asked = post(admin, address, **form)
    assert asked.status_code == 200
    assert "Keep results for 7 days only?" in shown(asked)
    assert "1 check" in shown(asked)
    assert "1 person of whom nothing newer is here" in shown(asked)
    assert program(site).retention_days == 180
    wrong = post(admin, address, **form, typed="sales")
    assert (wrong.status_code, wrong_fields(wrong.text)) == (400, {"typed"})
    assert "Nothing was saved: “sales” is not the id of the program" in shown(wrong)
    assert program(site).retention_days == 180
    kept = {name: hidden(wrong.text, name) for name in ("state", "title", "purpose", "retention", "language")}
    assert post(admin, address, **kept, typed=PROGRAM).status_code == 303
    assert program(site).retention_days == 7


def test_a_shorter_retention_that_deletes_nothing_is_saved_at_once(later: House) -> None:
    address = f"{later.site.url}{SETTINGS}"
    form = {**GOOD, "retention": "31", "state": hidden(later.admin.get(address).text, "state")}
    assert post(later.admin, address, **form).status_code == 303
    assert program(later.site).retention_days == 31
