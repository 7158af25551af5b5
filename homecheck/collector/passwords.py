"""Passwords of local accounts, by NIST SP 800-63B-4, section 3.1.1: length, and none that everybody tries first.

No rules of composition, no expiry, every printable character and the blank; compared in the normal form NFKC. Stored as
argon2id with the costs of RFC 9106, section 4, second recommended option (64 MiB, 3 passes).
"""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from homecheck.errors import SetupError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST: Final = 15  # characters, of a password that may stand alone
LONGEST: Final = 256
AT_ONCE: Final = 2  # each takes 64 MiB and a core for a while: nobody can fill the memory by guessing
# What the published lists of leaked passwords begin with, as the words that are left without digits and signs.
COMMONEST: Final = frozenset(
    {
        "abc", "abcd", "abcdef", "abcdefg", "abcdefgh", "admin", "administrator", "asdf", "asdfgh", "asdfghjkl",
        "autumn", "azerty", "baseball", "batman", "changeme", "collector", "company", "contrasena", "default", "dragon",
        "football", "guest", "hallo", "hej", "hello", "homecheck", "iloveyou", "letmein", "login", "losenord", "master",
        "monkey", "motdepasse", "p@ssword", "passw0rd", "password", "passwort", "princess", "qwerty", "qwertyuiop",
        "qwertz", "root", "secret", "shadow", "spring", "summer", "sunshine", "superman", "test", "trustno", "user",
        "welcome", "willkommen", "winter", "zxcvbn", "zxcvbnm",
    }
)  # fmt: skip
ROWS: Final = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")

_turn = threading.BoundedSemaphore(AT_ONCE)


def check(password: str, name: str) -> None:
    """Raise SetupError for a password that is too short, too long, or one of those that are tried first."""
    text = normal(password)
    if len(text) < SHORTEST:
        raise SetupError(f"this password has {len(text)} characters", f"Use at least {SHORTEST}: some words in a row.")
    if len(text) > LONGEST or not text.isprintable():
        raise SetupError("this password is too long or unprintable", f"Use at most {LONGEST} printable characters.")
    if _is_common(text.casefold(), name.casefold()):
        raise SetupError("this password is among the first that are tried", "Use some words that do not go together.")


def normal(password: str) -> str:
    """Return the password as it is hashed, whatever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password)


def _is_common(text: str, name: str) -> bool:
    letters = _letters(text)
    short = len(set(text)) < 5 or len(_unit(text)) < 6
    own = {_letters(name), _letters(name.partition("@")[0])}
    return short or letters in own or letters in COMMONEST or _unit(letters) in COMMONEST or _is_row(text)


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalpha())


def _unit(text: str) -> str:
    """Return the shortest piece of which the text is a repetition."""
    return text[: (text + text).find(text, 1)] if text else ""


def _is_row(text: str) -> bool:
    """Tell whether most of the text runs along the alphabet, the digits or a row of keys, in either direction."""
    pairs = {row[at : at + 2] for line in ROWS for row in (line, line[::-1]) for at in range(len(row) - 1)}
    return sum(text[at : at + 2] in pairs for at in range(len(text) - 1)) >= 0.7 * (len(text) - 1)


@dataclass(frozen=True)
class Passwords:
    """How passwords are hashed: argon2id with these costs."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def hashed(self, password: str) -> str:
        """Return how the password is stored."""
        with _turn:
            return self._hasher.hash(normal(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Tell whether the password is the stored one. With None it takes as long: nobody learns who has an account."""
        from argon2.exceptions import InvalidHashError, VerificationError

        if len(password) > 4 * LONGEST:
            return False
        with _turn:
            try:
                self._hasher.verify(stored or _of_nobody(self), normal(password))
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other costs than these."""
        return self._hasher.check_needs_rehash(stored)

    @property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher  # the command line does without: it comes with the extra `collector`

        return PasswordHasher(self.passes, self.memory_kib, self.lanes)


COSTS: Final = Passwords()


@cache
def _of_nobody(costs: Passwords) -> str:
    return costs._hasher.hash("the password of nobody")
