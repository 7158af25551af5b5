"""Where a device key's private half lives: a file, the system's keyring, or a TPM 2.0.

Every key has a record ``keys/<kid>.jwk``, which says where its private half is:

    file      in the record itself (`keys`)
    keyring   in the system's keyring; the record holds the public half (`keyring_key`)
    tpm       in the record, wrapped by the TPM: only that very TPM can use it (`tpm_key`)

The place is chosen once, when the key is made. Whatever goes wrong later is an error: no key is ever made or looked for
in another place than the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from homecheck import durable, keyring_key, tpm_key
from homecheck.errors import KeyStoreError
from homecheck.keys import SoftwareKey, damage_named, read_record, write_key_file, write_record
from homecheck.signing import PublicKey, Signer
from homecheck.strict_json import Record

Store = Literal["file", "keyring", "tpm"]
STORES: Final[tuple[Store, ...]] = get_args(Store)


def create_key(folder: Path, store: Store) -> Signer:
    """Make a new key in `store`, with its record in `folder`, and return it. KeyStoreError says what is missing."""
    durable.make_folder(folder)
    if store == "file":
        made = SoftwareKey.generate()
        return write_key_file(_path(folder, made.public.kid), made)
    signer, members = keyring_key.create() if store == "keyring" else tpm_key.create()
    write_record(_path(folder, signer.public.kid), {**signer.public.jwk(), "store": store, **members})
    return signer


def read_key(path: Path) -> Signer:
    """Return the key with the record `path`, ready to sign. KeyStoreError when it cannot be used now, and why."""
    record = read_record(path)
    store = _store(path, record)
    with damage_named(path):
        if store == "file":
            return SoftwareKey.from_jwk(record)
        public = PublicKey.from_jwk(record)
        return keyring_key.read(public) if store == "keyring" else tpm_key.read(public, Record(record, "key"))


def read_public(path: Path) -> PublicKey:
    """Return the public half of the key with the record `path`; neither keyring nor TPM is asked."""
    record = read_record(path)
    with damage_named(path):
        return PublicKey.from_jwk({name: value for name, value in record.items() if name != "d"})


def store_of(path: Path) -> Store:
    """Return where the private half of the key with the record `path` lives."""
    return _store(path, read_record(path))


def destroy_key(path: Path) -> None:
    """Remove a key and its record, if it is there. A keyring that does not answer keeps what nobody can find again."""
    if not path.exists():
        return
    try:
        if store_of(path) == "keyring":
            keyring_key.forget(path.stem)
    except KeyStoreError:
        pass  # damaged, or no keyring now; the record goes all the same, for who leaves a program must not be held up
    durable.remove(path)


def _store(path: Path, record: Mapping[str, object]) -> Store:
    named = record.get("store", "file")
    if named not in STORES:
        message = f"{path}: this key is kept in {named!r:.40}, which this version of homecheck does not know"
        raise KeyStoreError(message, "Update homecheck.")
    return named


def _path(folder: Path, kid: str) -> Path:
    return folder / f"{kid}.jwk"
