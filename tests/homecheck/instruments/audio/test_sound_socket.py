"""The sound server's socket: one that may not be opened is told from one that nobody listens at."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from homecheck.instruments.audio import sound_socket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sound servers are Linux' and their sockets Unix'")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PULSE_SERVER": "unix:/run/a/native", "XDG_RUNTIME_DIR": "/run/b"}, "/run/a/native"),
        ({"PULSE_SERVER": "{0123abcd}unix:/run/a/native tcp:host:4713"}, "/run/a/native"),
        ({"PULSE_SERVER": "/run/a/native"}, "/run/a/native"),
        ({"PULSE_SERVER": "tcp:host:4713", "XDG_RUNTIME_DIR": "/run/b"}, None),
        ({"PULSE_SERVER": "", "PULSE_RUNTIME_PATH": "/run/c", "XDG_RUNTIME_DIR": "/run/b"}, "/run/c/native"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/pulse/native"),
        ({}, None),
    ],
)
def test_the_place_is_that_of_the_environment(environment: dict[str, str], expected: str | None) -> None:
    assert sound_socket.path(environment) == (expected and Path(expected))


def test_a_server_is_expected_where_one_is_named_or_its_socket_lies(tmp_path: Path) -> None:
    here = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert not sound_socket.expected(here)
    assert sound_socket.expected({"PULSE_SERVER": "tcp:host"})
    (tmp_path / "pulse").mkdir()
    (tmp_path / "pulse/native").touch()
    assert sound_socket.expected(here)


def test_nobody_listening_nothing_there_and_a_long_name_are_not_forbidden(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "native"))
    for place in (tmp_path / "native", tmp_path / "absent", tmp_path / ("x" * 200)):
        assert not sound_socket.forbidden({"PULSE_SERVER": f"unix:{place}"})
    assert not sound_socket.forbidden({})


def test_a_socket_that_this_user_may_not_open_is_forbidden(tmp_path: Path) -> None:
    """Asked as another user where the tests run as root, whom nothing is forbidden."""
    ask = (
        "import os, sys; from homecheck.instruments.audio import sound_socket\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "print(sound_socket.forbidden({'PULSE_SERVER': sys.argv[1]}))"
    )
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "native"))
        server.listen()
        (tmp_path / "native").chmod(0)
        command = [sys.executable, "-c", ask, str(tmp_path / "native")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True", done.stderr
