"""libsodium's yes is OpenSSL's yes, and whatever it does not take is OpenSSL's to decide."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homecheck import libsodium
from homecheck.errors import Refused
from homecheck.keys import SoftwareKey
from homecheck.signing import check_signature
from tests.needs import missing

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group (RFC 8032 5.1)
MESSAGE = b"one check" * 1_000


@pytest.fixture(params=["with", "without"])
def accepts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> libsodium.Accepts:
    """Have signatures checked with libsodium, and as if it were not installed."""
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "nacl.bindings", None)
    elif libsodium.accepts is libsodium._nobody:
        missing("PyNaCl is not installed", "pip install pynacl")
    found = libsodium._found()
    monkeypatch.setattr(libsodium, "accepts", found)
    return found


def changed(signature: bytes) -> dict[str, bytes]:
    """Return signatures that nobody may take."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    return {
        "one bit of R": bytes([signature[0] ^ 1]) + signature[1:],
        "one bit of S": signature[:-1] + bytes([signature[-1] ^ 1]),
        "S plus the order": r + (s + ORDER).to_bytes(32, "little"),
        "of zeros": bytes(64),
        "R of low order": (1).to_bytes(32, "little") + signature[32:],
        "cut short": signature[:-1],
        "one byte more": signature + b"\0",
        "none": b"",
    }


def test_what_is_signed_is_taken_and_every_change_is_refused(accepts: libsodium.Accepts) -> None:
    key = SoftwareKey.generate()
    signature = key.sign(MESSAGE)
    check_signature(key.public, signature, MESSAGE)
    for what, wrong in changed(signature).items():
        with pytest.raises(Refused):
            check_signature(key.public, wrong, MESSAGE)
        if len(wrong) == 64:
            assert isinstance(key.public.key, Ed25519PublicKey)
            assert not accepts(key.public.key.public_bytes_raw(), wrong, MESSAGE), what
    with pytest.raises(Refused):
        check_signature(key.public, signature, MESSAGE + b".")
    with pytest.raises(Refused):
        check_signature(SoftwareKey.generate().public, signature, MESSAGE)


def test_libsodium_is_what_takes_a_good_signature_where_it_is_installed() -> None:
    if libsodium.accepts is libsodium._nobody:
        missing("PyNaCl is not installed", "pip install pynacl")
    key = SoftwareKey.generate()
    assert isinstance(key.public.key, Ed25519PublicKey)
    assert libsodium.accepts(key.public.key.public_bytes_raw(), key.sign(MESSAGE), MESSAGE)


def test_a_signature_that_fits_only_times_eight_is_refused_by_both(accepts: libsodium.Accepts) -> None:
    key = Ed25519PublicKey.from_public_bytes(libsodium._KEY)
    with pytest.raises(InvalidSignature):
        key.verify(libsodium._COFACTORED, libsodium._MESSAGE)
    assert not accepts(libsodium._KEY, libsodium._COFACTORED, libsodium._MESSAGE)


def test_a_libsodium_that_took_such_a_one_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lax, errors = ModuleType("nacl.bindings"), ModuleType("nacl.exceptions")
    vars(lax)["crypto_sign_open"] = lambda signed, _key: signed[64:]
    vars(errors)["BadSignatureError"] = InvalidSignature
    monkeypatch.setitem(sys.modules, "nacl.bindings", lax)
    monkeypatch.setitem(sys.modules, "nacl.exceptions", errors)
    assert libsodium._found() is libsodium._nobody
