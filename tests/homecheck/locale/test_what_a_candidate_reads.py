"""Every sentence of the command line went through a catalogue: real commands, a real collector, three languages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homecheck.signing import decode_base64url
from tests.live_collector import Site, in_thread
from tests.pseudo_language import BEGINS, ENDS, LANGUAGE, untranslated

# What the person or the company wrote or named, and what is typed or named so in every language.
THEIRS = (
    "Example Inc.", "To see whether your home is ready.", "Support line", "support", "test-line", "Ada",
    "The line also carries your screen.", "Does the room have a door that stays closed?", "voice-standard",
    "chat-only", "voice-basic", "strict-wired", "voice-landline", "video-agent", "other",
    "Do you work in a room with a door that stays closed during calls, without children, pets or television?",
)  # fmt: skip
NOT_WORDS = re.compile(
    r"https?://[^\s⟦⟧]+|sha256:\w+|[^\s⟦⟧]*[/\\][^\s⟦⟧]+|\b[\w-]+\.[\w.-]+\b|(?<![\w-])(?:[\w-]{43}|[\w-]{22}|[0-9a-f]{16})(?![\w-])|EdDSA|Python|[^\s⟦⟧]+/log\+\S+|\b[0-9a-f-]{36}\b|\d{4}-\d\d-\d\dT\S+Z|GHz|GiB|UTC|USB|\b(?:eth|en|wl)\w+|"
    r"homecheck (?:check|credential|verify|upload|status|schedule)\b[^⟦⟧\n]*|homecheck(?= |:|⟦)|--\w[\w-]*|"
    r"[A-Z][A-Z_]{3,}|(?m:^(?:Usage: |Try ).*$|^Error: )|"  # click's own words, which have tests of their own
    r"\((?:no|not)-[a-z-]+\)"  # the doctor's names of troubles
)
# Lines that name this computer's parts: the system's own words.
OF_THIS_COMPUTER = re.compile(
    r"audio library|microphone|sound devices|python|proxy|other homecheck|Source: "
)  # sources are quoted
KEY = re.compile(r"(?:  |⟦: ⟧)(?:[a-z]+ ){5}[a-z]+$", re.MULTILINE)  # six words to read out


@dataclass(frozen=True)
class Session:
    """What commands said, one after the other, in one language."""

    said: dict[str, str]
    measured: frozenset[str]


def commands(invitation: str, saved: Path) -> list[str]:
    measuring = "--unattended --only host* --only place* --only link* --only network*"
    return [
        "status", "history", "upload", f"check --no-upload {measuring} --save {saved}", f"show {saved}",
        f"enroll --yes {invitation}", f"enroll --yes {invitation}", "check --unattended --only host*", "status",
        "programs", "schedule status", "credential list", "doctor", "rotate support", "policy list",
        f"verify {saved}", "policy show chat-only", "stored support",
        "check --program other", f"check --save {saved}/x", "credential fetch other", "schedule run",
        "leave --yes support", "history clear", "uninstall --yes",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("site")) as site:
        yield site


def spoken(site: Site, folder: Path, language: str) -> Session:
    """Run the commands in a language, as one new person."""
    saved = folder / "evidence.jws"
    listed = commands(f"{site.url}/invite/{site.invite('Ada')}", saved)
    environment = {**os.environ, "HOMECHECK_LANG": language, "HOMECHECK_HOME": str(folder / "home"), "COLUMNS": "400"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.pseudo_language"], input="\n".join(listed), env=environment, text=True,
        encoding="utf-8", capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    said: dict[str, str] = {}
    for part in done.stdout.split(f"\n{BEGINS}")[1:]:
        command, _, text = part.partition("\n")
        said[command] = said.get(command, "") + text.partition(ENDS)[0]
    assert list(said) == list(dict.fromkeys(listed)), done.stdout[-2000:]
    return Session(said, frozenset(_texts(json.loads(decode_base64url(saved.read_text().split(".")[1], "schema")))))


def _texts(value: object) -> Iterator[str]:
    """Yield the values that are texts: names of the system, of interfaces, of a time zone."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name not in ("message", "advice", "method", "sentence"):
                yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, str) and value != "homecheck":
        yield value


def test_no_sentence_of_the_command_line_misses_the_catalogue(site: Site, tmp_path: Path) -> None:
    session = spoken(site, tmp_path, LANGUAGE)
    left = {command: _leftovers(text, session) for command, text in session.said.items()}
    assert {command: words for command, words in left.items() if words} == {}


def _leftovers(text: str, session: Session) -> list[str]:
    text = "\n".join(line for line in text.split("\n") if not OF_THIS_COMPUTER.search(line))
    text = KEY.sub("", text)
    for theirs in (*THEIRS, *sorted(session.measured, key=len, reverse=True)):
        text = re.sub(rf"(?<!\w){re.escape(theirs)}(?!\w)", "", text) if len(theirs) > 2 else text
    return untranslated(NOT_WORDS.sub("", text))


OFFLINE = ("status", "schedule status", "history", "--help", "check --help", "enroll --help", "chek", "upload --x")
# Words of both languages, and what is typed and named so in each.
SAME = {
    "sv": {"chip", "data", "false", "form", "linux", "minus", "program"},
    "es": {"chip", "error", "false", "linux"},
}


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return _words(tmp_path_factory.mktemp("english"), "en")


@pytest.mark.parametrize("language", ["sv", "es"])
def test_no_word_of_the_english_output_is_left_in_another_language(
    tmp_path: Path, english: set[str], language: str
) -> None:
    """click's own words are among them: they come from the same catalogue by another way."""
    assert len(english) > 150
    assert english & _words(tmp_path, language) - SAME[language] == set()


def _words(folder: Path, language: str) -> set[str]:
    environment = {**os.environ, "HOMECHECK_LANG": language, "HOMECHECK_HOME": str(folder / "home"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.pseudo_language"], input="\n".join(OFFLINE), env=environment, text=True,
        encoding="utf-8", capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith((BEGINS, ENDS))]
    operators = re.compile(r"^  (?:responder|collector) .*$")  # their commands speak English to everybody
    text = "\n".join(re.sub(r"^  [a-z]+  ", "", operators.sub("", line)) for line in lines)
    return {word.casefold() for word in re.findall(r"[^\W\d_]{3,}", AS_TYPED.sub(" ", text))}


AS_TYPED = re.compile(r"--?[a-z][\w-]*|\b[A-Z_]{2,}\b|\[[^\]]*\]|'[^']*'|`[^`]*`|homecheck(?: \w+)*|https?://\S+|"
                      r"\b\w+\.\w+\b|dB\(A\)|id = true")  # fmt: skip
