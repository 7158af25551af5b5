"""The collector that is measured: the program itself, in a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from homecheck.collector.bench.load import Address
from homecheck.errors import SetupError

STOP_SECONDS: Final = 30.0
HOST: Final = "127.0.0.1"
MOST_SAID: Final = 1_000  # characters of the log in a message


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
def serving(database_url: str, home: str, port: int, say: Callable[[str], None]) -> Iterator[Served]:
    """Serve from a database whose keys are in `home`, on `port`.

    The collector's lines go to a file: one for each request would bury what the bench says. `say` tells where it is
    when something fails; when nothing does, it is removed.
    """
    with _log(say) as log, log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "homecheck", "collector", "serve", "--host", HOST, "--port", str(port)],
            env={**os.environ, "HOMECHECK_DATABASE_URL": database_url, "HOMECHECK_HOME": home},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise SetupError("the collector to be measured did not start", f"It said: {_end(log)}")
            yield Served(Address(HOST, int(line.rpartition(":")[2])), psutil.Process(process.pid))
        finally:
            _stop(process)


@contextmanager
def _log(say: Callable[[str], None]) -> Iterator[Path]:
    """Make a file that is only left behind, and told, when something fails meanwhile, or somebody ends it."""
    number, name = tempfile.mkstemp(prefix="homecheck-bench-", suffix=".log")
    os.close(number)
    try:
        yield Path(name)
    except BaseException:
        say(f"What the collector that was measured wrote is kept in {name}")
        raise
    Path(name).unlink()


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-MOST_SAID:] or "nothing."


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    finally:
        process.kill()  # when it did not end by itself
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
