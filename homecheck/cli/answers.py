"""Answers to a policy's questions: from a file, else from the person, else none."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from homecheck.cli.check_session import Session
from homecheck.errors import SetupError
from homecheck.evidence import Declaration
from homecheck.locale.here import _, here
from homecheck.policy import Policy, Question
from homecheck.standards.iso_3166 import known

PLACE: Final = "place"  # the one answer that is no declaration
ADVICE: Final = "Write one line per question, e.g.  corded_phone = true"


def answers_to(session: Session, policies: Iterable[Policy]) -> tuple[Declaration, ...]:
    """Return the answers to the policies' questions: from the file, else from the person, else none."""
    given = _declarations(session.options.answers) if session.options.answers else {}
    questions: dict[str, Question] = {}
    for policy in policies:
        questions |= {question.id: question for question in policy.declarations}
    for name in given.keys() - questions.keys():
        named = {"file": session.options.answers, "name": f"{name!r:.60}"}
        text = (
            _("{file}: the policy does not ask {name}; it asks {asked}.", **named, asked=", ".join(questions))
            if questions
            else _("{file}: the policy does not ask {name}; it asks none.", **named)
        )
        session.out.print(text, markup=False)
    for question in questions.values():
        if question.id not in given and session.person:
            given[question.id] = session.person.ask(question.wording(here().language))
    return tuple(Declaration(name, answer) for name, answer in given.items() if name in questions)


def declared_region(session: Session) -> str | None:
    """Return the region that the file of answers declares as ``place.region``; None without one. SetupError."""
    path = session.options.answers
    place = _read(path).get(PLACE) if path else None
    if path is None or place is None:
        return None
    region = place.get("region") if isinstance(place, dict) else None
    if not isinstance(region, str) or not known(region) or set(place) != {"region"}:
        advice = f'Write one line, with a code of ISO 3166:  {PLACE}.region = "US-TX"  or  {PLACE}.region = "SE"'
        raise SetupError(f"{path}: {PLACE}: {place!r:.60} names no region", advice)
    return region


def _declarations(path: Path) -> dict[str, bool]:
    answers = {name: answer for name, answer in _read(path).items() if name != PLACE}
    for name, answer in answers.items():
        if not isinstance(answer, bool):
            raise SetupError(f"{path}: {name}: true or false is expected, not {answer!r:.40}", ADVICE)
    return answers


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        answers = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: cannot read the answers: {error}", ADVICE) from None
    if not isinstance(answers, dict):
        raise SetupError(f"{path}: the answers are not a list of names with true or false", ADVICE)
    return answers
