"""Signed notes (c2sp.org/signed-note): a text that ends with a line feed, an empty line, and one line per signature.

    — <key name> base64(4-byte key id ‖ signature)

Only Ed25519 (type 01) is used here. A key is told to others as a vkey: ``<name>+<key id, hex>+base64(01 ‖ key)``.
Signatures of unknown keys are ignored; one of a known key that does not fit refuses the whole note.
"""

from __future__ import annotations

import base64
import hashlib
import re
from binascii import Error as NoBase64
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecheck.errors import Refused
from homecheck.signing import PublicKey, Signer

ED25519: Final = b"\x01"
ID_BYTES: Final = 4
MAX_NOTE: Final = 131_072  # bytes; 16 signatures must be accepted, and such after quantum computers have 5 kB each
REASON: Final = "note"

_NAME: Final = re.compile(r"[^\s+]+")
_SIGNATURE_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class NoteKey:
    """A key that notes are checked with: its name, and the public half."""

    name: str
    public: PublicKey

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Refused(REASON, f"{self.name!r:.80} cannot be the name of a key: no spaces, no plus sign")
        _utf8(self.name)
        if not isinstance(self.public.key, Ed25519PublicKey):
            raise Refused(REASON, "notes are signed with Ed25519 here")

    @cached_property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256(name ‖ 0A ‖ 01 ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self._raw()).digest()[:ID_BYTES]

    @cached_property
    def vkey(self) -> str:
        """The key as a text."""
        return f"{self.name}+{self.id.hex()}+{to_base64(ED25519 + self._raw())}"

    @classmethod
    def from_vkey(cls, text: str) -> NoteKey:
        """Return the key; Refused when the text is none, or its id is not the key's."""
        return _key_of(text)

    def _raw(self) -> bytes:
        return self.public.key.public_bytes(Encoding.Raw, PublicFormat.Raw)


@lru_cache(maxsize=16)
def _key_of(text: str) -> NoteKey:
    """Return the key of a vkey: every receipt of a collector names the same."""
    name, _, rest = text.partition("+")
    material = from_base64(rest.partition("+")[2])
    if len(material) != 33 or material[:1] != ED25519:
        raise Refused(REASON, f"{text!r:.120} is no Ed25519 key of a log")
    key = NoteKey(name, PublicKey.of(Ed25519PublicKey.from_public_bytes(material[1:])))
    if key.vkey != text:
        raise Refused(REASON, f"{text!r:.120}: the key id is not that of the key")
    return key


def sign_note(text: str, key: NoteKey, signer: Signer) -> str:
    """Return the note with this text, which ends with a line feed, signed by `signer`, whose public half is `key`."""
    _check_text(text)
    return f"{text}\n— {key.name} {to_base64(key.id + signer.sign(text.encode()))}\n"


def open_note(note: str, key: NoteKey) -> str:
    """Return the text of a note that `key` has signed. Refused with the reason ``note`` for anything else."""
    if len(_utf8(note)) > MAX_NOTE:
        raise Refused(REASON, f"the note has more than {MAX_NOTE} bytes")
    text, signatures = _parts(note)
    ours = [signature for name, id_, signature in signatures if (name, id_) == (key.name, key.id)]
    if not ours:
        raise Refused(REASON, f"the note is not signed by {key.vkey}")
    for signature in ours:
        _check_signature(key, signature, text)
    return text


def to_base64(data: bytes) -> str:
    """Return standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Return the bytes of `text`; Refused unless it is their one spelling."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (NoBase64, UnicodeEncodeError):
        raise Refused(REASON, f"{text!r:.60} is not base64") from None
    if to_base64(data) != text:
        raise Refused(REASON, f"{text!r:.60} is a second spelling of its bytes")
    return data


def _utf8(text: str) -> bytes:
    """Return the bytes of `text`; Refused for one that has none (Python keeps such bytes of a command line)."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(REASON, f"{text!r:.60} holds bytes that are no UTF-8") from None


def _parts(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return the text and its signatures: key name, key id, signature."""
    head, empty, tail = note.rpartition("\n\n")
    if not empty or not tail.endswith("\n"):
        raise Refused(REASON, "this is no signed note: a text, an empty line, and a line per signature")
    text = head + "\n"
    _check_text(text)
    return text, [_signature(line) for line in tail.removesuffix("\n").split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    if not match:
        raise Refused(REASON, f"{line!r:.60} is no line of a signature")
    data = from_base64(match[2])
    if len(data) <= ID_BYTES:
        raise Refused(REASON, f"{line!r:.60} holds no signature")
    return match[1], data[:ID_BYTES], data[ID_BYTES:]


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise Refused(REASON, "the text does not end with a line feed, or holds control characters")


def _check_signature(key: NoteKey, signature: bytes, text: str) -> None:
    assert isinstance(key.public.key, Ed25519PublicKey)  # as its making demands
    try:
        key.public.key.verify(signature, text.encode())
    except InvalidSignature:
        raise Refused(REASON, f"the signature of {key.name} does not fit: the note was changed") from None
