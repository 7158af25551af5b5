"""Sealed secrets open with the same root for the same purpose, and not otherwise."""

from __future__ import annotations

import pytest

from homecheck.collector.sealing import seal, unseal
from homecheck.errors import KeyStoreError

ROOT = b"r" * 32


def test_what_was_sealed_opens_and_never_looks_the_same() -> None:
    first, second = seal(b"secret", ROOT, "totp of bo"), seal(b"secret", ROOT, "totp of bo")
    assert first != second
    assert b"secret" not in first
    assert unseal(first, ROOT, "totp of bo") == unseal(second, ROOT, "totp of bo") == b"secret"


@pytest.mark.parametrize(
    ("root", "purpose", "flip"),
    [(b"x" * 32, "totp of bo", False), (ROOT, "totp of cy", False), (ROOT, "totp of bo", True)],
)
def test_it_opens_for_no_other_root_purpose_or_bytes(root: bytes, purpose: str, flip: bool) -> None:
    sealed = seal(b"secret", ROOT, "totp of bo")
    if flip:
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(KeyStoreError, match="does not open"):
        unseal(sealed, root, purpose)
