"""Answers to a policy's questions: from a file, else from the person, else none."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

from homecheck.cli.check_session import Session
from homecheck.errors import SetupError
from homecheck.evidence import Declaration
from homecheck.policy import Policy, Question


def answers_to(session: Session, policies: Iterable[Policy]) -> tuple[Declaration, ...]:
    """Return the answers to the policies' questions: from the file, else from the person, else none."""
    given = _read_answers(session.options.answers) if session.options.answers else {}
    questions: dict[str, Question] = {}
    for policy in policies:
        questions |= {question.id: question for question in policy.declarations}
    for name in given.keys() - questions.keys():
        asked = f"it asks {', '.join(questions)}" if questions else "it asks none"
        session.out.print(f"{session.options.answers}: the policy does not ask {name!r:.60}; {asked}.", markup=False)
    for question in questions.values():
        if question.id not in given and session.person:
            given[question.id] = session.person.ask(question.wording("en"))
    return tuple(Declaration(name, answer) for name, answer in given.items() if name in questions)


def _read_answers(path: Path) -> dict[str, bool]:
    advice = "Write one line per question, e.g.  corded_phone = true"
    try:
        text = path.read_text(encoding="utf-8")
        answers = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: cannot read the answers: {error}", advice) from None
    if not isinstance(answers, dict):
        raise SetupError(f"{path}: the answers are not a list of names with true or false", advice)
    for name, answer in answers.items():
        if not isinstance(answer, bool):
            raise SetupError(f"{path}: {name}: true or false is expected, not {answer!r:.40}", advice)
    return answers
