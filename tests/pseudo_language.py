"""homecheck in a language that does not exist: every word that comes from a catalogue stands in brackets ⟦so⟧.

    python -m tests.pseudo_language < commands      one command a line, in one process; its words in front of its output

What stands outside the brackets never went through a catalogue: names, numbers and addresses, or a sentence that
somebody forgot. The values within a message stand outside, too, so that an English word among them shows.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable
from gettext import GNUTranslations
from typing import Final

from homecheck import locale

LANGUAGE: Final = "xx"
MODEL: Final = "sv"  # whose messages there are
OPEN, CLOSE = "⟦", "⟧"
BEGINS, ENDS = ">>> ", "<<< "
_KEPT: Final = re.compile(r"(\{\w*(?:![rsa])?\}|%\(\w+\)s)")
_TRANSLATED: Final = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


class Bracketed(GNUTranslations):
    """Says every message that the model has, in brackets; knows no other."""

    def __init__(self, model: GNUTranslations) -> None:
        known = model._catalog  # type: ignore[attr-defined] # the class gives one message at a time only
        super().__init__()
        # A plural's key is the form for one with the number of the form behind it: the first form stands for all.
        self._catalog = {key: bracketed(key if isinstance(key, str) else key[0]) for key in known if key}
        self.plural = model.plural  # type: ignore[attr-defined] # as above


def bracketed(message: str) -> str:
    """Return a message in brackets, its places for values outside."""
    parts = _KEPT.split(message)
    return "".join(part if index % 2 or not part else f"{OPEN}{part}{CLOSE}" for index, part in enumerate(parts))


def untranslated(shown: str) -> list[str]:
    """Return the words of what was shown that stand outside of brackets, three letters or more."""
    return _WORD.findall(_TRANSLATED.sub(" ", shown))


def install() -> None:
    """Make the language known in this process."""
    model = locale.catalogue(MODEL)
    assert isinstance(model, GNUTranslations)
    made = Bracketed(model)
    locale.LANGUAGES = {**locale.LANGUAGES, LANGUAGE: "⟦⟧"}  # type: ignore[misc] # a language for this process alone
    locale.TIMES[LANGUAGE] = locale.TIMES[MODEL]
    locale.DATES[LANGUAGE] = locale.DATES[MODEL]
    real = locale.catalogue
    locale.catalogue = lambda language: made if language == LANGUAGE else real(language)  # the same


def commands(lines: Iterable[str]) -> None:
    """Run one command a line, each announced, with what it says on stderr in its place."""
    from homecheck.cli import run  # here: the language is there before anything asks for it

    sys.stderr = sys.stdout
    for line in lines:
        print(f"\n{BEGINS}{line.strip()}", flush=True)
        print(f"{ENDS}{run(shlex.split(line))}", flush=True)


if __name__ == "__main__":
    install()
    commands(sys.stdin)
