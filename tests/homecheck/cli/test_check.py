"""`homecheck check` finds what would make it useless before it measures, and speaks plainly."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.file_lock import exclusive
from tests.command_line import homecheck
from tests.scripted_collector import ScriptedCollector

PRIVATE = ("check", "--policy", "chat-only", "--only", "host.memory", "--unattended")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "hö me")


def test_a_second_check_does_not_spoil_the_measurements_of_the_first(home: Home) -> None:
    home.root.mkdir()
    with exclusive(home.root / "check.lock") as alone:
        assert alone
        done = homecheck(home, *PRIVATE)
    assert done.status == 1
    assert done.out == ""
    assert "another check is running on this computer" in done.err
    assert "measuring" not in done.err


def test_a_folder_that_is_not_there_is_named_before_anything_is_measured(home: Home) -> None:
    done = homecheck(home, *PRIVATE, "--save", str(home.root / "nowhere/evidence.jws"))
    assert done.status == 2
    assert "--save: there is no folder" in done.err
    assert "measuring" not in done.err


def test_a_home_that_cannot_be_written_is_named_before_anything_is_measured(home: Home) -> None:
    home.root.write_text("a file in the way of the folder")
    done = homecheck(home, *PRIVATE)
    assert done.status == 1
    assert "cannot make this folder" in done.err
    assert "measuring" not in done.err


def test_a_program_that_is_not_there_is_wrong_usage(home: Home) -> None:
    done = homecheck(home, "check", "--program", "sales", "--unattended")
    assert done.status == 2
    assert "not enrolled in a program of this name" in done.err


@pytest.mark.parametrize("address", ["foo", "ftp://far.example.com", "https://", "https://[fe80::1]:8862", ""])
def test_a_responder_that_is_no_address_is_wrong_usage_and_nothing_is_measured(home: Home, address: str) -> None:
    done = homecheck(home, "check", "--policy", "chat-only", "--unattended", "--responder", address)
    assert done.status == 2
    assert f"--responder: '{address}' is " in done.err
    assert "Correct the address" in done.err


def test_a_policy_that_is_not_there_is_named_without_the_numbers_of_the_system(home: Home) -> None:
    done = homecheck(home, "check", "--policy", "nosuch", "--unattended")
    assert done.status == 1
    assert "nosuch: there is neither a policy of that name nor such a file" in done.err
    assert "Errno" not in done.err
    assert "voice-standard" in done.err


def test_an_answer_to_a_question_that_nobody_asks_is_told(home: Home, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text("quiet_rom = true\n")
    done = homecheck(home, *PRIVATE, "--answers", str(answers))
    assert f"{answers}: the policy does not ask 'quiet_rom'" in done.err  # in one line, as logs want it


@pytest.mark.parametrize(
    ("language", "why", "advice"),
    [
        ("en", "there is neither a policy of that name nor such a file", "Give the path of a policy file, or one of"),
        ("sv", "det finns varken någon policy med det namnet eller någon sådan fil", "Ange sökvägen till en policyfil"),
        ("es", "no hay ninguna política con ese nombre ni ningún archivo así", "Indique la ruta de un archivo"),
    ],
)
def test_a_mistyped_policy_is_told_in_the_candidates_language(
    home: Home, monkeypatch: pytest.MonkeyPatch, language: str, why: str, advice: str
) -> None:
    monkeypatch.setenv("HOMECHECK_LANG", language)
    done = homecheck(home, "check", "--policy", "voice-standrad", "--unattended")
    assert (done.status, done.out) == (1, "")
    assert f"voice-standrad: {why}" in done.err
    assert advice in done.err
    assert "voice-standard, strict-wired" in done.err


def test_saved_evidence_is_for_its_owner_alone(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "mine.jws"
    homecheck(home, *PRIVATE, "--save", str(file))
    assert f"{file.stat().st_mode & 0o777:o}" == "600"
    link, there = tmp_path / "link.jws", tmp_path / "there.jws"
    there.write_bytes(b"an older and longer file" * 10_000)
    there.chmod(0o640)
    link.symlink_to(there)
    homecheck(home, *PRIVATE, "--save", str(link))  # what is there already stays what it was
    assert link.is_symlink()
    assert f"{there.stat().st_mode & 0o777:o}" == "640"
    assert there.read_bytes().count(b".") == 2
    assert b"older" not in there.read_bytes()


def test_evidence_that_cannot_be_saved_does_not_cost_the_result(home: Home, tmp_path: Path) -> None:
    done = homecheck(home, *PRIVATE, "--output", "json", "--save", str(tmp_path / ("x" * 300)))
    assert "cannot save the evidence" in done.err
    assert "host.memory" in json.loads(done.out)["measurements"]


def test_the_keys_of_a_private_check_are_for_their_owner_alone(home: Home) -> None:
    homecheck(home, *PRIVATE)
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.keys / "device.jwk").stat().st_mode) == 0o600


def test_a_clock_that_is_an_hour_off_is_told_with_what_to_do(home: Home) -> None:
    with an_hour_behind() as url:
        done = homecheck(home, "check", "--policy", "chat-only", "--only", "host.*", "--unattended", "--responder", url)
    assert "The clock of this computer is 60 minutes ahead." in done.err
    assert "settings for date and time" in done.err


@contextmanager
def an_hour_behind() -> Iterator[str]:
    """Serve with a clock that is an hour behind, and yield the address."""

    class Behind(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) - 3600)

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Behind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_old_locale_does_not_stop_the_result(home: Home) -> None:
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOMECHECK_HOME": str(home.root)}
    done = subprocess.run(
        [sys.executable, "-m", "homecheck", *PRIVATE], env={**os.environ, **old}, capture_output=True, check=False
    )
    assert done.returncode == 11, done.stderr
    assert "Traceback" not in done.stderr.decode()
    assert "✓" in done.stdout.decode("utf-8")


def test_enter_alone_is_no_answer_to_a_question(home: Home) -> None:
    typed = ask_at_a_terminal(home, "check", "--policy", "voice-standard", "--only", "host.memory", answers=b"\ny\n")
    assert "yes: Do you work in a room with a door" in " ".join(typed.split())
    assert "This computer: measuring" in typed  # a terminal that cannot write over its lines gets plain ones


def ask_at_a_terminal(home: Home, *arguments: str, answers: bytes) -> str:
    """Run one command on a pseudo terminal, type `answers` and return what stands on it afterwards."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "HOMECHECK_HOME": str(home.root), "COLUMNS": "200", "TERM": "dumb"}
    command = [sys.executable, "-m", "homecheck", *arguments]
    process = subprocess.Popen(command, env=environment, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    os.write(leader, answers)
    shown = b""
    try:
        while select.select([leader], [], [], 60)[0]:
            try:
                shown += os.read(leader, 4096)
            except OSError:  # Linux reports the other end's close so
                break
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return shown.decode()


ONE_OF_TWO = ("check", "--only", "host.cpu_cores", "--unattended", "--output", "json")


def test_a_program_that_cannot_be_signed_for_is_left_out_and_the_other_is_sent(home: Home) -> None:
    with ScriptedCollector() as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        collector.script("PUT", collector.receipt)
        (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
        done = homecheck(home, *ONE_OF_TWO)
    assert done.status == 20, done.err
    sent, left_out = json.loads(done.out)["uploads"]
    assert (sent["program"], sent["status"]) == ("voice", "accepted")
    assert (left_out["program"], left_out["status"], left_out["verdict"]) == ("sales", "none", None)
    assert "sales.json: this file is damaged" in left_out["message"]
    assert done.err.count("sales is left out as it cannot be used") == 1


def test_a_companys_name_with_a_full_stop_ends_no_sentence_twice(home: Home) -> None:
    with ScriptedCollector() as collector:  # of Example Inc.
        homecheck(home, "enroll", "--yes", collector.invite_url)
        done = homecheck(home, "check", "--only", "host.cpu_cores", "--unattended", "--no-upload")
    assert "Not sent to Example Inc.\n" in done.out


def test_where_no_program_can_be_signed_for_nothing_is_measured_and_it_is_no_private_check(home: Home) -> None:
    home.enrolments.mkdir(parents=True)
    (home.enrolments / "sales.json").write_bytes(b'{"v": 1')
    done = homecheck(home, *ONE_OF_TWO)
    assert (done.status, done.out) == (1, "")
    assert "sales.json: this file is damaged" in done.err
    assert "measuring" not in done.err
