"""A quick yes to Ed25519 signatures: libsodium checks them in two thirds of OpenSSL's time, where PyNaCl is installed.

Only its yes counts. Whatever it does not take goes to OpenSSL, which decides: so everybody refuses the same signatures,
with PyNaCl or without. Both compute S·B - k·A and compare it with the bytes of R (RFC 8032 5.1.7 without the cofactor),
and libsodium looks more closely at R and A besides. A libsodium that multiplied by the cofactor would take more; one
such signature is tried when this is loaded, and where it is taken, libsodium is not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Of the message "homecheck": R has a part of order 8 in it, so that 8·R fits and R does not.
_KEY: Final = bytes.fromhex("72ed71a604b17dfa6cc4af67d7fd5f59de2f5dce5132db34021ae557ec284d1c")
_COFACTORED: Final = bytes.fromhex(
    "24ea59ce81f6db66a521d26874ecbb74d1a1310907015ec08ae1a2082c539e90"
    "cc836276fc552b132c6654aa6083a2486d26ed67f28cf2552ce780879844720a"
)
_MESSAGE: Final = b"homecheck"

Accepts = Callable[[bytes, bytes, bytes], bool]


def _nobody(_key: bytes, _signature: bytes, _message: bytes) -> bool:
    return False


def _found() -> Accepts:
    try:
        from nacl.bindings import crypto_sign_open
        from nacl.exceptions import BadSignatureError
    except ModuleNotFoundError:  # an agent checks a few signatures, and does without
        return _nobody

    def accepts(key: bytes, signature: bytes, message: bytes) -> bool:
        try:
            crypto_sign_open(signature + message, key)
        except BadSignatureError:
            return False
        return True

    return _nobody if accepts(_KEY, _COFACTORED, _MESSAGE) else accepts


accepts: Final[Accepts] = _found()
"""Tell whether libsodium takes a signature of 64 bytes over a message under a raw key; False: ask OpenSSL."""
