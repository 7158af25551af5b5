"""`homecheck credential` and `homecheck verify` on what it makes: from an invitation to a new employer's desk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.collector import administration
from homecheck.collector.reappraisal import reappraise
from homecheck.config import Home
from homecheck.enrolment import Enrolment, find
from homecheck.exchange import new_session
from homecheck.holder import collect
from homecheck.keys import read_key_file
from homecheck.policy import parse_policy
from homecheck.signing import EVIDENCE, base64url, sign
from tests.command_line import Result, homecheck
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT, Character, Worker
from tests.scripted_collector import ScriptedCollector

NEW_EMPLOYER = "https://new-employer.example"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


def enrolled(site: Site, home: Home, name: str) -> Enrolment:
    address = f"{site.url}/invite/{site.invite(name)}"
    assert homecheck(home, "enroll", "--yes", address).status == 0
    return find(home, PROGRAM)


def measured(home: Home, enrolment: Enrolment, character: Character) -> Result:
    """Put evidence of this character into the spool and send it, as after a check that could not be sent."""
    signer = read_key_file(home.keys / f"{enrolment.kid}.jwk")
    worker = Worker(enrolment.collector, character, signer, subject=enrolment.subject)
    worker.seq = spool.next_seq(home, enrolment.kid) - 1
    spool.put(home, sign(worker.evidence().to_bytes(), EVIDENCE, signer), enrolment.program)
    return homecheck(home, "upload")


@pytest.fixture(scope="module")
def petra(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that passed, with its credential."""
    home = Home.at(tmp_path_factory.mktemp("petra"))
    assert measured(home, enrolled(site, home, "Petra Carrier"), PASSES).status == 0
    return home


@pytest.fixture(scope="module")
def filip(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that failed, with its credential."""
    home = Home.at(tmp_path_factory.mktemp("filip"))
    assert measured(home, enrolled(site, home, "Filip Carrier"), FAILS).status == 0
    return home


@pytest.fixture
def keys(site: Site, tmp_path: Path) -> str:
    """The key set as a new employer has saved it once."""
    path = tmp_path / "jwks.json"
    path.write_bytes(Worker(site.url).get("/v1/jwks").content)
    return str(path)


def present(home: Home, file: Path, *options: str, typed: str = "") -> Result:
    agree = () if typed else ("--yes",)
    chosen = ("credential", "present", PROGRAM, "--for", NEW_EMPLOYER, "--nonce", "n-17", "--save", str(file))
    return homecheck(home, *chosen, *agree, *options, typed=typed)


def verify(tmp_path: Path, file: Path, keys: str, *options: str) -> Result:
    return homecheck(Home.at(tmp_path / "new-employer"), "verify", str(file), "--jwks", keys, *options)


# What comes with a check


def test_result_and_credential_come_with_the_receipt(petra: Home, site: Site, keys: str, tmp_path: Path) -> None:
    (result,) = petra.results.iterdir()
    found = verify(tmp_path, result, keys)
    assert found.status == 0, found.err
    for text in (f"Vouched by   {site.url}", "Person       Petra Carrier", "Verdict      pass", "freshness: none"):
        assert text in found.out
    assert homecheck(petra, "verify", str(result)).status == 0  # by the keys pinned at enrolment


def test_what_is_carried_is_listed_and_shown_by_the_names_that_choose_it(petra: Home) -> None:
    assert "support: verdict pass, valid until" in homecheck(petra, "credential", "list").out
    listed = json.loads(homecheck(petra, "credential", "list", "--output", "json").out)
    assert [(one["program"], one["verdict"]) for one in listed["credentials"]] == [(PROGRAM, "pass")]
    shown = homecheck(petra, "credential", "show", PROGRAM)
    assert shown.status == 0
    names = [line.split("  ")[0] for line in shown.out.splitlines()]
    assert names[6:] == [
        "name", "program", "policy", "received_at", "freshness", "evidence",
        "network.download", "headset.transport", "room.noise", "declaration.door",
    ]  # fmt: skip
    document = json.loads(homecheck(petra, "credential", "show", PROGRAM, "--output", "json").out)
    assert document["claims"]["network.download"] == "pass: 48.20 ± 0.80 Mbit/s (required, self-reported)"


def test_a_collector_that_knows_no_results_costs_a_check_nothing(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        enrolment = find(home, "voice")
        signer = read_key_file(home.keys / f"{enrolment.kid}.jwk")
        why = collect(home, enrolment, signer, new_session({}), datetime.now(UTC), "sha256:" + "0" * 64)
        assert "gives no results yet" in why
        assert "homecheck credential fetch voice" in why
    assert homecheck(home, "credential", "list").out.startswith("voice: none yet.")
    missing = homecheck(home, "credential", "show", "voice")
    assert (missing.status, missing.out) == (1, "")
    assert "there is no credential here yet" in missing.err


# What is handed over


def test_a_new_employer_sees_what_was_chosen_and_no_more(petra: Home, keys: str, tmp_path: Path) -> None:
    file = tmp_path / "petra.sd-jwt"
    made = present(petra, file, "--disclose", "name", "--disclose", "network.*", "--disclose", "freshness")
    assert (made.status, made.out) == (0, f"{file}\n")
    found = verify(tmp_path, file, keys, "--for", NEW_EMPLOYER, "--nonce", "n-17")
    assert found.status == 0, found.err
    for text in (
        "Good         credential, shown by its holder", f"Shown to     {NEW_EMPLOYER}",
        "Verdict      pass: the worst of ALL", "Name         Petra Carrier", "Freshness    none",
        "Finding      network.download: pass: 48.20 ± 0.80 Mbit/s",
        "NOT SHOWN    program, policy, received_at, evidence, region (if there is one)",
        "NOT SHOWN    15 findings at most; none of them is worse than pass", "valid until",
    ):  # fmt: skip
        assert text in found.out, text
    for hidden in ("room.noise", "headset", "door", "Support line"):
        assert hidden not in found.out
    assert b"Support" not in file.read_bytes()


def test_one_who_hides_what_failed_is_seen_to_do_so(filip: Home, keys: str, tmp_path: Path) -> None:
    file = tmp_path / "filip.sd-jwt"
    assert present(filip, file, "--disclose", "name").status == 0
    found = verify(tmp_path, file, keys)
    assert found.status == 0
    assert "Verdict      fail: the worst of ALL findings, shown or not" in found.out
    assert "ATTENTION    the verdict is fail, and what brought it about is NOT SHOWN" in found.out
    assert "pass" not in found.out


def test_the_person_sees_what_would_be_shown_before_anything_is_written(filip: Home, tmp_path: Path) -> None:
    file = tmp_path / "asked.sd-jwt"
    stay = present(filip, file, "--disclose", "declaration.*", typed="n\n")
    assert (stay.status, stay.out, file.exists()) == (1, "", False)
    for text in (
        f"for {NEW_EMPLOYER}", "verdict                fail (the worst of everything that was checked)",
        "declaration.door       fail: declared no, yes is needed", "You keep back (they cannot find out what it says):",
        "name, program, policy, received_at, freshness, evidence, network.download", "Nothing was written.",
        "Example Inc. is told nothing of this.",
    ):  # fmt: skip
        assert text in stay.err, text
    assert present(filip, file, typed="").status == 0
    silent = present(filip, tmp_path / "other", typed="\n")
    assert (silent.status, (tmp_path / "other").exists()) == (1, False)


def test_nothing_is_shown_where_a_name_was_mistyped(petra: Home, tmp_path: Path) -> None:
    file = tmp_path / "petra.sd-jwt"
    wrong = present(petra, file, "--disclose", "nam")
    assert (wrong.status, file.exists()) == (2, False)
    assert "nothing in this credential is called 'nam'; it has: name, program" in wrong.err


def test_presenting_needs_no_network_and_tells_nobody(petra: Home, site: Site, tmp_path: Path) -> None:
    before = site.browse_database("SELECT count(*) FROM event")
    worker = Worker(site.url)
    assert present(petra, tmp_path / "file", "--disclose", "*").status == 0
    assert site.browse_database("SELECT count(*) FROM event") == before
    assert worker.get("/healthz").status_code == 200


# What a new employer refuses


def test_a_presentation_for_somebody_else_or_of_another_time_is_refused(petra: Home, keys: str, tmp_path: Path) -> None:
    file = tmp_path / "petra.sd-jwt"
    present(petra, file)
    for option, value, reason in (
        ("--for", "https://other.example", "other-audience"),
        ("--nonce", "n-18", "other-nonce"),
    ):
        found = verify(tmp_path, file, keys, option, value)
        assert (found.status, found.out) == (3, "")
        assert f"refused ({reason})" in found.err


def test_the_holders_own_copy_proves_nothing_to_others(petra: Home, keys: str, tmp_path: Path) -> None:
    (kept,) = petra.credentials.iterdir()
    found = verify(tmp_path, kept, keys)
    assert (found.status, found.out) == (3, "")
    assert "refused (no-key-binding)" in found.err
    assert "homecheck credential present" in found.err


def test_by_other_keys_it_is_refused(petra: Home, tmp_path: Path) -> None:
    file = tmp_path / "petra.sd-jwt"
    present(petra, file)
    found = homecheck(Home.at(tmp_path / "nobody"), "verify", str(file))
    assert found.status == 3
    assert "refused (unknown-key)" in found.err


def test_its_holders_own_key_issues_no_credential(petra: Home, tmp_path: Path) -> None:
    """Whoever has the device key could otherwise vouch for themselves on this computer."""
    signer = read_key_file(next(petra.keys.glob("*.jwk")))
    forged = tmp_path / "forged.sd-jwt"
    forged.write_bytes(sign(b"{}", "homecheck-credential+sd-jwt", signer) + b"~" + sign(b"{}", "kb+jwt", signer))
    found = homecheck(petra, "verify", str(forged))
    assert found.status == 3
    assert "refused (unknown-key)" in found.err


def test_audience_and_nonce_are_of_credentials_alone(petra: Home, keys: str, tmp_path: Path) -> None:
    (result,) = petra.results.iterdir()
    found = verify(tmp_path, result, keys, "--nonce", "n")
    assert found.status == 2
    assert "are for a credential" in found.err


# What is kept here


def test_a_damaged_credential_is_named_and_can_be_fetched_again(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    measured(home, enrolled(site, home, "Damaged"), PASSES)
    (kept,) = home.credentials.iterdir()
    good = kept.read_bytes()
    for bad in (b"", b"photo", good[:-20], good + base64url(os.urandom(30)).encode()):
        kept.write_bytes(bad)
        shown = homecheck(home, "credential", "show", PROGRAM)
        assert (shown.status, shown.out) == (1, ""), bad
        assert str(kept) in shown.err
        assert "homecheck credential fetch support" in shown.err
    assert "does not count" in homecheck(home, "credential", "list").out
    again = homecheck(home, "credential", "fetch", PROGRAM)
    assert again.status == 0, again.err
    assert homecheck(home, "credential", "show", PROGRAM).status == 0
    assert kept.read_bytes() != good  # fresh salts


def test_before_any_check_there_is_nothing_to_carry(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    enrolled(site, home, "Nothing yet")
    found = homecheck(home, "credential", "fetch")
    assert (found.status, found.out) == (1, "")
    assert "Run a check first" in found.err


def test_after_judging_again_the_newest_result_is_carried(tmp_path: Path) -> None:
    with in_thread(tmp_path / "collector") as site:
        home = Home.at(tmp_path / "home")
        measured(home, enrolled(site, home, "Again"), replace(PASSES, download=30.0))
        stricter = parse_policy(POLICY_TEXT.replace("at_least = 10\nwarn_below = 25", "at_least = 40"), "stricter")
        administration.publish_policy(site.database, PROGRAM, stricter, "a test", datetime.now(UTC))
        assert len(list(reappraise(site.database, PROGRAM, "a test", datetime.now(UTC) + timedelta(seconds=1)))) == 1
        fetched = homecheck(home, "credential", "fetch")
        assert "support: verdict fail" in fetched.out


def test_leaving_says_that_the_credential_goes_and_takes_it(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    measured(home, enrolled(site, home, "Leaver"), PASSES)
    left = homecheck(home, "leave", PROGRAM, typed="y\n")
    assert "homecheck credential present support" in left.err
    assert list(home.credentials.iterdir()) == []
