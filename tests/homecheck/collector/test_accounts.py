"""Local accounts over HTTP: a password is set, asked for, guessed at; a second factor; sessions that end."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration, guessing, setup
from homecheck.collector.access import Access
from homecheck.collector.accounts import Accounts, Attempt
from homecheck.collector.audit_credentials import passwords, recovery_codes, second_factors
from homecheck.collector.audit_defect import Defect
from homecheck.collector.passwords import Passwords
from homecheck.collector.store.database import Connection, Database, opened, transaction
from homecheck.standards.rfc_3339 import to_text
from homecheck.standards.rfc_6238 import hotp, step
from tests.live_collector import Site, in_thread, wait_until

PASSWORD = "korrekt häst batteri klammer"
OTHER = "nio gula cyklar i regnet"


@dataclass
class Clock:
    """A clock that tests move."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class House:
    site: Site
    clock: Clock

    def post(self, browser: requests.Session, path: str, **form: str) -> requests.Response:
        return browser.post(self.site.url + path, data=form or {"x": "y"}, timeout=30)

    def browser(self) -> requests.Session:
        """Return a browser that has no cookie yet."""
        http = requests.Session()
        http.headers["Origin"] = self.site.url
        return http

    def sign_in(
        self, name: str, password: str, code: str = "", browser: requests.Session | None = None
    ) -> requests.Response:
        """Type into the form, in a browser of its own unless told otherwise."""
        return self.post(browser or self.browser(), "/sign-in", name=name, password=password, code=code)

    def with_password(self, name: str) -> requests.Session:
        """Return a session of a new user who has just set a password."""
        browser = self.site.browse(name, "viewer")
        answer = self.post(browser, "/account/password", password=PASSWORD, again=PASSWORD)
        assert answer.status_code == 200, answer.text
        assert "The password is set" in answer.text
        return browser

    def last_use_is_noted(self) -> bool:
        return self.site.browse_database("SELECT MAX(seen_at) FROM session") == [to_text(self.clock.at)]

    def code(self, secret: bytes) -> str:
        return hotp(secret, step(self.clock.at.timestamp()))

    def with_factor(self, name: str) -> tuple[requests.Session, bytes, list[str]]:
        """Return a session of a new user with a second factor, its secret and the recovery codes."""
        browser = self.with_password(name)
        page = self.post(browser, "/account/second-factor").text
        (text,) = re.findall(r"type the secret into the app: <code>([A-Z2-7]+)</code>", page)
        secret = b32decode(text)
        page = self.post(browser, "/account/second-factor/confirm", code=self.code(secret)).text
        codes = re.findall(r"\b[a-z2-7]{16}\b", page)
        assert len(codes) == 10
        self.clock.at += timedelta(seconds=60)  # the code was used up
        return browser, secret, codes


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = Clock(datetime.now(UTC))
    with in_thread(tmp_path, clock=clock) as site:
        yield House(site, clock)


@pytest.fixture
def either(tmp_path: Path, new_database: Callable[[Path], Database]) -> Iterator[House]:
    """The same on each of the engines in turn."""
    clock = Clock(datetime.now(UTC))
    with in_thread(tmp_path, clock=clock, database=new_database(tmp_path)) as site:
        yield House(site, clock)


def signed_in(answer: requests.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in answer.text


def test_a_password_is_set_after_a_link_and_signs_in(house: House) -> None:
    house.with_password("bo")
    assert signed_in(house.sign_in("bo", PASSWORD))
    for name, password in (
        ("bo", OTHER),
        ("bo", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("bo'--", PASSWORD),
        ("BO", PASSWORD),
    ):
        wrong = house.sign_in(name, password)
        assert wrong.status_code == 403
        assert "name, password or code is wrong" in wrong.text
        assert not wrong.cookies
    (stored,) = house.site.browse_database("SELECT hash FROM user_password")
    assert str(stored).startswith("$argon2id$")


def test_a_bad_new_password_is_refused_with_its_reason_and_changes_nothing(house: House) -> None:
    browser = house.with_password("bo")
    common = "passwordpassword"
    for new, again, why in (("short", "short", "5 characters"), (OTHER, PASSWORD, "differ"), (common, common, "first")):
        answer = house.post(browser, "/account/password", password=new, again=again, present=PASSWORD)
        assert (answer.status_code, why in answer.text) == (400, True)
    assert signed_in(house.sign_in("bo", PASSWORD))


def test_who_sits_down_at_an_open_screen_needs_the_present_password(house: House) -> None:
    house.with_password("bo")
    browser = house.browser()
    assert signed_in(house.sign_in("bo", PASSWORD, browser=browser))
    for path in ("/account/password", "/account/second-factor", "/account/second-factor/remove"):
        answer = house.post(browser, path, password=OTHER, again=OTHER, present="a guess of mine")
        assert answer.status_code == 403
        assert "present password is wrong" in answer.text
    house.clock.at += timedelta(minutes=16)
    assert house.post(browser, "/account/password", password=OTHER, again=OTHER, present=PASSWORD).status_code == 200
    assert signed_in(house.sign_in("bo", OTHER))
    assert not signed_in(house.sign_in("bo", PASSWORD))


def test_a_link_is_fresh_for_a_quarter_of_an_hour(house: House) -> None:
    browser = house.with_password("bo")
    house.clock.at += timedelta(minutes=16)
    assert house.post(browser, "/account/password", password=OTHER, again=OTHER).status_code == 403


def test_a_new_password_ends_every_other_session(house: House) -> None:
    browser = house.with_password("bo")
    other = house.browser()
    house.sign_in("bo", PASSWORD, browser=other)
    house.post(browser, "/account/password", password=OTHER, again=OTHER)
    assert other.get(f"{house.site.url}/account", timeout=20).status_code == 401
    assert browser.get(f"{house.site.url}/account", timeout=20).status_code == 200


def test_a_second_factor_is_asked_for_and_each_code_counts_once(either: House) -> None:
    _, secret, _ = either.with_factor("bo")
    assert not signed_in(either.sign_in("bo", PASSWORD))
    assert not signed_in(either.sign_in("bo", PASSWORD, "000000"))
    code = either.code(secret)
    assert not signed_in(either.sign_in("bo", OTHER, code))  # and a wrong password does not use the code up
    assert signed_in(either.sign_in("bo", PASSWORD, f"{code[:3]} {code[3:]}"))
    assert not signed_in(either.sign_in("bo", PASSWORD, code))
    with opened(either.site.database) as db:
        assert secret not in b"".join(row[0] for row in db.execute("SELECT sealed FROM user_totp"))


def test_a_recovery_code_stands_in_once(either: House) -> None:
    _, _, codes = either.with_factor("bo")
    typed = " ".join((codes[0][:8].upper(), codes[0][8:]))
    assert signed_in(either.sign_in("bo", PASSWORD, typed))
    assert not signed_in(either.sign_in("bo", PASSWORD, codes[0]))
    page = either.site.browse("ada", "admin").get(f"{either.site.url}/events", timeout=20).text
    assert "Recovery code used" in page
    assert "9 are left" in page
    _, _, others = either.with_factor("cy")
    assert not signed_in(either.sign_in("bo", PASSWORD, others[1]))  # of another account


def test_a_second_factor_does_not_count_before_its_first_code(house: House) -> None:
    browser = house.with_password("bo")
    house.post(browser, "/account/second-factor")
    wrong = house.post(browser, "/account/second-factor/confirm", code="000000")
    assert (wrong.status_code, "not the code of now" in wrong.text) == (400, True)
    assert signed_in(house.sign_in("bo", PASSWORD))


def test_the_qr_code_is_drawn_into_the_page_and_holds_the_secret(house: House) -> None:
    browser = house.with_password("bo")
    page = house.post(browser, "/account/second-factor").text
    (drawing,) = re.findall(r"<svg[^>]*>.*?</svg>", page, re.DOTALL)
    assert "style=" not in drawing  # the content security policy would not let it through
    assert "<script" not in drawing
    assert page.count("<svg") == 1


def test_an_administrator_takes_a_lost_factor_away_at_the_command_line(house: House) -> None:
    browser, _, _ = house.with_factor("bo")
    administration.reset_user(house.site.database, "bo", "a test", house.clock.at)
    assert browser.get(f"{house.site.url}/account", timeout=20).status_code == 401
    assert not signed_in(house.sign_in("bo", PASSWORD))
    link = administration.sign_in_link(house.site.database, "bo", "a test", house.clock.at)
    assert signed_in(house.post(house.browser(), link.removeprefix(house.site.url)))


def test_guessing_is_slowed_down_and_the_owner_is_told_when_it_counts_again(house: House) -> None:
    house.with_password("bo")
    for _ in range(guessing.FOR_BOTH):
        assert house.sign_in("bo", OTHER).status_code == 403
    refused = house.sign_in("bo", PASSWORD)  # the right one is not even looked at
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60 + 1
    assert "sign in with a link" in refused.text
    link = administration.sign_in_link(house.site.database, "bo", "a test", house.clock.at)
    assert signed_in(house.post(house.browser(), link.removeprefix(house.site.url)))
    house.clock.at += timedelta(seconds=int(refused.headers["Retry-After"]))
    assert signed_in(house.sign_in("bo", PASSWORD))


def test_a_name_that_nobody_has_is_slowed_down_in_the_same_way(house: House) -> None:
    house.with_password("bo")
    for name in ("bo", "nobody"):
        answers = [house.sign_in(name, OTHER) for _ in range(guessing.FOR_BOTH + 1)]
        assert [one.status_code for one in answers] == [403] * guessing.FOR_BOTH + [429]
    assert "nobody" not in str(house.site.browse_database("SELECT account FROM wrong_guess"))
    kinds = house.site.browse_database("SELECT about FROM event WHERE kind = 'sign-in-failed'")
    assert set(kinds) == {"bo", "an unknown name"}


def test_signing_in_gives_the_browser_another_session_and_ends_the_one_before(house: House) -> None:
    browser = house.with_password("bo")
    before = browser.cookies["homecheck"]
    house.sign_in("bo", PASSWORD, browser=browser)
    assert browser.cookies["homecheck"] != before
    old = requests.get(f"{house.site.url}/account", cookies={"homecheck": before}, timeout=20)
    assert old.status_code == 401


def test_a_session_ends_when_nobody_uses_it(house: House) -> None:
    browser = house.site.browse("bo", "viewer")
    for _ in range(3):
        house.clock.at += timedelta(minutes=110)
        assert browser.get(f"{house.site.url}/account", timeout=20).status_code == 200
        wait_until(house.last_use_is_noted)  # behind the answer
    house.clock.at += timedelta(minutes=125)
    assert browser.get(f"{house.site.url}/account", timeout=20).status_code == 401


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(either: House) -> None:
    browser = either.with_password("bo")
    others = [either.browser() for _ in range(3)]
    for one in others:
        either.sign_in("bo", PASSWORD, browser=one)
    stranger = either.site.browse("cy", "viewer")
    page = browser.get(f"{either.site.url}/account", timeout=20).text
    ids = re.findall(r'name="session" value="([0-9a-f]{16})"', page)
    assert len(ids) == 3
    either.post(stranger, "/account/sessions/end", session=ids[0])
    assert [one.get(f"{either.site.url}/account", timeout=20).status_code for one in others] == [200, 200, 200]
    either.post(browser, "/account/sessions/end", session=ids[0])
    statuses = [one.get(f"{either.site.url}/account", timeout=20).status_code for one in others]
    assert sorted(statuses) == [200, 200, 401]
    either.post(browser, "/account/sessions/end")
    assert {one.get(f"{either.site.url}/account", timeout=20).status_code for one in others} == {401}
    assert browser.get(f"{either.site.url}/account", timeout=20).status_code == 200


def test_a_form_of_another_site_neither_signs_in_nor_changes_the_account(house: House) -> None:
    browser = house.with_password("bo")
    browser.headers["Origin"] = "https://evil.example"
    for path in ("/sign-in", "/account/password", "/account/sessions/end", "/account/tokens"):
        answer = house.post(
            browser, path, name="bo", password=PASSWORD, again=PASSWORD, session="", label="x", read="1", days="7"
        )
        assert (answer.status_code, "another site" in answer.text) == (403, True), path


def test_the_log_verifies_with_all_this_in_it(either: House) -> None:
    _, secret, _ = either.with_factor("bo")
    either.sign_in("bo", OTHER)
    either.sign_in("bo", PASSWORD, either.code(secret))
    assert either.site.defects() == []


FORGED = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA"
TRICKS = {
    f"UPDATE user_password SET hash = '{FORGED}' WHERE account = 'bo'": "changed password of bo",
    "DELETE FROM user_password WHERE account = 'bo'": "removed password of bo",
    f"INSERT INTO user_password VALUES ('kim', '{FORGED}', '2026-01-01T00:00:00.000Z')": "inserted password of kim",
    "UPDATE user_totp SET sealed = account_bytes WHERE account = 'bo'": "changed second factor of bo",
    "DELETE FROM user_totp WHERE account = 'bo'": "removed second factor of bo",
    "UPDATE user_totp SET confirmed = 0 WHERE account = 'bo'": "removed second factor of bo",
    "UPDATE user_totp SET confirmed = 1 WHERE account = 'kim'": "inserted second factor of kim",
    f"INSERT INTO recovery_code VALUES ('{'0' * 64}', 'bo')": "changed recovery codes of bo",
    f"INSERT INTO recovery_code VALUES ('{'0' * 64}', 'kim')": "inserted recovery codes of kim",
    "DELETE FROM recovery_code WHERE account = 'bo'": "changed recovery codes of bo",
}


class Undone(Exception):
    """Takes a trick back."""


def found_after(db: Connection, trick: str) -> list[str]:
    """Return what the audit says of accounts after an edit past the collector, which is taken back."""
    found: list[Defect] = []
    with suppress(Undone), transaction(db):
        if "account_bytes" in trick:
            db.execute(trick.replace("account_bytes", "?"), (b"another secret",))
        else:
            db.execute(trick)
        found = [*passwords(db), *second_factors(db), *recovery_codes(db)]
        raise Undone
    return [f"{one.wrong} {one.what}" for one in found]


def test_a_credential_that_nobody_has_set_is_named_by_the_audit(either: House) -> None:
    browser, _, codes = either.with_factor("bo")
    assert signed_in(either.sign_in("bo", PASSWORD, codes[0]))
    assert either.post(browser, "/account/password", present=PASSWORD, password=OTHER, again=OTHER).status_code == 200
    either.post(either.site.browse("kim", "viewer"), "/account/second-factor")  # begun, never confirmed
    either.with_factor("eve")
    administration.reset_user(either.site.database, "eve", "a test", either.clock())
    assert either.site.defects() == []
    with opened(either.site.database) as db:
        told = " ".join(str(row["detail"]) for row in db.execute("SELECT detail FROM event"))
        (stored, sealed) = db.execute(
            "SELECT hash, sealed FROM user_password JOIN user_totp USING (account) WHERE account = 'bo'"
        ).fetchone()
        assert not [secret for secret in (PASSWORD, OTHER, stored, bytes(sealed).hex(), *codes) if secret in told]
        for trick, names in TRICKS.items():
            assert found_after(db, trick) == [names], trick
        db.execute(next(iter(TRICKS)))
    (message,) = either.site.defects()
    assert "it was changed past the collector" in message


def test_a_hash_that_is_renewed_at_a_sign_in_is_told_and_is_no_edit(tmp_path: Path) -> None:
    stronger = Passwords(memory_kib=128, passes=2, lanes=1)
    with in_thread(tmp_path) as site:
        house = House(site, Clock(datetime.now(UTC)))
        house.with_password("bo")
        collector = setup.load(site.database)
        collector.writer.start()
        try:
            renewing = Accounts(Access(replace(collector, passwords=stronger)))
            assert renewing.sign_in(Attempt("bo", PASSWORD, "", "192.0.2.1"), {})
        finally:
            collector.writer.stop()
            collector.readers.close()
        assert site.browse_database("SELECT kind FROM event WHERE kind = 'password-renewed'") == ["password-renewed"]
        assert site.defects() == []
