from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import find, load_enrolments
from homecheck.errors import EnrolmentError
from homecheck.exchange import new_session
from homecheck.file_lock import exclusive
from homecheck.fingerprint import words
from homecheck.key_change import begun_rotation, rotate
from homecheck.policy import parse_policy
from tests.command_line import homecheck
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import POLICY_TEXT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        policy = parse_policy(POLICY_TEXT, "test policy")
        administration.add_program(running.database, "sales", "Sales line", "To see.", 180, policy, "a test", utc_now())
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def enrol(site: Site, home: Home, person: str, program: str = PROGRAM) -> str:
    address = f"{site.url}/invite/{site.invite(person, program=program)}"
    assert homecheck(home, "enroll", "--yes", address).status == 0
    return find(home, program).kid


def test_a_new_key_is_named_in_the_words_that_the_dashboard_shows(site: Site, home: Home) -> None:
    old = enrol(site, home, "Ada")
    result = homecheck(home, "rotate", PROGRAM)
    new = find(home, PROGRAM).kid
    assert (result.status, result.out) == (0, f"support: new key, kept in file: {words(new)}\n")
    assert new != old


def test_without_a_program_every_key_is_changed(site: Site, home: Home) -> None:
    before = {enrol(site, home, "Ben"), enrol(site, home, "Ben", "sales")}
    assert homecheck(home, "rotate").status == 0
    after = {enrolment.kid for enrolment in load_enrolments(home)}
    assert len(after) == 2
    assert not before & after


def test_one_key_that_cannot_be_changed_keeps_no_other_from_it(site: Site, home: Home) -> None:
    sales, support = enrol(site, home, "Cem", "sales"), enrol(site, home, "Cem")
    administration.revoke_device(site.database, sales, "a test", utc_now())
    result = homecheck(home, "rotate")
    assert result.status == 1
    assert "sales: " in result.err
    assert "new invitation" in result.err
    assert find(home, "sales").kid == sales
    assert find(home, PROGRAM).kid != support
    assert result.out.startswith("support: new key")


def test_nowhere_enrolled_and_an_unknown_program_say_what_to_do(site: Site, home: Home) -> None:
    nowhere = homecheck(home, "rotate")
    assert (nowhere.status, nowhere.out) == (1, "")
    assert "homecheck enroll URL" in nowhere.err
    enrol(site, home, "Dag")
    assert "Enrolled here: support." in homecheck(home, "rotate", "sales").err


def test_a_check_that_is_running_keeps_its_key(site: Site, home: Home) -> None:
    old = enrol(site, home, "Eva")
    with exclusive(home.root / "check.lock") as held:
        assert held
        result = homecheck(home, "rotate")
    assert result.status == 1
    assert "another check is running" in result.err
    assert find(home, PROGRAM).kid == old


def test_a_key_goes_to_no_other_place_than_the_one_asked_for(
    site: Site, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = enrol(site, home, "Fay")
    monkeypatch.setenv("HOMECHECK_TPM", f"device:{home.root / 'no-such-tpm'}")
    result = homecheck(home, "rotate", "--key", "tpm")
    assert result.status == 1
    assert result.out == ""
    assert "this computer shows no TPM" in result.err or "need the package tpm2-pytss" in result.err
    assert find(home, PROGRAM).kid == old
    assert [path.stem for path in home.keys.iterdir()] == [old]


def test_a_check_completes_a_change_that_was_begun(site: Site, home: Home) -> None:
    """The collector has the new key, and the answer was lost."""
    old = enrol(site, home, "Gus")
    http = new_session({})

    class Deaf:
        """Sends, and never hears the answer."""

        verify = True

        def request(self, *arguments: object, **named: object) -> object:
            http.request(*arguments, **named)  # type: ignore[arg-type]  # passed through as they came
            raise requests.ConnectionError

    (enrolment,) = load_enrolments(home)
    with pytest.raises(EnrolmentError, match="the connection broke"):
        rotate(enrolment, home, Deaf(), utc_now())  # type: ignore[arg-type]  # as above
    begun = begun_rotation(enrolment, home)
    assert begun is not None
    assert find(home, PROGRAM).kid == old
    assert homecheck(home, "check", "--unattended", "--only", "landline.digits").status == 11
    assert find(home, PROGRAM).kid == begun.new
    assert site.browse_database(f"SELECT count(*) FROM evidence WHERE kid = '{begun.new}'") == [1]
