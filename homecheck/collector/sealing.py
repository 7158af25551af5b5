"""Small secrets that have to be read again, encrypted for the database: a stolen copy of it does not tell them.

The key follows from the challenge secret, which lies in the folder of the keys and never in the database.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homecheck.errors import KeyStoreError

NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, section 8.2.2: random, and few under one key)


def seal(secret: bytes, root: bytes, purpose: str) -> bytes:
    """Return the secret encrypted for one purpose: whose it is and what for. It opens for no other one."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(derived(root, "seal")).encrypt(nonce, secret, purpose.encode())


def unseal(sealed: bytes, root: bytes, purpose: str) -> bytes:
    """Return what was sealed. KeyStoreError when the key is another one, or somebody has moved or changed it."""
    try:
        return AESGCM(derived(root, "seal")).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
    except InvalidTag:
        raise KeyStoreError(
            f"what was sealed for {purpose} does not open with this challenge secret",
            "Restore the folder of the keys from its backup, or have the second factor set up again.",
        ) from None


def derived(root: bytes, use: str) -> bytes:
    """Return a key of 256 bits for one use (HKDF, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=f"homecheck {use}".encode()).derive(root)
