"""Where private keys live: a file that only its owner can read.

A key is written as a private JWK (RFC 8037, RFC 7518 6.2) with mode 0600 into a folder with mode 0700, created with
O_EXCL, so that two processes never overwrite each other's key. Other places are those of `key_stores`.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from homecheck.errors import KeyStoreError, Refused
from homecheck.signing import Algorithm, PublicKey, base64url, decode_base64url
from homecheck.strict_json import Record, parse_object, serialize

BEING_WRITTEN_SECONDS: Final = 1.0  # that a new key's file may be empty


@dataclass(frozen=True)
class SoftwareKey:
    """A private key in memory, read from a file."""

    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    public: PublicKey
    store: str = "file"

    @classmethod
    def generate(cls, algorithm: Algorithm = "EdDSA") -> SoftwareKey:
        """Return a new key."""
        return cls.of(Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of(cls, private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> SoftwareKey:
        """Return `private` with its public half."""
        return cls(private, PublicKey.of(private.public_key()))

    def sign(self, message: bytes) -> bytes:
        """Return the signature as 64 raw bytes (RFC 8037 3.1, RFC 7518 3.4)."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(message)
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwk(self) -> dict[str, str]:
        """Return the private JWK: for the key file alone."""
        if isinstance(self.private, Ed25519PrivateKey):
            secret = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        else:
            secret = self.private.private_numbers().private_value.to_bytes(32, "big")
        return {**self.public.jwk(), "d": base64url(secret)}

    @classmethod
    def from_jwk(cls, jwk: dict[str, object], store: str = "file") -> SoftwareKey:
        """Return the key of a private JWK, kept in `store`; Refused when its halves do not belong together."""
        record = Record(jwk, "key", "bad-key")
        secret = decode_base64url(record.text("d", max_length=100), "bad-key")
        if len(secret) != 32:
            raise Refused("bad-key", f"the key's d has {len(secret)} bytes; 32 are expected")
        public = PublicKey.from_jwk({name: value for name, value in jwk.items() if name != "d"})
        try:
            private = (
                Ed25519PrivateKey.from_private_bytes(secret)
                if public.algorithm == "EdDSA"
                else ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
            )
        except ValueError as error:
            raise Refused("bad-key", f"the private half is no key: {error}") from None
        if PublicKey.of(private.public_key()).kid != public.kid:
            raise Refused("bad-key", "the key's private and public halves do not belong together")
        return cls(private, public, store)


def create_key_file(path: Path, algorithm: Algorithm = "EdDSA") -> SoftwareKey:
    """Make a new key in `path` and return it. Raises KeyStoreError when the file exists or cannot be written."""
    return write_key_file(path, SoftwareKey.generate(algorithm))


def write_key_file(path: Path, key: SoftwareKey) -> SoftwareKey:
    """Write `key` to the new file `path` and return it; raises KeyStoreError like `create_key_file`."""
    write_record(path, key.jwk())
    return key


def write_record(path: Path, members: Mapping[str, Any]) -> None:
    """Write what is known of a key to the new file `path`, for its owner alone. KeyStoreError when it exists."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(serialize(members))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink()  # half a key is none, and would stop the next attempt
            raise
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():  # else something stands where its folder should be
            raise KeyStoreError(f"{path}: a key is there already", "Use it, or move it away first.") from None
        raise KeyStoreError(
            f"{path}: cannot write the key: {error.strerror}", "Check the folder's owner and free space."
        ) from None


def read_key_file(path: Path) -> SoftwareKey:
    """Return the key in `path`. Raises KeyStoreError when it is missing, damaged or readable by others."""
    record = read_record(path)
    with damage_named(path):
        return SoftwareKey.from_jwk(record)


def read_record(path: Path) -> dict[str, Any]:
    """Return what is known of the key in `path`; KeyStoreError when it is missing, damaged or readable by others."""
    refuse_shared(path)
    try:
        data = path.read_bytes()
        deadline = time.monotonic() + BEING_WRITTEN_SECONDS
        while not data and time.monotonic() < deadline:  # another process has made the file and is about to fill it
            time.sleep(0.01)
            data = path.read_bytes()
    except OSError as error:
        raise KeyStoreError(f"{path}: cannot read the key: {error.strerror}", "Check who owns the file.") from None
    with damage_named(path):
        return parse_object(data)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what the parser refuses inside the block into a KeyStoreError that names the key's file."""
    try:
        yield
    except Refused as error:
        raise KeyStoreError(
            f"{path}: this key cannot be read ({error.message})",
            "The key is damaged: enrol again with a new invitation.",
        ) from None


def refuse_shared(path: Path) -> None:
    """Raise KeyStoreError when the secret in `path` is missing or others can reach it."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise KeyStoreError(f"{path}: there is no key", "Enrol again with a new invitation.") from None
    except OSError as error:
        raise KeyStoreError(f"{path}: cannot read the key: {error.strerror}", "Check who owns the file.") from None
    # Windows keeps the profile folder for its user by an access list; its mode bits say nothing.
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise KeyStoreError(f"{path}: others can read this key", f"Run: chmod 600 {path}")


def open_key_file(path: Path, algorithm: Algorithm = "EdDSA") -> SoftwareKey:
    """Return the key in `path`, made on first use."""
    if path.exists():
        return read_key_file(path)
    try:
        return create_key_file(path, algorithm)
    except KeyStoreError:
        if path.exists():  # another process was faster
            return read_key_file(path)
        raise
