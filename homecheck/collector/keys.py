"""The collector's secrets: the key that signs policies and receipts, the log's key, and the secret behind challenges.

All are files that their owner alone can read, in a folder beside the database and not in it: a stolen backup of the
database can neither sign receipts and checkpoints nor make challenges.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck import durable
from homecheck.collector.challenge import SECRET_BYTES
from homecheck.errors import KeyStoreError, StateError
from homecheck.keys import SoftwareKey, create_key_file, open_key_file, read_key_file, refuse_shared
from homecheck.signed_note import NoteKey

SIGNING: Final = "signing.jwk"
LOG: Final = "log.jwk"
CHALLENGE: Final = "challenge.secret"
RESTORE: Final = "Restore the folder from your backup of the keys."


@dataclass(frozen=True)
class Keys:
    """What the collector signs and checks with."""

    signer: SoftwareKey
    challenge_secret: bytes


def create(folder: Path) -> Keys:
    """Make all in `folder`. KeyStoreError when one is there already or cannot be written."""
    signer = create_key_file(folder / SIGNING)
    create_key_file(folder / LOG)
    secret = secrets.token_bytes(SECRET_BYTES)
    durable.write(folder / CHALLENGE, secret)
    return Keys(signer, secret)


def read(folder: Path) -> Keys:
    """Return them, without the log's. KeyStoreError when one is missing, damaged or readable by others."""
    try:
        signer = read_key_file(folder / SIGNING)
        secret = durable.read(folder / CHALLENGE)
        if secret is not None:
            refuse_shared(folder / CHALLENGE)
    except StateError as error:
        raise KeyStoreError(error.message, error.advice) from None
    except KeyStoreError as error:
        raise KeyStoreError(error.message, error.advice if "chmod" in error.advice else RESTORE) from None
    if secret is None or len(secret) != SECRET_BYTES:
        raise KeyStoreError(
            f"{folder / CHALLENGE}: the challenge secret is missing or damaged",
            RESTORE,
        )
    return Keys(signer, secret)


def log_key(folder: Path, vkey: str | None, origin: str) -> SoftwareKey:
    """Return the log's key, whose public half the database knows as `vkey`; None: this log has never signed.

    KeyStoreError when it is missing or another one: a log that changes its key cannot be told from one rewritten.
    """
    path = folder / LOG
    if vkey is None:
        return open_key_file(path)
    try:
        key = read_key_file(path)
    except KeyStoreError as error:
        raise KeyStoreError(error.message, error.advice if "chmod" in error.advice else RESTORE) from None
    if NoteKey(origin, key.public).vkey != vkey:
        raise KeyStoreError(f"{path}: this is not the key of the log in the database", RESTORE)
    return key
