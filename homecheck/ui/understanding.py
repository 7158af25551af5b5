"""Two questions before anything is agreed to: whether it was understood who gets the results, and what of the sound.

Nobody is kept out by a wrong answer: it is explained, and asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text that is translated where it is shown."""
    return text


@dataclass(frozen=True)
class Question:
    """One question, its choices by the value that a form sends, the right one, and what is said to a wrong one.

    ``{company}`` in them stands for the names of those who get the results.
    """

    id: str
    text: str
    choices: Mapping[str, str]
    right: str
    explanation: str


COMPANY: Final = Question(
    "who",
    N_("Who gets the results of this check?"),
    {
        "provider": N_("My internet provider"),
        "company": N_("{company}, and only after I press “Send”"),
        "everyone": N_("Anybody on the internet"),
    },
    "company",
    N_("{company}: nobody else gets the results, and only after you have looked at them and pressed “Send”."),
)
NOBODY: Final = Question(
    "who",
    N_("Who gets the results of this check?"),
    {
        "provider": N_("My internet provider"),
        "me": N_("Nobody but me: they stay on this computer"),
        "company": N_("The companies that I apply to"),
    },
    "me",
    N_("Nobody but you gets these results. They stay on this computer."),
)
SOUND: Final = Question(
    "sound",
    N_("What happens to the sound that the microphone hears?"),
    {
        "kept": N_("It is recorded and somebody listens to it later"),
        "numbers": N_("Only numbers are kept, such as how loud it was; the sound is dropped at once"),
        "sent": N_("It is sent to the company together with the results"),
    },
    "numbers",
    N_("No sound is ever saved or sent. Only numbers are kept, such as how loud it was."),
)


def questions(*, private: bool) -> tuple[Question, ...]:
    """Return the two questions; in a private check nobody gets anything."""
    return (NOBODY if private else COMPANY, SOUND)


def mistaken(asked: tuple[Question, ...], given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the questions that were not answered rightly."""
    return tuple(question.id for question in asked if given.get(question.id) != question.right)
