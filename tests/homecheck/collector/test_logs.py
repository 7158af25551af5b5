"""The lines on stderr: one for each request, no secret in any, and no stranger begins a line of their own."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from homecheck.collector.logs import Form, JsonLines, RequestLines, TextLines
from homecheck.collector.watch import masked_path
from tests.live_collector import Site, set_up
from tests.people import PASSES
from tests.ports import free_port


def record(message: str, *arguments: object, members: dict[str, Any] | None = None) -> logging.LogRecord:
    found = logging.LogRecord("homecheck.test", logging.WARNING, "file.py", 1, message, arguments, None)
    if members is not None:
        found.members = members
    return found


HOSTILE = 'a\nlevel=error "}\r\x1b[2J{"at": "2020"}\u2028\u202eü'


def test_a_stranger_s_words_stay_within_one_line_of_json() -> None:
    line = JsonLines().format(record("refused: %s", HOSTILE, members={"path": HOSTILE, "status": 404}))
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert (found["path"], found["status"], found["level"]) == (HOSTILE, 404, "warning")
    assert found["message"] == f"refused: {HOSTILE}"


def test_a_stranger_s_words_stay_within_one_line_of_text() -> None:
    line = TextLines().format(record("refused: %s", HOSTILE, members={"source": HOSTILE, "ms": 1.5, "reason": ""}))
    assert line.isprintable()
    assert line.count("level=error") == 2  # seen, but where it stands
    assert "ms=1.5" in line
    assert "reason" not in line


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_a_traceback_is_told_and_begins_no_line_of_its_own(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("2020-01-01T00:00:00Z INFO    all is well\n2020-01-01T00:00:00Z INFO    really")
    except ValueError:
        found = record("it went wrong")
        found.exc_info = sys.exc_info()
    first, *others = formatter.format(found).split("\n")
    assert "it went wrong" in first
    assert all(line.startswith("    ") for line in others)
    assert "ValueError" in formatter.format(found)


@pytest.mark.parametrize(
    ("scope", "known", "expected"),
    [
        ({"path": "/invite/abc", "path_params": {"code": "abc"}}, True, "/invite/***"),
        ({"path": "/sign-in/t0ken", "path_params": {"token": "t0ken"}}, True, "/sign-in/***"),
        ({"path": "/v1/policies/support", "path_params": {"program": "support"}}, True, "/v1/policies/support"),
        ({"path": "/invites/0123456789abcdef012345/x"}, False, "/invites/***/x"),
        ({"path": "/" + "a/" * 300}, False, ("/" + "a/" * 300)[:200]),
    ],
)
def test_what_lets_somebody_in_is_masked(scope: dict[str, Any], known: bool, expected: str) -> None:
    assert masked_path(scope, known=known) == expected


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Site]:
    """A collector whose lines are read after its end."""
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    command = [sys.executable, "-m", "homecheck", "collector", "serve", "--log-format", "json"]
    with (tmp_path / "log").open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--port", site.url.rpartition(":")[2]],
            env={**os.environ, "HOMECHECK_DATABASE_URL": site.database.url},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on ")
        yield site
    finally:
        process.terminate()
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_each_request_is_one_line_of_json_without_secrets(served: Site, tmp_path: Path) -> None:
    site = served
    code, link = site.invite("Ada Lovelace"), site.sign_in_link("ada", "admin")
    worker = site.worker(PASSES)
    assert worker.check().status_code == 201
    http = requests.Session()
    http.headers["Origin"] = site.url
    assert http.get(f"{site.url}/v1/invites/{code}", timeout=20).status_code == 200
    assert http.get(f"{site.url}/invite/{code}/?code={code}", timeout=20).status_code == 404
    assert http.post(link, timeout=20).status_code == 200
    assert http.get(f"{site.url}/?token=hck_secret", timeout=20).status_code == 200
    assert http.get(f"{site.url}/%0a%7B%22status%22:200%7D", timeout=20).status_code == 404
    text = (tmp_path / "log").read_text("utf-8")
    for secret in (code, link.rpartition("/")[2], "hck_secret", *http.cookies.values(), worker.key.jwk()["d"]):
        assert secret not in text
    lines = [json.loads(line) for line in text.splitlines()]
    told = [(one["method"], one["path"], one["status"], one["reason"]) for one in lines]
    assert ("POST", "/sign-in/***", 200, "") in told or ("POST", "/sign-in/***", 303, "") in told
    assert ("GET", "/v1/invites/***", 200, "") in told
    assert ("GET", "/invite/***/", 404, "not-found") in told
    assert any(one["path"].startswith("/v1/evidence/") and one["status"] == 201 for one in lines)
    assert all(one["source"] == "127.0.0.1" and one["ms"] >= 0 and one["at"].endswith("Z") for one in lines)


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_request_is_one_line_whatever_stands_in_its_path(form: Form) -> None:
    stream = io.StringIO()
    tell = RequestLines(form, stream, lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
    hostile = {"method": "GET", "path": HOSTILE, "status": 404, "ms": 1.5, "source": "192.0.2.1", "reason": "not-found"}
    asyncio.run(told(tell, hostile))
    line = stream.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "2026-03-01T12:00:00.000Z" in line
    assert "192.0.2.1" in line
    stream.close()
    asyncio.run(told(tell, {"method": "GET", "path": "/", "status": 200}))  # nobody reads any more: no request fails


def test_what_is_answered_in_one_turn_is_written_together_and_each_has_its_line() -> None:
    class Stream(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    stream = Stream()
    tell = RequestLines("text", stream)
    asyncio.run(told(tell, *({"method": "GET", "path": f"/{number}", "status": 200} for number in range(3))))
    asyncio.run(told(tell, {"method": "GET", "path": "/later", "status": 200}))
    assert [line.split()[-2] for line in stream.getvalue().splitlines()] == ["/0", "/1", "/2", "/later"]
    assert stream.writes == 2


async def told(tell: RequestLines, *lines: dict[str, Any]) -> None:
    for members in lines:
        tell(members)
    await asyncio.sleep(0)
