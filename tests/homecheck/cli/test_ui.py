"""`homecheck ui` as a command: it prints an address, serves, and ends by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path

import pytest
import requests

from homecheck.cli.ui import Announcer
from homecheck.config import Home
from homecheck.file_lock import exclusive
from tests.command_line import homecheck


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_it_prints_an_address_and_ends_in_order_by_ctrl_c(tmp_path: Path) -> None:
    guide = subprocess.Popen(
        [sys.executable, "-m", "homecheck", "ui", "--no-browser"],
        env={**os.environ, "HOMECHECK_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert guide.stdout is not None
        address = guide.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter/[A-Za-z0-9_-]{43}", address)
        assert "homecheck" in requests.get(address, timeout=60).text
        assert guide.stdout.readline().strip() != address  # the next one, for who closes the browser
        guide.send_signal(signal.SIGINT)
        _, told = guide.communicate(timeout=60)
    finally:
        guide.kill()
        guide.wait()
    assert guide.returncode == 0, told
    assert "The guide has ended." in told
    assert "Traceback" not in told


ADDRESS = "http://127.0.0.1:8765/enter/token"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a desktop")
def test_without_a_desktop_the_person_is_told_what_to_open(capsys: pytest.CaptureFixture[str]) -> None:
    Announcer(opens=True, environment={})(ADDRESS)
    said = capsys.readouterr()
    assert said.out == f"{ADDRESS}\n"
    assert "No browser was opened. Open the address above yourself" in said.err


def test_by_ssh_it_says_how_to_see_it_and_what_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    Announcer(opens=True, environment={"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.8 22"})(ADDRESS)
    said = capsys.readouterr().err
    assert "ssh -L 8765:127.0.0.1:8765" in said
    assert "not those of the one in front of you" in said


def test_a_browser_that_does_not_start_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _address: False)
    Announcer(opens=True, environment={"DISPLAY": ":0"})(ADDRESS)
    for thread in [one for one in threading.enumerate() if one.name == "browser"]:
        thread.join(10)
    assert "No browser was opened" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_the_browser_that_is_named_gets_the_address_once(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/writing" && mv "{tmp_path}/writing" "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    guide = subprocess.Popen(
        [sys.executable, "-m", "homecheck", "ui"],
        env={**os.environ, "BROWSER": str(browser), "HOMECHECK_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert guide.stdout is not None
        address = guide.stdout.readline().strip()
        for _ in range(1200):
            if (tmp_path / "opened").exists():
                break
            time.sleep(0.05)
        guide.send_signal(signal.SIGINT)
        _, said = guide.communicate(timeout=60)
    finally:
        guide.kill()
        guide.wait()
    assert (tmp_path / "opened").read_text().split() == [address]
    assert "No browser" not in said


def test_a_second_guide_says_where_the_first_is(tmp_path: Path) -> None:
    with exclusive(tmp_path / "ui.lock") as held:
        assert held
        result = homecheck(Home.at(tmp_path), "ui", "--no-browser")
    assert result.status == 1
    assert "is running already" in result.err
    assert "the newest address stands there" in result.err


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = homecheck(Home.at(tmp_path), "ui", "--no-browser", "--port", str(port))
    assert result.status == 1
    assert f"port {port}" in result.err
