"""The page of calls to place, and what else of a call-back the dashboard shows, to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import requests

from homecheck.collector.code_sound import wav
from homecheck.collector.store.users import ROLES, Role
from tests.office import Office, office, promised, say
from tests.people import Worker

NAME = "<b>Tor</b> Ek"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as running:
        yield running


def page(own: Office, browser: requests.Session, path: str) -> str:
    answer = browser.get(f"{own.site.url}{path}", timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_operator_sees_number_and_code_until_the_code_is_handed_in(own: Office) -> None:
    worker, browser = own.worker(NAME), own.site.browse("rut", "reviewer")
    assert "Nobody waits for a call" in page(own, browser, "/calls")
    assert 'aria-label="Calls' not in page(own, browser, "/")
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = own.code(NAME)
    shown = page(own, browser, "/calls")
    assert '<a href="tel:+46812345678">+46812345678</a>' in shown
    assert code in shown
    assert "&lt;b&gt;Tor&lt;/b&gt; Ek" in shown
    assert "<b>Tor" not in shown
    assert 'aria-label="Calls, 1 waiting">Calls <b>1</b>' in page(own, browser, "/programs")  # seen from every page
    sound = browser.get(f"{own.site.url}/calls/{callback_id}/code.wav", timeout=20)
    assert (sound.headers["Content-Type"], sound.content) == ("audio/wav", wav(code))
    assert say(worker, nonce, callback_id, code).json()["result"] == "yes"
    assert code not in page(own, browser, "/calls")
    assert browser.get(f"{own.site.url}/calls/{callback_id}/code.wav", timeout=20).status_code == 404
    assert "code confirmed" in page(own, browser, f"/people/{worker.subject}")


@pytest.mark.parametrize("role", ROLES)
def test_codes_and_numbers_are_for_those_who_place_calls(own: Office, role: str) -> None:
    worker = own.worker("Ada")
    callback_id = promised(worker, worker.challenge())
    code = own.code("Ada")
    browser = own.site.browse("user", cast(Role, role))
    allowed = role in ("reviewer", "admin")
    for path in ("/calls", f"/calls/{callback_id}/code.wav"):
        answer = browser.get(f"{own.site.url}{path}", timeout=20)
        assert answer.status_code == (200 if allowed else 403)
        assert (code in answer.text) is (allowed and path == "/calls")
        stranger = requests.get(f"{own.site.url}{path}", timeout=20)
        assert (stranger.status_code, code in stranger.text) == (401, False)
    for path in ("/", f"/people/{worker.subject}", "/programs/support"):
        shown = page(own, browser, path)
        assert ("/calls" in shown) is allowed
        assert code not in shown
    assert ("+46812345678" in page(own, browser, f"/people/{worker.subject}")) is allowed


def called(own: Office, worker: Worker, name: str, wrong: int) -> str:
    """Go through a call with `wrong` wrong answers first, send the evidence and return its page."""
    nonce = worker.challenge()
    callback_id = promised(worker, nonce)
    code = own.code(name)
    for number in range(1, wrong + 1):
        said = say(worker, nonce, callback_id, f"{(int(code) + number) % 1_000_000:06d}").json()
    if wrong < 3:
        said = say(worker, nonce, callback_id, code).json()
    assert worker.upload(worker.evidence(nonce, observations=(said["confirmation"],))).status_code == 201
    browser = own.site.browse(f"user-{wrong}", "viewer")
    listed = page(own, browser, f"/people/{worker.subject}")
    (address, *_) = re.findall(r'href="(/evidence/sha256:[0-9a-f]{64})"', listed)
    return page(own, browser, address)


def test_the_confirmation_in_the_evidence_is_shown_and_told_from_a_responders(own: Office) -> None:
    worker = own.worker("Eva")
    first = called(own, worker, "Eva", wrong=1)
    assert "the code of the call was handed in" in first
    assert "after 2 answers" in first
    assert f"<strong>Verified: yes</strong>, signed by {own.site.url}" in first
    second = called(own, worker, "Eva", wrong=3)
    assert "only wrong codes were handed in" in second


def test_three_wrong_codes_and_a_call_that_nobody_placed_are_seen_at_the_person(own: Office) -> None:
    worker, browser = own.worker("Ulf"), own.site.browse("rut", "reviewer")
    promised(worker, worker.challenge())
    own.clock.ahead = timedelta(minutes=16)
    assert "no code came in time" in page(own, browser, f"/people/{worker.subject}")
    nonce = worker.challenge()
    callback_id, code = promised(worker, nonce), own.code("Ulf")
    for number in (1, 2, 3):
        say(worker, nonce, callback_id, f"{(int(code) + number) % 1_000_000:06d}")
    shown = page(own, browser, f"/people/{worker.subject}")
    assert "only wrong codes" in shown
    assert "Wrong codes for a call" in shown  # the security event
    assert "3 wrong codes for the call to Ulf" in page(own, browser, "/events")


def test_a_number_is_put_on_file_with_an_invitation_in_the_browser(own: Office) -> None:
    browser = own.site.browse("rut", "reviewer")

    def invite(phone: str) -> requests.Response:
        form = {"person": "Ida Berg", "phone": phone}
        return browser.post(f"{own.site.url}/programs/support/invitations", data=form, timeout=20)

    refused = invite("08 123")
    assert refused.status_code == 400
    assert "no international telephone number" in refused.text
    made = invite("+46 8 999 99 01")
    assert made.status_code == 200
    assert own.site.browse_database("SELECT phone FROM person WHERE name = 'Ida Berg'") == ["+4689999901"]
