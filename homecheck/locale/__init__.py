"""What a candidate reads, in their language: gettext catalogues, and the texts of others found again by their pattern.

English is the source. Evidence, findings and failures are signed or sent in English, whatever language somebody reads;
they are translated where they are shown. Many of them hold values: ``could not be measured: {message}`` is a pattern
of the catalogue, and a text that fits it is put together again in the other language, its parts translated likewise.
What no pattern fits stays English: a wrong translation is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gettext import NullTranslations

SOURCE: Final = "en"
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "sv": "Svenska", "es": "Español"}
DECIMAL_COMMA: Final = frozenset({"sv", "es"})
TIMES: Final = {"en": "%d %B %Y, %H:%M", "sv": "%Y-%m-%d %H:%M", "es": "%d/%m/%Y %H:%M"}
DATES: Final = {"en": "%d %B %Y", "sv": "%Y-%m-%d", "es": "%d/%m/%Y"}
DEEPEST: Final = 4  # patterns within patterns
LEAST_LETTERS: Final = 10  # of a pattern's own
# Values that somebody or something is called by; a target called “microphone” is so in every language.
NAMES: Final = frozenset({"company", "file", "folder", "host", "microphone", "path", "person", "program", "target"})
MOST_CHARACTERS: Final = 2_000  # of a text that is looked for; strangers' texts may be long

_WORD: Final = re.compile("[A-Za-z]{3,}")
_PLACE: Final = re.compile(r"\{(\w+)\}")
# A number as `homecheck.numbers` writes it: whole or with a decimal point, perhaps with uncertainty and unit.
_NUMBER: Final = re.compile(r"(?<![\w.])(-?\d+)\.(\d+)(?![\w.])")
_ONLY_NUMBERS: Final = re.compile(r"-?\d+(?:\.\d+)?(?: ± \d+(?:\.\d+)?)?(?: (?P<unit>[A-Za-z%/()\-]+))?")


def N_(message: str) -> str:  # noqa: N802 - gettext's name for what is translated later
    """Mark a message that is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Pattern:
    """A message with values in it, and how a text is recognized as one."""

    message: str
    regex: re.Pattern[str]


@dataclass(frozen=True)
class Translator:
    """Says things in one language."""

    language: str = SOURCE

    def __call__(self, message: str, **values: object) -> str:
        """Return one of our own messages, with `values` put in: texts translated (but `NAMES`), numbers written."""
        text = self._translation(message)
        if not values:
            return text
        return text.format(**{name: self._value(name, value) for name, value in values.items()})

    def fill(self, message: str, **values: object) -> str:
        """Return one of our own messages with `values` put in as they are (names, paths); numbers are written."""
        text = self._translation(message)
        return text.format(**{name: self.written(value) for name, value in values.items()}) if values else text

    def plural(self, one: str, many: str, count: int, **values: object) -> str:
        """Return the form of a message that `count` things have in this language; ``{count}`` is put in."""
        text = (one if count == 1 else many) if self.language == SOURCE else self._catalogue.ngettext(one, many, count)
        return text.format(count=count, **{name: self.written(value) for name, value in values.items()})

    def say(self, text: str, depth: int = 0) -> str:
        """Return a text that was made elsewhere: a message of the catalogue, or one that fits a pattern of it."""
        if self.language == SOURCE or not text:
            return text
        if translated := self._messages.get(text):
            return translated
        if _ONLY_NUMBERS.fullmatch(text):
            return self.numbers(text)
        if depth >= DEEPEST or len(text) > MOST_CHARACTERS:
            return text
        return self._by_pattern(text, depth) or self._with_known_end(text)

    def knows(self, text: str) -> bool:
        """Tell whether a whole text is one of the catalogue's messages."""
        return text in self._messages

    def numbers(self, text: str) -> str:
        """Return a measured value with its number and unit as this language writes them."""
        match = _ONLY_NUMBERS.fullmatch(text)
        if match and match["unit"]:
            number, unit = text[: match.start("unit")], match["unit"]
            counted = self._messages.get(f"{{count}} {unit}")  # a unit that is a word
            text = counted.format(count=number.rstrip()) if counted else number + self._messages.get(unit, unit)
        return _NUMBER.sub(r"\1,\2", text) if self.language in DECIMAL_COMMA else text

    def time(self, moment: datetime) -> str:
        """Return a moment in this computer's time zone as this language writes it."""
        return f"{moment.astimezone():{TIMES[self.language]}}"

    def date(self, moment: datetime) -> str:
        """Return a day as this language writes it, in the moment's own time zone."""
        return f"{moment:{DATES[self.language]}}"

    def written(self, value: object) -> object:
        """Return a number as this language writes it, anything else as it is."""
        if isinstance(value, float):
            return self.numbers(f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}")
        return value

    def _translation(self, message: str) -> str:
        return message if self.language == SOURCE else self._messages.get(message, message)

    def _value(self, name: str, value: object, depth: int = 0) -> object:
        if isinstance(value, str):
            return value if name in NAMES else self.say(value, depth)
        return self.written(value)

    def _with_known_end(self, text: str) -> str:
        """Return ``name: message`` with the message translated, where it is a sentence of ours; else the text."""
        name, colon, message = text.partition(": ")
        return name + colon + (self._messages.get(message, message) if " " in message else message)

    def _by_pattern(self, text: str, depth: int) -> str | None:
        for pattern in self._patterns:
            if match := pattern.regex.fullmatch(text):
                parts = {name: self._value(name, part, depth + 1) for name, part in match.groupdict().items()}
                return self._messages[pattern.message].format(**parts)
        return None

    @cached_property
    def _catalogue(self) -> NullTranslations:
        return catalogue(self.language)

    @cached_property
    def _messages(self) -> Mapping[str, str]:
        """Message and translation of every message that has one form; nothing for the source language."""
        # The class keeps the messages for itself and asks for one at a time; ours are asked for by pattern as well.
        messages: Mapping[object, str] = getattr(self._catalogue, "_catalog", {})
        return {message: text for message, text in messages.items() if message and isinstance(message, str)}

    @cached_property
    def _patterns(self) -> tuple[Pattern, ...]:
        """The messages with values, those with the most words of their own first: they are the surest.

        One with few words would fit many texts that it was not made for; it counts where it is listed.
        """
        from homecheck.locale import elsewhere  # here: in English nobody needs it

        listed = {*elsewhere.FOUND, *elsewhere.CAUSES, *elsewhere.SAID, *elsewhere.REACHED, *elsewhere.SHORT}
        sure = (text for text in self._messages if text in listed or _is_telling(_PLACE.sub("", text)))
        found = [_pattern(message) for message in sure if _PLACE.search(message)]
        return tuple(sorted(found, key=lambda pattern: -len(_PLACE.sub("", pattern.message))))


ENGLISH: Final = Translator()


@cache
def translator(language: str) -> Translator:
    """Return the translator of a language that is there, else the English one."""
    return Translator(language if language in LANGUAGES else SOURCE)


def preferred(accept_language: str) -> str:
    """Return the language among ours that a browser likes best, by its Accept-Language (RFC 9110 12.5.4)."""
    wishes = []
    for order, part in enumerate(accept_language[:500].split(",")):
        tag, _, parameter = part.strip().partition(";")
        weight = parameter.strip().removeprefix("q=") or "1"
        try:
            wishes.append((-float(weight), order, tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(wishes) if tag in LANGUAGES and weight < 0), SOURCE)


def _is_telling(own: str) -> bool:
    """Tell whether what a message says beside its values is enough to recognize it by."""
    words = _WORD.findall(own)
    return len(words) > 1 and sum(map(len, words)) >= LEAST_LETTERS


def _pattern(message: str) -> Pattern:
    parts = _PLACE.split(message)
    seen: set[str] = set()
    regex = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            regex += re.escape(part)
        elif part in seen:
            regex += f"(?P={part})"
        else:
            seen.add(part)
            regex += f"(?P<{part}>.+?)"
    return Pattern(message, re.compile(regex, re.DOTALL))


def catalogue(language: str) -> NullTranslations:
    """Return what gettext knows of a language; of the source language nothing needs to be known."""
    from gettext import GNUTranslations, NullTranslations  # here: `--version` in English needs neither these
    from importlib import resources  # nor this, which alone costs a tenth of its time

    if language == SOURCE:
        return NullTranslations()
    file = resources.files("homecheck.locale").joinpath(language, "LC_MESSAGES", "homecheck.mo")
    with file.open("rb") as opened:
        return GNUTranslations(opened)
