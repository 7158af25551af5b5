"""`homecheck check --method`: what the service does is shown first, and nothing is sent unless somebody agrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homecheck.config import Home
from tests.command_line import homecheck
from tests.homecheck.cli.test_check import ask_at_a_terminal

CHECK = ("check", "--policy", "voice-basic", "--only", "network.*", "--output", "json")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path)


@pytest.mark.parametrize(("method", "said"), [("ndt7", "M-Lab publishes"), ("speedtest", "non-commercial")])
def test_with_nobody_there_the_notice_is_shown_and_nothing_is_measured(home: Home, method: str, said: str) -> None:
    done = homecheck(home, *CHECK, "--unattended", "--method", method)
    assert said in done.err
    measurements = json.loads(done.out)["measurements"]
    for name in ("network.download", "network.upload"):
        assert measurements[name]["failure"]["code"] == "not_agreed"
        assert measurements[name]["failure"]["at_fault"] == "person"
    assert measurements["network.rtt"]["failure"]["code"] == "not_by_this_method"
    assert not (home.root / "mlab-last-run").exists()


def test_ones_own_server_needs_no_agreement(home: Home) -> None:
    done = homecheck(home, *CHECK, "--unattended", "--method", "ndt7", "--responder", "http://127.0.0.1:9")
    assert "M-Lab" not in done.err
    assert json.loads(done.out)["measurements"]["network.download"]["failure"]["code"] == "responder_refused"


def test_a_check_without_the_network_is_not_bothered(home: Home) -> None:
    done = homecheck(
        home, "check", "--policy", "chat-only", "--only", "link.type", "--unattended", "--method", "speedtest"
    )
    assert "Ookla" not in done.err


def test_a_person_is_asked_and_may_say_no(home: Home) -> None:
    typed = ask_at_a_terminal(
        home, "check", "--policy", "chat-only", "--only", "network.download", "--method", "speedtest", answers=b"n\n"
    )
    text = " ".join(typed.split())
    assert text.index("non-commercial") < text.index("Do you agree")
    assert "nobody has agreed" in text
