"""Keys and enrolments that are open, unreadable, locked up or damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.doctor.device_keys import examine_keys, known_enrolments
from homecheck.doctor.diagnosis import Diagnosis
from homecheck.enrolment import Enrolment, read_invitation, redeem
from homecheck.exchange import new_session
from tests.needs import need
from tests.scripted_collector import NOW, ScriptedCollector

NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


@pytest.fixture
def enrolment(home: Home) -> Iterator[Enrolment]:
    with ScriptedCollector() as collector:
        http = new_session()
        yield redeem(read_invitation(collector.invite_url, http), home, http, NOW)


def examined(home: Home) -> Diagnosis:
    (only,) = examine_keys(home, known_enrolments(home))
    return only


def key(home: Home, enrolment: Enrolment) -> Path:
    return home.keys / f"{enrolment.kid}.jwk"


def test_a_key_that_signs_is_in_order_and_its_place_is_told(home: Home, enrolment: Enrolment) -> None:
    found = examined(home)
    assert (found.subject, found.state) == ("key for voice", "ok")
    assert "kept in a file" in found.message


def test_a_computer_that_is_not_enrolled_hears_how_to_enrol(home: Home) -> None:
    found = examined(home)
    assert found.state == "ok"
    assert "homecheck enroll URL" in found.message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps files by access lists")
def test_a_key_that_others_can_read_is_refused_with_the_command_that_closes_it(
    home: Home, enrolment: Enrolment
) -> None:
    path = key(home, enrolment)
    path.chmod(0o644)
    found = examined(home)
    assert (found.state, found.trouble, found.fix) == ("fail", "key-unusable", f"Run: chmod 600 {path}")
    assert "others can read this key" in found.message


def test_a_key_that_is_gone_or_damaged_is_named(home: Home, enrolment: Enrolment) -> None:
    path = key(home, enrolment)
    path.write_bytes(path.read_bytes()[:40])
    assert str(path) in examined(home).message
    path.unlink()
    found = examined(home)
    assert found.trouble == "key-unusable"
    assert "there is no key" in found.message


def test_a_key_of_another_user_cannot_be_read_and_the_file_is_named(home: Home, enrolment: Enrolment) -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "becoming another user needs root", "run as root")
    for folder in (home.root, home.keys, home.enrolments):
        folder.chmod(0o755)  # for this test alone: what is to be hidden is the key
    for path in home.enrolments.iterdir():
        path.chmod(0o644)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from homecheck.config import Home\n"
        "from homecheck.doctor.device_keys import examine_keys, known_enrolments\n"
        "enrolments = known_enrolments(Home.at(Path(sys.argv[1])))\n"
        f"os.setuid({NOBODY})\n"
        "print([one.trouble + ': ' + one.message for one in examine_keys(Home.at(Path(sys.argv[1])), enrolments)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "."], cwd=home.root, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert "key-unusable: " in done.stdout, done.stderr
    assert f"{enrolment.kid}.jwk: cannot read the key: Permission denied" in done.stdout


@pytest.mark.parametrize(
    ("store", "words"),
    [("keyring", "keyring"), ("tpm", "TPM"), ("cloud", "does not know")],
)
def test_a_key_whose_place_is_not_open_says_which_place(
    home: Home, enrolment: Enrolment, monkeypatch: pytest.MonkeyPatch, store: str, words: str
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")  # no desktop, and so no keyring
    monkeypatch.setenv("HOMECHECK_TPM", "device:/nonexistent")
    path = key(home, enrolment)
    members = json.loads(path.read_bytes())
    del members["d"]
    path.write_text(json.dumps({**members, **dict.fromkeys(("tpm_private", "tpm_public"), "AAAA"), "store": store}))
    found = examined(home)
    assert (found.state, found.trouble) == ("fail", "key-unusable")
    assert words in found.message
    assert found.fix


def test_a_folder_of_enrolments_that_cannot_be_read_is_not_taken_for_an_empty_one(home: Home) -> None:
    home.root.mkdir()
    home.enrolments.write_bytes(b"")  # not even root lists a file
    found = examined(home)
    assert (found.state, found.trouble) == ("fail", "enrolment-damaged")
    assert str(home.enrolments) in found.message


def test_an_enrolment_that_is_damaged_hides_no_other(home: Home, enrolment: Enrolment) -> None:
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    damaged, good = examine_keys(home, known_enrolments(home))
    assert (damaged.subject, damaged.trouble) == ("program sales", "enrolment-damaged")
    assert str(home.enrolments / "sales.json") in damaged.message
    assert (good.subject, good.state) == ("key for voice", "ok")
