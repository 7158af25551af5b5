"""A device key in each place, from the invitation to the page that a reviewer reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.enrolment import find, load_enrolments
from homecheck.spool import put
from homecheck.tpm_key import VARIABLE
from tests.command_line import homecheck
from tests.live_collector import PROGRAM, Site, in_thread
from tests.scripted_collector import ScriptedCollector
from tests.secret_service import desktop, without_desktop
from tests.tpm import software_tpm

CHECK = ("check", "--unattended", "--only", "landline.digits")
DELIVERED = 11  # received, and not decided: nothing was measured of what the policy asks for


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


def address(site: Site, person: str) -> str:
    return f"{site.url}/invite/{site.invite(person)}"


def stores(site: Site, subject: str) -> list[object]:
    """Return where the collector says that the person's keys are kept, in the order of their enrolment."""
    return site.browse_database(f"SELECT key_store FROM device WHERE person = '{subject}' ORDER BY rowid")


def latest_page(site: Site, subject: str) -> str:
    """Return the page of the evidence that the person sent last."""
    digest = site.browse_database(f"SELECT digest FROM evidence WHERE person = '{subject}' ORDER BY position")[-1]
    return site.browse(f"reader of {subject}", "viewer").get(f"{site.url}/evidence/{digest}", timeout=20).text


def test_a_key_in_the_tpm_goes_all_the_way_and_can_move_there_and_away(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.at(tmp_path / "home")
    with software_tpm(tmp_path / "tpm") as tcti:
        monkeypatch.setenv(VARIABLE, tcti)
        enrolled = homecheck(home, "enroll", "--yes", "--key", "tpm", address(site, "Tove"))
        assert enrolled.status == 0
        assert "this computer's TPM" in enrolled.err
        assert homecheck(home, *CHECK).status == DELIVERED
        subject = find(home, PROGRAM).subject
        assert stores(site, subject) == ["tpm"]
        assert "key kept in: tpm" in latest_page(site, subject)
        (program,) = json.loads(homecheck(home, "status", "--output", "json").out)["programs"]
        assert program["key_store"] == "tpm"
        assert homecheck(home, "rotate").status == 0  # to the same place, and the credential follows the key
        paper = tmp_path / "shown.sd-jwt"
        shown = homecheck(home, "credential", "present", PROGRAM, "--for", "Other Inc.", "--save", str(paper), "--yes")
        assert shown.status == 0, shown.err
        assert homecheck(home, "verify", str(paper)).status == 0  # of which the TPM's signature is a part
        assert "kept in file" in homecheck(home, "rotate", "--key", "file").out
        assert "kept in tpm" in homecheck(home, "rotate", "--key", "tpm").out
        assert homecheck(home, *CHECK).status == DELIVERED
        assert stores(site, subject) == ["tpm", "tpm", "file", "tpm"]
    # The TPM is gone: nothing is measured in vain, and no other key is taken instead.
    gone = homecheck(home, *CHECK)
    assert gone.status == 1
    assert "the TPM at" in gone.err
    assert "measuring" not in gone.err
    assert "kept in: tpm" in homecheck(home, "programs").out  # what can be said without it is said
    assert homecheck(home, "leave", PROGRAM, "--yes").status == 0
    assert list(home.keys.iterdir()) == []


def test_a_key_in_the_keyring_goes_all_the_way_and_leaves_with_its_program(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    program = (
        "import sys, keyring; from homecheck.cli import run; from homecheck.config import Home\n"
        "from homecheck.enrolment import load_enrolments\n"
        "print('enroll', run(['enroll', '--yes', '--key', 'keyring', sys.argv[1]]))\n"
        f"print('check', run({list(CHECK)}))\n"
        "(enrolment,) = load_enrolments(Home.default())\n"
        "print('subject', enrolment.subject)\n"
        "print('programs', run(['programs']))\n"
        "print('leave', run(['leave', '--yes', enrolment.program]))\n"
        "print('left', keyring.get_password('homecheck', enrolment.kid))\n"
    )
    with desktop(tmp_path / "desk") as environment:
        environment["HOMECHECK_HOME"] = str(home.root)
        command = [sys.executable, "-B", "-c", program, address(site, "Kei")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert (said["enroll"], said["check"], said["leave"]) == ("0", str(DELIVERED), "0"), done.stderr
    assert "kept in: keyring" in done.stdout
    assert said["left"] == "None"
    assert stores(site, said["subject"]) == ["keyring"]
    assert "key kept in: keyring" in latest_page(site, said["subject"])
    assert list(home.keys.iterdir()) == []


@pytest.mark.parametrize("place", ["keyring", "tpm"])
def test_where_a_place_cannot_be_had_nothing_is_sent_and_no_key_is_made_elsewhere(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    environment = {
        **without_desktop(tmp_path / "desk"), "HOMECHECK_HOME": str(home), VARIABLE: f"device:{tmp_path / 'none'}",
    }  # fmt: skip
    with ScriptedCollector() as collector:
        command = [sys.executable, "-B", "-m", "homecheck", "enroll", "--yes", "--key", place, collector.invite_url]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert collector.sent("POST") == []
    assert (done.returncode, done.stdout) == (1, "")
    assert "--key file" in done.stderr
    assert list((home / "keys").iterdir()) == []
    assert load_enrolments(Home.at(home)) == ()


def test_an_invitation_that_was_begun_stays_with_the_place_of_its_key(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with ScriptedCollector() as collector:
        collector.script("POST", lambda request: None)  # the answer is lost
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 1
        collector.scripts.clear()
        other = homecheck(home, "enroll", "--yes", "--key", "tpm", collector.invite_url)
        assert other.status == 1
        assert "Give the same command with --key file" in other.err
        assert homecheck(home, "enroll", "--yes", "--key", "file", collector.invite_url).status == 0
    assert len(list(home.keys.iterdir())) == 1


def test_a_place_that_a_later_version_knows_is_not_guessed_at(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
    (path,) = home.keys.iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "store": "secure-enclave"}))
    refused = homecheck(home, *CHECK, "--no-upload")
    assert refused.status == 1
    assert "kept in 'secure-enclave', which this version of homecheck does not know" in refused.err
    (program,) = json.loads(homecheck(home, "programs", "--output", "json").out)["programs"]
    assert program["key_store"] is None


def test_what_waits_is_sent_before_a_new_key_of_the_same_program_makes_it_worthless(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert homecheck(home, "enroll", "--yes", address(site, "Uma")).status == 0
    subject = find(home, PROGRAM).subject
    assert homecheck(home, *CHECK, "--no-upload", "--save", str(tmp_path / "waiting.jws")).status == DELIVERED
    put(home, (tmp_path / "waiting.jws").read_bytes(), PROGRAM)
    again = homecheck(home, "enroll", "--yes", address(site, "Uma"))
    assert again.status == 0
    assert "What waits from earlier checks is sent first." in again.err
    assert site.browse_database(f"SELECT count(*) FROM evidence WHERE person = '{subject}'") == [1]
