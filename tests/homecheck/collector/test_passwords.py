"""Passwords: long ones are taken whatever is in them, and what is tried first is refused."""

from __future__ import annotations

import argon2
import pytest

from homecheck.collector import passwords
from homecheck.collector.passwords import Passwords
from homecheck.errors import SetupError
from tests.live_collector import CHEAP


@pytest.mark.parametrize(
    "password",
    [
        "korrekt häst batteri klammer",
        "correct horse battery staple",
        "aaaa bbbb cccc dddd eeee ffff",
        "пароль из нескольких слов",
        "密码密碼一二三四五六七八九十甲乙",
        "🎧🎤🔊🎼🎵🎶🎷🎸🎹🎺🎻🥁🪕🪗🪘",
        "x" + "y9-" * 4 + "plötzlich",
        "w" * 3 + "Zu lang ist nie ein Fehler " * 9,
    ],
)
def test_any_long_password_is_taken(password: str) -> None:
    passwords.check(password, "bo@example.com")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "0 characters"),
        ("kort lösenord!", "14 characters"),
        ("x" * 257, "too long"),
        ("tab\tund noch mehr Zeichen", "unprintable"),
        ("nul\x00 und noch mehr Zeichen", "unprintable"),
        ("passwordpassword", "first"),
        ("Password123456789", "first"),
        ("PASSWORD!!!!!!!2026", "first"),
        ("ｐａｓｓｗｏｒｄ１２３４５６７８", "first"),
        ("aaaaaaaaaaaaaaaaaaa", "first"),
        ("123456789012345678", "first"),
        ("abcabcabcabcabcabc", "first"),
        ("qwertyuiopasdfghjkl", "first"),
        ("zyxwvutsrqponmlkji", "first"),
        ("bo.svensson@example.com", "first"),
        ("bo.svensson12345678", "first"),
        ("homecheck homecheck", "first"),
    ],
)
def test_what_is_short_or_tried_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        passwords.check(password, "bo.svensson@example.com")


def test_a_password_is_stored_as_argon2id_and_an_independent_library_call_agrees() -> None:
    stored = Passwords().hashed("korrekt häst batteri klammer")
    parameters = argon2.extract_parameters(stored)
    assert (parameters.type, parameters.memory_cost, parameters.time_cost) == (argon2.Type.ID, 65_536, 3)
    assert argon2.low_level.verify_secret(stored.encode(), "korrekt häst batteri klammer".encode(), argon2.Type.ID)
    assert not Passwords().is_outdated(stored)
    assert Passwords().is_outdated(argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash("x"))


def test_the_same_password_from_another_keyboard_matches() -> None:
    stored = CHEAP.hashed("h\u00e4st och vagn i sk\u00e5pet")
    assert CHEAP.matches(stored, "ha\u0308st och vagn i ska\u030apet")
    assert not CHEAP.matches(stored, "hast och vagn i skapet")
    assert not CHEAP.matches(stored, "")
    assert not CHEAP.matches("no hash", "h\u00e4st")
    assert not CHEAP.matches(None, "the password of nobody")
    assert not CHEAP.matches(stored, "x" * 2_000_000)
