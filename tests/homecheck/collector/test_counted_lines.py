"""An error that comes again is counted: the first is written at once, the number of the others later, none is lost."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from homecheck.collector import logs
from homecheck.collector.counted_lines import MOST, CountedLines
from tests.live_collector import wait_until

AWAY = "the database takes and gives nothing: connection refused"


class Written:
    """A logger of its own and what it has written."""

    def __init__(self, seconds: float = 3600.0) -> None:
        self.stream = io.StringIO()
        self.lines = CountedLines(self.stream, seconds)
        self.lines.setFormatter(logs.TextLines())
        self.log = logging.Logger("homecheck.test", logging.INFO)
        self.log.addHandler(self.lines)

    def said(self) -> list[str]:
        """Return each line without its moment."""
        return [line[25:] for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    made = Written()
    yield made
    made.lines.close()


def test_the_first_is_written_at_once_and_how_many_more_there_were_later(written: Written) -> None:
    for _ in range(300):
        written.log.error("the database takes and gives nothing: %s", "connection refused")
    assert written.said() == [f"ERROR   {AWAY}"]
    written.log.error("the database takes and gives nothing: %s", "no space left")  # another reason
    assert written.said()[1:] == ["ERROR   the database takes and gives nothing: no space left"]
    written.lines.tell()
    (counted,) = written.said()[2:]
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"ERROR   {AWAY} \(and 299 more like it, {moment} to {moment}\)", counted)
    written.log.error(AWAY)  # still the same trouble
    written.lines.tell()
    assert re.fullmatch(rf"ERROR   {AWAY} \(and 1 more like it, .*\)", written.said()[3])
    written.lines.tell()  # nothing came meanwhile: it is over
    assert len(written.said()) == 4
    written.log.error(AWAY)
    assert written.said()[4] == f"ERROR   {AWAY}"


def test_what_is_no_error_and_what_has_a_trace_is_written_each_time(written: Written) -> None:
    for _ in range(3):
        written.log.warning("slow")
        try:
            raise ValueError("nobody expected this")
        except ValueError:
            written.log.exception("it went wrong")
    said = written.said()
    assert said.count("WARNING slow") == 3
    assert said.count("ERROR   it went wrong") == 3


def test_errors_that_are_all_different_are_all_written_and_fill_no_memory(written: Written) -> None:
    for number in range(MOST + 50):
        written.log.error("nobody has the number %d", number)
    assert len(written.said()) == MOST + 50
    for _ in range(2):
        written.log.error("nobody has the number %d", MOST + 49)
    assert len(written.said()) == MOST + 52


def test_a_percent_sign_in_an_error_is_no_place_for_a_value(written: Written) -> None:
    for _ in range(2):
        written.log.error("%s", "/a%20b: 100 %s full")
    written.lines.tell()
    assert "/a%20b: 100 %s full (and 1 more like it, " in written.said()[1]


def test_it_tells_by_itself_and_from_many_threads_at_once() -> None:
    written = Written(0.05)

    def fail() -> None:
        for _ in range(200):
            written.log.error(AWAY)

    threads = [Thread(target=fail) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def told() -> int:
        first = written.said().count(f"ERROR   {AWAY}")
        return first + sum(map(int, re.findall(r"and (\d+) more like it", written.stream.getvalue())))

    wait_until(lambda: told() == 1000)
    assert told() == 1000
    written.lines.close()


def test_what_was_counted_is_told_when_the_process_ends(tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text(
        "import logging\n"
        "from homecheck.collector import logs\n"
        "logs.configure('json')\n"
        "for _ in range(8):\n"
        f"    logging.getLogger('homecheck.collector').error({AWAY!r})\n"
    )
    ended = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    first, rest = (json.loads(line) for line in ended.stderr.splitlines())
    assert (first["message"], first["level"]) == (AWAY, "error")
    assert rest["message"].startswith(f"{AWAY} (and 7 more like it, 2")
    assert ended.returncode == 0
