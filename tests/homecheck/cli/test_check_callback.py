"""A call-back from end to end: our own commands on a terminal, a real collector, an operator who reads out the code."""

from __future__ import annotations

import base64
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from homecheck.cli.local_servers import LocalServers
from homecheck.config import Home
from homecheck.signing import unverified_header
from homecheck.strict_json import parse_object
from tests.command_line import homecheck
from tests.ports import free_port

SECONDS = 60.0
DESK = """
name = "desk"
version = "1"
[[requirement]]
quantity = "host.memory"
at_least = 0.1
"""
PHONE = """
name = "phone"
version = "1"
title = "Telephone line"
[[requirement]]
quantity = "landline.callback"
equals = true
advice = "Tell us when we may call."
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[LocalServers]:
    running = LocalServers(tmp_path / "servers", "Example Inc.")
    running.folder.mkdir()
    running.url = f"http://127.0.0.1:{free_port()}"
    try:
        running.collector("init", "--url", running.url, "--name", running.name)
        for name, text in (("desk", DESK), ("phone", PHONE)):
            policy = tmp_path / f"{name}.toml"
            policy.write_text(text, encoding="utf-8")
            running.collector("program", "add", name, "--policy", str(policy))
        running.serve_collector()
        yield running
    finally:
        running.stop()


@pytest.fixture
def home(tmp_path: Path, servers: LocalServers) -> Home:
    """A computer that takes part in both programs; only the second asks for a call."""
    home = Home.at(tmp_path / "home")
    for program in ("desk", "phone"):
        address = servers.collector("invite", program, "--person", "Åsa Öberg", "--phone", "+46 8 123 456 78").strip()
        assert homecheck(home, "enroll", "--yes", address).status == 0
    return home


class Terminal:
    """One command on a pseudo terminal."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self._leader, follower = pty.openpty()
        environment = {**os.environ, "HOMECHECK_HOME": str(home.root), "COLUMNS": "200", "TERM": "dumb"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "homecheck", *arguments],
            env=environment, stdin=follower, stdout=subprocess.PIPE, stderr=follower,
        )  # fmt: skip
        os.close(follower)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` is on the screen."""
        end = time.monotonic() + SECONDS
        while text not in " ".join(self.shown.split()) and time.monotonic() < end:
            if select.select([self._leader], [], [], 1.0)[0]:
                self.shown += os.read(self._leader, 4096).decode("utf-8", "replace")
        assert text in " ".join(self.shown.split()), self.shown

    def type(self, line: str) -> None:
        os.write(self._leader, f"{line}\n".encode())

    def end(self) -> tuple[int, str]:
        """Read to the end and return exit status and stdout."""
        out, _ = self._process.communicate(timeout=SECONDS)
        with suppress(OSError):  # Linux reports the other end's close so
            while select.select([self._leader], [], [], 0)[0]:
                self.shown += os.read(self._leader, 4096).decode("utf-8", "replace")
        os.close(self._leader)
        return self._process.returncode, out.decode()


def payload(envelope: bytes) -> bytes:
    part = envelope.split(b".")[1]
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def sent(home: Home) -> dict[str, Path]:
    """Return the files of the evidence that was sent, by the first quantity in each."""
    files = [path for path in home.receipts.glob("*.jws") if not path.name.endswith(".receipt.jws")]
    return {quantities(path)[0]: path for path in files}


def quantities(evidence: Path) -> list[str]:
    members = parse_object(payload(evidence.read_bytes()))
    return [found["quantity"] for run in members["runs"] for found in run["measurements"]]


def statements(evidence: Path) -> list[str]:
    """Return the kinds of the signed statements in the evidence."""
    members = parse_object(payload(evidence.read_bytes()))
    return [unverified_header(text.encode())["typ"] for text in members["observations"]]


def test_an_operator_reads_out_the_code_and_the_check_passes(servers: LocalServers, home: Home, tmp_path: Path) -> None:
    check = Terminal(home, "check", "--only", "host.memory", "--only", "landline.*", "--yes", "--output", "json")
    check.wait_for("the number that ends with 78")
    check.wait_for("Type s and press Enter")
    (call,) = json.loads(servers.collector("callbacks", "list", "--output", "json"))
    assert (call["phone"], call["person"], call["program"]) == ("+46812345678", "Åsa Öberg", "phone")
    assert f"call +46812345678 and play {call['code']}" in servers.collector("callbacks", "list")
    assert call["code"] in servers.collector("callbacks", "show", call["id"])
    assert call["code"] not in check.shown
    check.type("12345")
    check.wait_for("The code has six digits and nothing else")
    check.type(call["code"])
    check.wait_for("that was the right code")
    status, out = check.end()
    answer = json.loads(out)
    assert (status, answer["verdict"]) == (0, "pass"), check.shown
    assert [upload["status"] for upload in answer["uploads"]] == ["accepted", "accepted"]
    # Each program got what it asks for, and the confirmation went where the call came from.
    files = sent(home)
    assert {name: quantities(path) for name, path in files.items()} == {
        "host.memory": ["host.memory"],
        "landline.callback": ["landline.callback"],
    }
    assert statements(files["host.memory"]) == []
    assert statements(files["landline.callback"]) == ["homecheck-callback+jws"]
    assert json.loads(servers.collector("callbacks", "list", "--output", "json")) == []
    envelope = str(files["landline.callback"])
    verified = homecheck(home, "verify", envelope)
    assert verified.status == 0
    assert f"Call-back    yes, says {servers.url}" in verified.out
    judged = homecheck(home, "show", envelope, "--policy", str(tmp_path / "phone.toml"), "--output", "json")
    assert json.loads(judged.out)["verdict"] == "pass"


def test_nobody_is_called_by_an_unattended_check(servers: LocalServers, home: Home) -> None:
    done = homecheck(
        home, "check", "--only", "landline.callback", "--program", "phone", "--unattended", "--output", "json"
    )
    assert done.status == 11
    found = json.loads(done.out)["measurements"]["landline.callback"]
    assert (found["value"], found["failure"]["code"]) == (None, "needs_person")
    assert json.loads(servers.collector("callbacks", "list", "--output", "json")) == []


def test_a_private_check_says_that_a_call_needs_a_collector(tmp_path: Path) -> None:
    policy = tmp_path / "phone.toml"
    policy.write_text(PHONE, encoding="utf-8")
    options = ("--policy", str(policy), "--only", "landline.callback", "--unattended", "--output", "json")
    done = homecheck(Home.at(tmp_path / "home"), "check", *options)
    assert done.status == 11
    failure = json.loads(done.out)["measurements"]["landline.callback"]["failure"]
    assert (failure["code"], failure["at_fault"]) == ("needs_collector", "agent")
