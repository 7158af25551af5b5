"""The collector that is measured: the program itself, in a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from homecheck.collector.bench.load import Address
from homecheck.errors import SetupError

STOP_SECONDS: Final = 30.0
HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """A collector that answers."""

    address: Address
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the processor time of it and the workers that it has, user and system."""
        return sum(sum(one.cpu_times()[:2]) for one in self._processes())

    def memory_mib(self) -> float:
        """Return how much memory it has in use (resident)."""
        return float(sum(one.memory_info().rss for one in self._processes())) / 2**20

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def serving(database_url: str, home: str, port: int = 0) -> Iterator[Served]:
    """Serve from a database whose keys are in `home`, on `port` (0: any free one)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "homecheck", "collector", "serve", "--host", HOST, "--port", str(port)],
        env={**os.environ, "HOMECHECK_DATABASE_URL": database_url, "HOMECHECK_HOME": home},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise SetupError("the collector to be measured did not start", "See the messages above.")
        yield Served(Address(HOST, int(line.rpartition(":")[2])), psutil.Process(process.pid))
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    finally:
        process.kill()  # when it did not end by itself
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
