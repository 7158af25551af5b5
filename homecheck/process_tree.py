"""Running a program that starts others, and ending all of them when its time is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress


def run_tree(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, bytes, bytes]:
    """Run a program to its end, without input or window; return its exit status, output and complaints.

    subprocess.TimeoutExpired after `seconds`, also where the program has ended and one that it started still holds its
    output; then, or when this is interrupted, nothing that was started goes on.
    """
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        creationflags=_no_window(),
        start_new_session=True,  # a group of its own, by which all of it is ended; Windows knows who started whom
    ) as process:
        is_over = False
        try:
            out, complaints = process.communicate(timeout=seconds)
            is_over = True
        finally:
            if not is_over:
                _end(process)
        return process.returncode, out, complaints


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started; it has not been waited for, so nobody else has its number."""
    if sys.platform == "win32":
        command = ("taskkill", "/t", "/f", "/pid", str(process.pid))
        subprocess.run(command, capture_output=True, creationflags=_no_window(), check=False)
        process.kill()  # where taskkill could not; no error when it has ended already
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _no_window() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0
