"""Functions that tests run in child processes; a child imports them by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from homecheck.errors import ProbeError
from homecheck.instruments import child


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


def raise_probe_error() -> None:
    raise ProbeError("no_device", "Plug in the headset.", message="ü: nothing there", at_fault="person")


def raise_unpicklable_error() -> None:
    raise UnpicklableError


def fault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def print_natively() -> str:
    os.write(1, b"ALSA lib confmisc.c: chatter on standard output\n")
    return "answer"


def leave_a_process_behind() -> int:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid


def report_thrice() -> str:
    for number in (1, 2, 3):
        child.report(number)
    return "done"
