"""coturn's STUN server, as its operators run it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import need_program


@contextmanager
def coturn(folder: Path, port: int, *addresses: str) -> Iterator[None]:
    """Run coturn's server on these addresses until the context ends."""
    program = need_program("turnserver", package="coturn")
    listening = [word for address in addresses for word in ("-L", address)]
    ports = ["--listening-port", str(port), "--alt-listening-port", str(port + 1)]
    files = ["--log-file", "stdout", "--pidfile", str(folder / "pid"), "--userdb", str(folder / "db")]
    command = [program, "-n", "-S", "--no-tls", "--no-dtls", "--no-cli", *listening, *ports, *files]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()
