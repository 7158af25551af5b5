"""Signed notes against the examples printed in c2sp.org/signed-note, and against OpenSSL."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as some

from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signed_note import NoteKey, open_note, sign_note
from tests.needs import need_program

# Both stand in c2sp.org/signed-note, section "Example".
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
KEY = SoftwareKey.generate()
MINE = NoteKey("collector.example/log", KEY.public)


def of_another(name: str) -> str:
    """Return a note signed with a new key under this name."""
    key = SoftwareKey.generate()
    return sign_note("text\n", NoteKey(name, key.public), key)


def test_the_example_of_the_specification_verifies() -> None:
    key = NoteKey.from_vkey(VKEY)
    assert (key.name, key.id.hex(), key.vkey) == ("example.com/foo", "530d903a", VKEY)
    assert open_note(NOTE, key) == "This is an example message.\n"


def test_the_key_id_is_the_hash_that_the_specification_writes_down() -> None:
    raw = KEY.public.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert MINE.id == hashlib.sha256(b"collector.example/log\n\x01" + raw).digest()[:4]


def test_a_key_is_read_back_also_where_base64_has_a_plus_sign() -> None:
    keys = [NoteKey("collector.example/log", SoftwareKey.generate().public) for _ in range(60)]
    assert [NoteKey.from_vkey(key.vkey) for key in keys] == keys
    assert any(key.vkey.count("+") > 2 for key in keys)  # a chance of 10^-13 that none has one


def test_what_was_signed_is_read_back() -> None:
    text = "Ognuno sta solo\n\ned è subito sera.\n"  # an empty line inside: the last one ends the text
    assert open_note(sign_note(text, MINE, KEY), MINE) == text


@given(some.integers(0, len(NOTE) - 1), some.characters(codec="utf-8"))
def test_no_changed_character_is_accepted(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed != NOTE:
        with pytest.raises(Refused):
            open_note(changed, NoteKey.from_vkey(VKEY))


@given(some.text())
def test_whatever_comes_as_a_note_or_a_key_only_a_refusal_leaves(text: str) -> None:
    with pytest.raises(Refused):
        open_note(text, MINE)
    with pytest.raises(Refused):
        NoteKey.from_vkey(text)


def test_unknown_signatures_are_ignored_and_sixteen_are_accepted() -> None:
    note = sign_note("text\n", MINE, KEY)
    for number in range(15):
        other = of_another(f"witness{number}.example")
        note += other.partition("\n\n")[2]
    assert open_note(note, MINE) == "text\n"


def test_a_signature_of_a_known_key_that_does_not_fit_refuses_the_whole_note() -> None:
    good, other = sign_note("text\n", MINE, KEY), sign_note("other\n", MINE, KEY)
    with pytest.raises(Refused, match="does not fit"):
        open_note(good + other.partition("\n\n")[2], MINE)


def test_another_key_of_the_same_name_signs_nothing_here() -> None:
    with pytest.raises(Refused, match=r"not signed by collector\.example/log"):
        open_note(of_another(MINE.name), MINE)


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("text\n", "no signed note"),
        ("text\n\n", "no signed note"),
        (NOTE.removesuffix("\n"), "no signed note"),
        (NOTE.replace("example message", "example\tmessage"), "control characters"),
        (NOTE.replace("— ", "- "), "no line of a signature"),
        (NOTE.replace("aQM=", "aQN="), "second spelling"),
        (NOTE.replace("aQM=", "aQM"), "not base64"),
        (NOTE.partition("— ")[0] + "— example.com/foo Uw2QOg==\n", "no signature"),
        ("x" * 131_072 + "\n\n" + NOTE, "more than 131072 bytes"),
    ],
)
def test_a_note_of_another_form_is_refused_for_its_reason(note: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        open_note(note, NoteKey.from_vkey(VKEY))


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "non\u2003breaking"])
def test_a_key_has_a_name_without_spaces_and_plus(name: str) -> None:
    with pytest.raises(Refused, match="name of a key"):
        NoteKey(name, KEY.public)


def test_a_key_of_another_kind_signs_no_note() -> None:
    with pytest.raises(Refused, match="Ed25519"):
        NoteKey("name", SoftwareKey.generate("ES256").public)
    low_order = base64.b64encode(b"\x01" + bytes(32)).decode()
    with pytest.raises(Refused, match="low order"):
        NoteKey.from_vkey(f"name+00000000+{low_order}")


def test_openssl_verifies_the_signature_of_a_note(tmp_path: Path) -> None:
    need_program("openssl", package="openssl")
    text, _, line = sign_note("collector.example/log\n1\nAAAA\n", MINE, KEY).rpartition("\n\n")
    (tmp_path / "text").write_bytes(text.encode() + b"\n")
    (tmp_path / "signature").write_bytes(base64.b64decode(line.split()[2])[4:])
    (tmp_path / "key.pem").write_bytes(KEY.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr
