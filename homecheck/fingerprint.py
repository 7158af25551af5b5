"""A key's fingerprint in words, so that two people can compare it on the telephone.

Six words from a list of 256 are the first 48 bits of the RFC 7638 thumbprint: enough to notice a mix-up, and never used
for anything that a computer decides.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from homecheck.signing import decode_base64url

WORDS: Final = 6


def words(kid: str) -> str:
    """Return the fingerprint of the key called `kid`, e.g. ``amber fox - tulip ...``; Refused when it is no kid."""
    return " ".join(word_list()[byte] for byte in decode_base64url(kid)[:WORDS])


@cache
def word_list() -> tuple[str, ...]:
    """Return the 256 words in the order of the bytes they stand for."""
    text = resources.files("homecheck").joinpath("fingerprint_words.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
