"""`homecheck demo`: the main job on this machine, with a collector and a responder of its own on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from homecheck.agent import utc_now
from homecheck.cli.check import NOT_DELIVERED, CheckOptions, check_options, perform
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.errors import SetupError
from homecheck.policy import load_policy
from homecheck.upload import new_session

PROGRAM: Final = "demo"
STARTUP_SECONDS: Final = 30.0


@click.command()
@click.option("--keep", is_flag=True, help="Leave collector and responder running, and their files in place.")
@click.option("--guided", is_flag=True, help="Somebody is there: ask for speech and answers (default: nobody is).")
@check_options
def demo(keep: bool, guided: bool, **options: Any) -> int:
    """Measure this machine for real: enrol it with a collector on loopback, check, upload, and show the result.

    Takes the options of `homecheck check`; --policy names the program's policy here. Exit status 0 when the job ran,
    whatever the verdict.
    """
    wanted = CheckOptions(**options)
    folder = Path(tempfile.mkdtemp(prefix="homecheck-demo-"))
    servers: list[Server] = []
    try:
        return _demo(folder, servers, wanted, guided=guided, keep=keep)
    finally:
        if not keep:
            for server in reversed(servers):
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Server:
    """One of our own servers, running in a process of its own."""

    process: subprocess.Popen[bytes]
    line: str

    def stop(self) -> None:
        """End it as its operator would, and insist if it does not."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _demo(folder: Path, servers: list[Server], options: CheckOptions, *, guided: bool, keep: bool) -> int:
    environment = {**os.environ, "HOMECHECK_HOME": str(folder / "servers")}
    database = f"sqlite:///{folder / 'collector.db'}"
    policy = options.policy or "voice-standard"
    load_policy(policy)  # a mistake in it is better told before anything starts
    # 1. The far end of the network measurements.
    _say("Starting a responder and a collector on this machine …")
    responder = _serve(folder, environment, servers, "responder", "serve", "--port", "0", "--udp-port", "0")
    responder_url = _word_after(responder, "on")
    # 2. The hiring company's side: a collector with one program and one invitation.
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    collector = ("collector", "--database", database)
    setup = json.loads(
        _run(environment, *collector, "init", "--url", url, "--name", "homecheck demo", "--output", "json")
    )
    _serve(folder, environment, servers, *collector, "serve", "--port", str(port))
    _run(environment, *collector, "responder", "add", responder_url)
    _run(environment, *collector, "program", "add", PROGRAM, "--policy", policy)
    invitation_url = _run(environment, *collector, "invite", PROGRAM, "--person", "You").strip()
    # 3. The candidate's side: enrol, measure, sign, upload.
    home = Home.at(folder / "candidate")
    http = new_session()
    redeem(read_invitation(invitation_url, http), home, http, utc_now())
    status = perform(replace(options, policy=None, program=(PROGRAM,), unattended=not guided, yes=True), home)
    # 4. Where to look.
    _say(f"\nDashboard: {url}/")
    if keep:
        pids = " ".join(str(server.process.pid) for server in servers)
        _say(f"Sign in once with: {setup['sign_in']}")
        _say(f"Both keep running; their files are in {folder}. Stop them with:  kill {pids}")
    else:
        _say("It is closed again with this command; to look around in it:  homecheck demo --keep")
    return NOT_DELIVERED if status == NOT_DELIVERED else 0


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _say(text: str) -> None:
    click.echo(text, err=True)


def _run(environment: dict[str, str], *arguments: str) -> str:
    """Run one of our own commands to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "homecheck", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=STARTUP_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(f"homecheck {' '.join(arguments[:4])} failed: {done.stderr.strip()}")
    return done.stdout


def _serve(folder: Path, environment: dict[str, str], servers: list[Server], *arguments: str) -> str:
    """Start one of our own servers and return the line that says where it listens."""
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "homecheck", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the demo, which then ends its servers in order
        )
    servers.append(Server(process, arguments[0]))
    give_up = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        line = next((line for line in log.read_text("utf-8", "replace").splitlines() if "listening on" in line), None)
        if line is not None:
            return line
        time.sleep(0.05)
    raise SetupError(f"the {arguments[0]} did not start:\n{log.read_text('utf-8', 'replace').strip()}")


def _word_after(line: str, word: str) -> str:
    words = line.split()
    return words[words.index(word) + 1]
