"""Erasing a person on the dashboard: only by typing their name, with a proof that anybody can check, and once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.collector.erasing import FOLDER
from homecheck.collector.store import settings
from homecheck.collector.store.database import Database, opened
from homecheck.erasure import verify_erasure
from homecheck.policy import parse_policy
from homecheck.signing import key_set
from tests.dashboard_forms import post, shown, wrong_fields
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT


@pytest.fixture
def site(tmp_path: Path, new_database: Callable[[Path], Database]) -> Iterator[Site]:
    with in_thread(tmp_path, database=new_database(tmp_path)) as running:
        yield running


def test_who_was_erased_is_gone_and_the_proof_is_shown_and_checked(site: Site) -> None:
    ada = site.browse("ada", "admin", PROGRAM)
    site.worker(PASSES).check()
    filip = site.worker(FAILS)
    filip.check()
    person = f"{site.url}/people/{filip.subject}"
    assert f'href="/people/{filip.subject}/erase"' in ada.get(person).text
    page = shown(ada.get(f"{person}/erase"))
    assert f"Erase {FAILS.name}?" in page
    assert "1 check, with every value, receipt and result" in page
    assert "1 device key" in page
    for typed in ("", FAILS.name.lower(), PASSES.name, str(filip.subject), "\x00"):
        wrong = post(ada, f"{person}/erase", typed=typed)
        assert (wrong.status_code, wrong_fields(wrong.text)) == (400, {"typed"})
        assert "Nobody was erased" in shown(wrong)
    assert ada.get(person).status_code == 200
    assert ada.get(f"{person}/erasure").status_code == 404
    done = post(ada, f"{person}/erase", typed=f"  {FAILS.name} ")
    assert (done.status_code, done.headers["Location"]) == (303, f"/people/{filip.subject}/erasure")
    result = ada.get(f"{person}/erasure")
    assert "This person was erased" in shown(result)
    assert FAILS.name not in result.text
    saved = ada.get(f"{person}/erasure/proof")
    assert saved.headers["Content-Disposition"] == f'attachment; filename="erasure-{filip.subject}.jws"'
    published = key_set(requests.get(f"{site.url}/v1/jwks", timeout=20).json()).get
    proof = verify_erasure(saved.content, published)
    assert (proof.person, proof.program, proof.issuer) == (filip.subject, PROGRAM, site.url)
    assert saved.text in result.text
    assert site.browse_database("SELECT name FROM person") == [PASSES.name]
    assert site.browse_database("SELECT actor FROM event WHERE kind = 'erased'") == ["ada"]
    assert site.browse_database("SELECT source_address FROM event WHERE kind = 'erased'") == ["127.0.0.1"]
    assert filip.upload(filip.evidence()).status_code == 403
    assert site.defects() == []
    # Afterwards: whoever could have done it finds the proof, for all others nobody was ever here.
    assert ada.get(person, allow_redirects=False).headers["Location"] == f"/people/{filip.subject}/erasure"
    assert FAILS.name not in ada.get(f"{site.url}/").text
    assert post(ada, f"{person}/erase", typed=FAILS.name).status_code == 404
    assert ada.get(f"{person}/erase").status_code == 404
    assert ada.get(f"{person}/waivers").status_code == 404


def test_the_proof_is_for_those_who_administer_the_program(site: Site) -> None:
    policy = parse_policy(POLICY_TEXT, "t")
    administration.add_program(site.database, "sales", "Sales", "To see.", 90, policy, "a test", utc_now())
    filip = site.worker(FAILS)
    person = f"{site.url}/people/{filip.subject}"
    viewer, reviewer = site.browse("vi", "viewer"), site.browse("rex", "reviewer")
    elsewhere = site.browse("sal", "admin", "sales")
    assert "/erase" not in reviewer.get(person).text
    assert post(site.browse("ada", "admin"), f"{person}/erase", typed=FAILS.name).status_code == 303
    for who, page, proof in ((viewer, 404, 403), (reviewer, 404, 403), (elsewhere, 404, 404)):
        assert who.get(person).status_code == page
        assert who.get(f"{person}/erasure").status_code == proof
        assert who.get(f"{person}/erasure/proof").status_code == proof
    for path in ("/erase", "/erasure", "/erasure/proof"):
        assert requests.get(f"{person}{path}", timeout=20).status_code == 401


def test_a_name_is_the_same_however_its_characters_are_made(site: Site) -> None:
    ada = site.browse("ada", "admin")
    worker = site.worker(PASSES, "Åsa Öberg")
    address = f"{site.url}/people/{worker.subject}/erase"
    assert post(ada, address, typed=unicodedata.normalize("NFD", "Åsa  Öberg")).status_code == 303
    assert site.browse_database("SELECT COUNT(*) FROM person") == [0]


def test_what_is_no_good_proof_of_this_person_is_not_shown(site: Site) -> None:
    ada = site.browse("ada", "admin")
    with opened(site.database) as db:
        folder = settings.read(db).keys_folder(site.database) / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{'A' * 22}.jws").write_bytes(b"ey.ey.ey")
    for name in ("A" * 22, "A" * 23, "%2e%2e%2fsigning", "x.jws"):
        for path in ("/erasure", "/erasure/proof", ""):
            assert ada.get(f"{site.url}/people/{name}{path}").status_code == 404
