"""A TPM 2.0 in software (swtpm), with a memory of its own in a folder."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.needs import need, need_program
from tests.ports import free_port

STARTUP_SECONDS = 60.0


@contextmanager
def software_tpm(folder: Path) -> Iterator[str]:
    """Run a TPM until the context ends; yields how tpm2-tss reaches it (TCTI)."""
    need_program("swtpm", package="swtpm")
    remedy = "apt-get install libtss2-dev gcc python3-dev pkg-config; .venv/bin/pip install tpm2-pytss"
    need(importlib.util.find_spec("tpm2_pytss") is not None, "tpm2-pytss is not installed", remedy)
    folder.mkdir(exist_ok=True)
    for _ in range(5):  # another program may take one of the two ports in between
        port = free_port(also_next=True)
        process = subprocess.Popen(_command(folder, port), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            if _answers(port + 1, process):
                yield f"swtpm:host=127.0.0.1,port={port}"
                return
        finally:
            process.terminate()
            _, said = process.communicate()
    raise AssertionError(f"swtpm does not start: {said.decode()}")


def _command(folder: Path, port: int) -> list[str]:
    return [
        "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear",
        "--server", f"type=tcp,port={port},bindaddr=127.0.0.1",
        "--ctrl", f"type=tcp,port={port + 1},bindaddr=127.0.0.1",
    ]  # fmt: skip


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + STARTUP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
        time.sleep(0.02)
    return False
