"""The test cases of RFC 4231 for HMAC-SHA-256."""

from __future__ import annotations

import pytest

from homecheck.standards.rfc_2104 import PreparedKey

CASES = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,  # longer than a block: the key is hashed first
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]


@pytest.mark.parametrize(("key", "message", "expected"), CASES)
def test_the_hmac_is_that_of_rfc_4231(key: bytes, message: bytes, expected: str) -> None:
    prepared = PreparedKey(key)
    assert prepared.digest(message).hex() == expected
    assert prepared.digest(memoryview(message)).hex() == expected  # and the key is as it was
