"""A collector and a responder of one's own on loopback: our own commands, in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from homecheck.errors import SetupError

STARTUP_SECONDS: Final = 30.0
LISTENING: Final = "listening on "


@dataclass
class LocalServers:
    """The servers in `folder`, where their databases, keys and logs are kept."""

    folder: Path
    name: str = "homecheck on this computer"
    ndt7: bool = False
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    url: str = ""
    responder_url: str = ""
    sign_in: str = ""

    def start(self) -> None:
        """Start both; the collector knows the responder. Raises SetupError with what they said when one does not."""
        names = ("port", "udp-port", "stun-port", "sip-port", "sip-control-port", "plain-port")
        any_port = (f"--{name}=0" for name in names)
        line = self._serve("responder", "serve", *any_port, *(["--ndt7"] if self.ndt7 else []))
        self.responder_url = line.split(LISTENING)[1].split()[0]
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        answer = self.collector("init", "--url", self.url, "--name", self.name, "--output", "json")
        self.sign_in = json.loads(answer)["sign_in"]
        self.collector("responder", "add", self.responder_url)
        self.serve_collector()

    def serve_collector(self) -> None:
        """Start the collector at its address, again if it was stopped before."""
        port = self.url.rpartition(":")[2]
        self._serve("collector", "--database", self.database, "serve", "--port", port)

    def collector(self, *arguments: str) -> str:
        """Run one command of the collector to its end and return what it printed."""
        return self._run("collector", "--database", self.database, *arguments)

    def invite(self, program: str, policy: str, person: str) -> str:
        """Make a program and return the address of an invitation to it."""
        self.collector("program", "add", program, "--policy", policy)
        return self.collector("invite", program, "--person", person).strip()

    def stop(self) -> None:
        """End what runs as its operator would, the collector first, and insist if one does not end."""
        while self.processes:
            self.stop_newest()

    def stop_newest(self) -> None:
        """End the server that was started last, which is the collector."""
        process = self.processes.pop()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def database(self) -> str:
        """The collector's database."""
        return f"sqlite:///{self.folder / 'collector.db'}"

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOMECHECK_HOME": str(self.folder / "servers")}

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            _command(arguments),
            env=self._environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=STARTUP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(f"homecheck {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _serve(self, *arguments: str) -> str:
        """Start a server and return the line that says where it listens."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(arguments),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C ends whoever started it, who then ends it in order
            )
        self.processes.append(process)
        give_up = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < give_up and process.poll() is None:
            for line in log.read_text("utf-8", "replace").splitlines(keepends=True):
                if LISTENING in line and line.endswith("\n"):
                    return line
            time.sleep(0.05)
        raise SetupError(f"the {arguments[0]} did not start:\n{log.read_text('utf-8', 'replace').strip()}")


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "homecheck", *arguments]
