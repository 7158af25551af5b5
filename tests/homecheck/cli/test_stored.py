"""`homecheck stored`, from an invitation to the page that somebody opens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.errors import DeliveryError
from homecheck.exchange import new_session
from homecheck.keys import read_key_file
from homecheck.report.stored import stored_page, stored_text
from homecheck.stored import PARTS, fetch_stored
from tests.command_line import homecheck
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, Worker

NAME = "Vera <script>alert(1)</script>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="module")
def home(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A computer that is enrolled and has sent one check, which failed."""
    home = Home.at(tmp_path_factory.mktemp("vera"))
    assert homecheck(home, "enroll", "--yes", f"{site.url}/invite/{site.invite(NAME)}").status == 0
    enrolment = find(home, PROGRAM)
    signer = read_key_file(home.keys / f"{enrolment.kid}.jwk")
    worker = Worker(site.url, FAILS, signer, subject=enrolment.subject)
    assert worker.check().status_code == 201
    return home


def test_as_json_it_is_one_document(home: Home) -> None:
    result = homecheck(home, "stored", PROGRAM, "--output", "json")
    found = json.loads(result.out)
    assert (result.status, found["person"]["name"]) == (0, NAME)
    assert set(found) == {"collector", "as_of", "program", "person", *PARTS}
    assert [one["verdict"] for one in found["checks"]] == ["fail"]


def test_as_text_everything_stands_in_it_and_nothing_steers_the_terminal(home: Home) -> None:
    result = homecheck(home, "stored", PROGRAM)
    assert result.status == 0
    assert f"What is stored about {NAME} in Support line" in result.out
    for words in ("Your computers: 1", "Calls to your telephone: nothing", "Your checks: 1", "kept until", "127.0.0.1"):
        assert words in result.out
    assert stored_text({"title": "a\x1b[2J"}, {"name": "b\nc"}, {}, "now").count("\n") == 3


def test_as_a_page_it_needs_nothing_else_and_escapes_what_came_from_outside(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "stored.html"
    result = homecheck(home, "stored", PROGRAM, "--output", "html", "--save", str(file))
    assert (result.status, result.out) == (0, f"{file}\n")
    page = file.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "Vera &lt;script&gt;" in page
    assert "src=" not in page
    assert "href=" not in page
    assert "network.download" in page
    assert max(head.count("<th ") for head in re.findall("<thead>.*?</thead>", page)) <= 7  # more would run out of it
    assert re.search(r"<details open><summary>[-0-9T:.]+Z, [a-z]+</summary>", page)
    assert "<h2>" not in stored_page({"title": "x"}, {"name": "y"}, {}, "now")


def test_who_is_not_enrolled_and_what_cannot_be_written_is_named(home: Home, tmp_path: Path) -> None:
    assert "not enrolled" in homecheck(home, "stored", "sales").err
    nowhere = homecheck(home, "stored", PROGRAM, "--save", str(tmp_path / "none" / "file"))
    assert (nowhere.status, "cannot be written" in nowhere.err) == (1, True)


def test_a_key_that_was_revoked_is_told_so(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert homecheck(home, "enroll", "--yes", f"{site.url}/invite/{site.invite('Rita Revoked')}").status == 0
    kid = find(home, PROGRAM).kid
    assert homecheck(home, "collector", "--database", site.database.url, "device", "revoke", "--", kid).status == 0
    result = homecheck(home, "stored", PROGRAM)
    assert (result.status, "revoked" in result.err, "Rita" in result.out) == (1, True, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["person"].update(id="somebody-else"), "another person"),
        (lambda found: found.update(issuer="https://other.example"), "another person"),
        (lambda found: found.update(v=2), "update homecheck"),
        (lambda found: found["checks"][0].update(verdict={"a": 1}), "number, text, true"),
        (lambda found: found.update(checks="none"), "does not answer like"),
        (lambda found: found.update(more="sha256:1"), "does not come to an end"),
    ],
    ids=["person", "issuer", "version", "nested", "no-list", "endless"],
)
def test_an_answer_that_is_none_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    from homecheck.collector import stored as theirs

    honest = theirs.document

    def dishonest(*arguments: Any) -> dict[str, Any]:
        found = honest(arguments[0], arguments[1], arguments[2], None)
        change(found)
        return found

    monkeypatch.setattr(theirs, "document", dishonest)  # the collector runs in this process, behind a real socket
    monkeypatch.setattr("homecheck.stored.MOST_PAGES", 3)
    enrolment = find(home, PROGRAM)
    with pytest.raises(DeliveryError, match=words):
        fetch_stored(enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk"), new_session())
