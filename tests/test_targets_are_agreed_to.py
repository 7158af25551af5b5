"""From invitation to receipt: a policy's targets are connected to when the person has agreed to exactly these."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import agree, load_enrolments
from homecheck.policy import Policy, parse_policy
from tests.command_line import Result, homecheck
from tests.live_collector import Site, in_thread
from tests.targets import tcp_server

PROGRAM = "calls"


def policy(port: int, host: str = "127.0.0.1") -> Policy:
    return parse_policy(
        'name = "calls"\nversion = "1"\n[[requirement]]\nquantity = "reach.phone"\nequals = true\n'
        f'[[target]]\nname = "phone"\nhost = "{host}"\nport = {port}\nprotocol = "tcp"\n',
        "calls.toml",
    )


class Softphone:
    """The far end of a target, which counts who connects."""

    def __init__(self, port: int, connected: threading.Event) -> None:
        self.port, self.connected = port, connected


@contextmanager
def softphone() -> Iterator[Softphone]:
    connected = threading.Event()
    with tcp_server(lambda _sock: connected.set()) as port:
        yield Softphone(port, connected)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    with in_thread(tmp_path / "site") as found:
        yield found


def invitation(site: Site, asked: Policy) -> str:
    administration.add_program(site.database, PROGRAM, "Calls", "A test.", 30, asked, "a test", utc_now())
    return f"{site.url}/invite/{site.invite('Kim', program=PROGRAM)}"


def check(home: Home, *arguments: str) -> tuple[Result, dict[str, Any]]:
    done = homecheck(home, "check", "--unattended", "--yes", "--output", "json", *arguments)
    return done, json.loads(done.out)


def begun(done: Result) -> set[str]:
    """Return the titles of the probes that were run."""
    return set(re.findall(r"^(.+): measuring \(at most", done.err, re.MULTILINE))


def test_the_person_is_told_where_to_and_only_what_is_asked_for_is_measured(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with softphone() as phone:
        told = homecheck(home, "enroll", "--yes", invitation(site, policy(phone.port)))
        assert told.status == 0, told.err
        shown = " ".join(told.err.split())
        assert f"Where this computer would connect to: 127.0.0.1:{phone.port} (tcp)" in shown
        assert "What would be measured: Reaches phone." in shown
        assert "Each of them sees your internet address." in shown
        assert not phone.connected.is_set()
        done, result = check(home)
    assert phone.connected.is_set()
    assert (done.status, result["verdict"]) == (0, "pass")
    assert f"This check also connects to 127.0.0.1:{phone.port} (tcp)." in " ".join(done.err.split())
    assert [upload["quantities"] for upload in result["uploads"]] == [["reach.phone"]]
    assert begun(done) == {
        "Kind of connection",
        "Servers that you will need",
    }  # no line is filled, no microphone opened
    assert [upload["status"] for upload in result["uploads"]] == ["accepted"]


def test_a_target_that_is_moved_is_another_one_and_wants_a_new_agreement(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with softphone() as phone, softphone() as elsewhere:
        assert homecheck(home, "enroll", "--yes", invitation(site, policy(phone.port))).status == 0
        administration.publish_policy(site.database, PROGRAM, policy(elsewhere.port), "a test", utc_now())
        done, result = check(home)
        moved = f"Connection to 127.0.0.1:{elsewhere.port} (tcp)"
        assert f"now asks for more than you agreed to: {moved}" in " ".join(done.err.split())
        assert not elsewhere.connected.is_set()
        assert result["verdict"] == "inconclusive"
        (enrolment,) = load_enrolments(home)
        agree(enrolment, home)
        _, result = check(home)
    assert elsewhere.connected.is_set()
    assert not phone.connected.is_set()
    assert result["measurements"]["reach.phone"]["value"] is True


def test_with_all_the_rest_is_measured_and_with_only_what_is_named(site: Site, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with softphone() as phone:
        assert homecheck(home, "enroll", "--yes", invitation(site, policy(phone.port))).status == 0
        skipped = (
            "host",
            "network",
            "nat",
            "path",
            "headset",
            "quiet_room",
            "landline",
            "callback",
            "link",
            "security",
        )
        everything, _ = check(home, "--all", *(word for name in skipped for word in ("--skip", name)))
        place, _ = check(home, "--only", "place.timezone")
        reach, _ = check(home, "--only", "reach")
    assert begun(everything) == {"Servers that you will need", "Where you work"}
    assert begun(place) == {"Where you work"}
    assert begun(reach) == {"Servers that you will need"}
