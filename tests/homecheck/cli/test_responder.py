from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from homecheck.cli.responder import responder

ROOT = Path(__file__).parents[3]


def test_help_names_every_option_of_serve() -> None:
    text = CliRunner().invoke(responder, ["serve", "--help"]).output
    usual = ("--host", "--port", "--udp-port", "--tls-cert", "--tls-key", "--key")
    for option in (*usual, "--stun-port", "--other-host", "--sip-port", "--sip-control-port", "--without"):
        assert option in text


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_wrong_usage(port: str) -> None:
    done = CliRunner().invoke(responder, ["serve", "--port", port])
    assert done.exit_code == 2
    assert "--port" in done.output


def test_help_needs_none_of_the_servers_packages() -> None:
    program = (
        "import sys, homecheck.cli.responder\n"
        "print([name for name in ('aiohttp', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_server_package_is_named_with_its_remedy(tmp_path: Path) -> None:
    """The package is hidden from the interpreter, as if `pip install homecheck` had been all."""
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from homecheck.cli import run\n"
        f"sys.exit(run(['responder', 'serve', '--key', {str(tmp_path / 'key.jwk')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "aiohttp" in done.stderr
    assert "homecheck[collector]" in done.stderr


def test_a_plain_port_that_is_taken_is_named_as_such(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        every = ("--port", "0", "--without", "stun", "--without", "sip", "--key", str(tmp_path / "key.jwk"))
        command = [sys.executable, "-m", "homecheck", "responder", "serve", *every, "--plain-port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert f"plain HTTP: cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "--plain-port" in done.stderr
