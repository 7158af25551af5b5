"""The collector's secrets: the key that signs policies and receipts, and the secret behind its challenges.

Both are files that their owner alone can read, in a folder beside the database and not in it: a stolen backup of the
database can neither sign receipts nor make challenges.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck import durable
from homecheck.collector.challenge import SECRET_BYTES
from homecheck.errors import KeyStoreError, StateError
from homecheck.keys import SoftwareKey, create_key_file, read_key_file, refuse_shared

SIGNING: Final = "signing.jwk"
CHALLENGE: Final = "challenge.secret"


@dataclass(frozen=True)
class Keys:
    """What the collector signs and checks with."""

    signer: SoftwareKey
    challenge_secret: bytes


def create(folder: Path) -> Keys:
    """Make both in `folder`. KeyStoreError when a key is there already or nothing can be written."""
    signer = create_key_file(folder / SIGNING)
    secret = secrets.token_bytes(SECRET_BYTES)
    durable.write(folder / CHALLENGE, secret)
    return Keys(signer, secret)


def read(folder: Path) -> Keys:
    """Return both. KeyStoreError when one is missing, damaged or readable by others."""
    try:
        signer = read_key_file(folder / SIGNING)
        secret = durable.read(folder / CHALLENGE)
        if secret is not None:
            refuse_shared(folder / CHALLENGE)
    except StateError as error:
        raise KeyStoreError(error.message, error.advice) from None
    except KeyStoreError as error:
        advice = error.advice if "chmod" in error.advice else "Restore the folder from your backup of the keys."
        raise KeyStoreError(error.message, advice) from None
    if secret is None or len(secret) != SECRET_BYTES:
        raise KeyStoreError(
            f"{folder / CHALLENGE}: the challenge secret is missing or damaged",
            "Restore the folder from your backup of the keys.",
        )
    return Keys(signer, secret)
