"""Where data costs money, the person is asked before the line is filled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from homecheck.cli.check_options import CheckOptions
from homecheck.cli.check_session import Session
from homecheck.cli.spending import may_load, question
from homecheck.config import Home
from homecheck.measurement import CheckSetup, Probe
from probes.link import Link
from probes.network import Network

AWAY = CheckSetup(responder_url="https://responder.example:8862")
LOADING: tuple[Probe, ...] = (Link(), Network())


@dataclass
class Somebody:
    answer: bool
    asked: list[str] = field(default_factory=list)

    def ask(self, text: str) -> bool:
        self.asked.append(text)
        return self.answer


def session(tmp_path: Path, person: Somebody | None = None, **options: Any) -> Session:
    found = Session(CheckOptions(unattended=True, **options), Home.at(tmp_path))
    found.person = cast(Any, person)
    return found


def metered(host: str | None) -> bool | None:
    assert host == "responder.example"
    return True


def never(_host: str | None) -> bool | None:
    raise AssertionError("nothing has to be known about the link")


def test_nobody_there_means_that_nothing_is_spent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not may_load(session(tmp_path), AWAY, LOADING, metered)
    assert "--metered" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [True, False])
def test_somebody_there_decides(tmp_path: Path, answer: bool) -> None:
    person = Somebody(answer)
    assert may_load(session(tmp_path, person), AWAY, LOADING, metered) is answer
    assert person.asked == [
        "Data costs money on this connection. Measuring how fast it is takes about 80 MB of it. Go on?"
    ]


@pytest.mark.parametrize("known", [False, None])
def test_where_data_is_free_or_nobody_knows_nobody_is_asked(tmp_path: Path, known: bool | None) -> None:
    person = Somebody(answer=False)
    assert may_load(session(tmp_path, person), AWAY, LOADING, lambda _: known)
    assert person.asked == []


@pytest.mark.parametrize(
    ("probes", "setup", "options"),
    [
        (LOADING, AWAY, {"metered": True}),  # allowed beforehand
        ((Link(),), AWAY, {}),  # nothing fills the line
        (LOADING, CheckSetup(responder_url="http://127.0.0.1:8862"), {}),  # this computer: no data leaves it
    ],
)
def test_what_cannot_cost_is_not_asked(
    tmp_path: Path, probes: Iterable[Probe], setup: CheckSetup, options: dict[str, Any]
) -> None:
    assert may_load(session(tmp_path, Somebody(answer=False), **options), setup, probes, never)


@pytest.mark.parametrize(
    ("most_bytes", "words"),
    [(None, "about 80 MB"), (40_000_000, "at most 40 MB"), (200_000_000, "about 80 MB, at most 200 MB")],
)
def test_the_question_says_how_much(most_bytes: int | None, words: str) -> None:
    assert f" takes {words} of it. " in question(most_bytes)
