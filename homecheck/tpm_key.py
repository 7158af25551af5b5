"""Keys in a TPM 2.0: P-256, made inside, usable in that very TPM alone (Linux, through tpm2-tss).

The TPM derives its storage key (TCG TPM v2.0 Provisioning Guidance 7.5.1: ECC P-256, AES-128-CFB) from a seed that
never leaves it, and wraps the private half with it. What comes out is kept in the key's record and is worth nothing
anywhere else (fixedTPM, fixedParent: TPM 2.0 Part 1, 25.1). Nothing is stored in the TPM, so nothing can fill it up.

``HOMECHECK_TPM`` names another interface than /dev/tpmrm0, as tpm2-tss writes it (TCTI), for example
``swtpm:host=127.0.0.1,port=2321``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homecheck.errors import KeyStoreError
from homecheck.signing import PublicKey, base64url, decode_base64url
from homecheck.strict_json import Record

VARIABLE: Final = "HOMECHECK_TPM"
DEVICE: Final = "device:/dev/tpmrm0"
INSTALL: Final = (
    "Install it: sudo apt install libtss2-dev gcc python3-dev pkg-config, then pip install 'homecheck[tpm]'. "
    "Or keep the key in a file: --key file"
)
SWITCH_ON: Final = (
    "Switch it on in the computer's firmware settings (it is called TPM, PTT or fTPM there). If there is none, "
    "keep the key in a file: --key file"
)
JOIN: Final = "Run: sudo usermod -aG tss $USER, then sign out and in again."
ANOTHER: Final = "Enrol again with a new invitation: this key can be used in the TPM that made it and nowhere else."
OWNED: Final = "Somebody has set a password for this TPM: ask your IT team, or keep the key in a file: --key file"

# TPM 2.0 Part 2, 6.6: codes of format one, without the bits that number a parameter, handle or session.
_FORMAT_ONE: Final = 0xBF
_INTEGRITY: Final = 0x9F
_MARSHALLING: Final = 9  # the layer of tpm2-tss that reads structures, TSS2_MU_RC_LAYER
_AUTHORIZATION: Final = (0x8E, 0xA2)  # TPM_RC_AUTH_FAIL, TPM_RC_BAD_AUTH


@dataclass(frozen=True)
class TpmKey:
    """A key that one TPM can use: `wrapped` is its TPM2B_PRIVATE, `area` its TPM2B_PUBLIC, `tcti` names the TPM."""

    public: PublicKey
    wrapped: bytes
    area: bytes
    tcti: str
    store: str = "tpm"

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature as 64 raw bytes (RFC 7518 3.4). KeyStoreError when the TPM refuses."""
        from tpm2_pytss import constants, types  # here: half a second that only those pay who have such a key

        digest = hashlib.sha256(message).digest()
        scheme = types.TPMT_SIG_SCHEME(scheme=constants.TPM2_ALG.NULL)  # the key's own
        ticket = types.TPMT_TK_HASHCHECK(tag=constants.TPM2_ST.HASHCHECK, hierarchy=constants.TPM2_RH.NULL)
        with _opened(self.tcti) as tpm, _loaded(tpm, self.wrapped, self.area) as handle:
            made = tpm.sign(handle, digest, scheme, ticket)  # owns the memory of its parts: it must outlive them
            return _coordinate(made.signature.ecdsa.signatureR) + _coordinate(made.signature.ecdsa.signatureS)

    def members(self) -> dict[str, str]:
        """Return what the key's record holds besides the public half."""
        return {"tpm_private": base64url(self.wrapped), "tpm_public": base64url(self.area)}


def create(environment: Mapping[str, str] = os.environ) -> tuple[TpmKey, dict[str, str]]:
    """Make a new key in the TPM and return it, with what its record holds besides the public half."""
    tcti = _tcti(environment)
    with _opened(tcti) as tpm:
        from tpm2_pytss import types  # here: as above

        with _storage_key(tpm) as parent:
            wrapped, area, *_ = tpm.create(parent, types.TPM2B_SENSITIVE_CREATE(), _template("ecc256:ecdsa-sha256"))
        key = TpmKey(_public(area), wrapped.marshal(), area.marshal(), tcti)
    return key, key.members()


def read(public: PublicKey, record: Record, environment: Mapping[str, str] = os.environ) -> TpmKey:
    """Return the key of a record, after the TPM has shown that it can use it. KeyStoreError when it cannot."""
    wrapped, area = (decode_base64url(record.text(name, max_length=2000)) for name in ("tpm_private", "tpm_public"))
    key = TpmKey(public, wrapped, area, _tcti(environment))
    with _opened(key.tcti) as tpm, _loaded(tpm, wrapped, area) as handle:
        held = _public(tpm.read_public(handle)[0])
    if held.kid != public.kid:
        raise KeyStoreError(f"the TPM holds another key than {public.kid}", ANOTHER)
    return key


def _tcti(environment: Mapping[str, str]) -> str:
    return environment.get(VARIABLE) or DEVICE


@contextmanager
def _opened(tcti: str) -> Iterator[Any]:
    """Open the TPM for the block; whatever goes wrong with it becomes a KeyStoreError that says what is missing."""
    if sys.platform != "linux":
        raise KeyStoreError("keys in a TPM are for Linux in this version", "Use another place: --key keyring or file")
    os.environ.setdefault("TSS2_LOG", "all+NONE")  # tpm2-tss writes to stderr what we say in our own words
    try:
        from tpm2_pytss import ESAPI, TSS2_Exception  # here: it is an extra, and takes half a second
    except ImportError:
        raise KeyStoreError("keys in a TPM need the package tpm2-pytss", INSTALL) from None
    _refuse_closed_device(tcti)
    try:
        with ESAPI(tcti) as tpm:
            yield tpm
    except TSS2_Exception as error:
        raise _failure(tcti, error.rc, str(error)) from None


def _refuse_closed_device(tcti: str) -> None:
    """Raise KeyStoreError when the device is missing or not ours to open: tpm2-tss says "IO failure" to both."""
    kind, _, path = tcti.partition(":")
    if kind != "device":
        return
    if not Path(path).exists():
        raise KeyStoreError(f"{path}: this computer shows no TPM 2.0", SWITCH_ON)
    if not os.access(path, os.R_OK | os.W_OK):
        raise KeyStoreError(f"{path}: you may not use this computer's TPM: members of the group tss may", JOIN)


def _failure(tcti: str, code: int, text: str) -> KeyStoreError:
    """Return the error for a response code of tpm2-tss (Part 2, 6.6; codes above 0xFFFF come from its own layers)."""
    kind = code & _FORMAT_ONE if code <= 0xFFFF else 0
    if code >> 16 == _MARSHALLING:
        return KeyStoreError(f"what is kept of this key is damaged ({text})", "Enrol again with a new invitation.")
    if kind == _INTEGRITY:
        return KeyStoreError("this key belongs to another TPM, or this TPM was cleared since it was made", ANOTHER)
    if kind in _AUTHORIZATION:
        return KeyStoreError(f"the TPM asks for its owner's password ({text})", OWNED)
    return KeyStoreError(
        f"the TPM at {tcti} does not do it: {text} (0x{code:x})", "Restart the computer and try again."
    )


def _template(kind: str, *, storage: bool = False) -> Any:
    """Return the public area of a new key: of the storage key, or of one that signs."""
    from tpm2_pytss import constants, types  # here: as above

    has = constants.TPMA_OBJECT
    attributes = has.FIXEDTPM | has.FIXEDPARENT | has.SENSITIVEDATAORIGIN | has.USERWITHAUTH | has.NODA
    attributes |= has.RESTRICTED | has.DECRYPT if storage else has.SIGN_ENCRYPT
    return types.TPM2B_PUBLIC.parse(kind, nameAlg=constants.TPM2_ALG.SHA256, objectAttributes=attributes)


@contextmanager
def _storage_key(tpm: Any) -> Iterator[Any]:
    """Hold the TPM's storage key inside the block: the same one every time, until the TPM is cleared."""
    from tpm2_pytss import types  # here: as above

    handle, *_ = tpm.create_primary(types.TPM2B_SENSITIVE_CREATE(), _template("ecc256:aes128cfb", storage=True))
    with _flushed(tpm, handle):
        yield handle


@contextmanager
def _loaded(tpm: Any, wrapped: bytes, area: bytes) -> Iterator[Any]:
    """Hold a wrapped key in the TPM inside the block."""
    from tpm2_pytss import types  # here: as above

    with _storage_key(tpm) as parent:
        private, public = types.TPM2B_PRIVATE.unmarshal(wrapped)[0], types.TPM2B_PUBLIC.unmarshal(area)[0]
        handle = tpm.load(parent, private, public)
        with _flushed(tpm, handle):
            yield handle


@contextmanager
def _flushed(tpm: Any, handle: Any) -> Iterator[None]:
    """Give the TPM its place back after the block: it has room for three keys."""
    try:
        yield
    finally:
        tpm.flush_context(handle)


def _public(area: Any) -> PublicKey:
    point = area.publicArea.unique.ecc
    x, y = (base64url(_coordinate(number)) for number in (point.x, point.y))
    return PublicKey.from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})


def _coordinate(number: Any) -> bytes:
    """Return a number of a TPM in its full 32 bytes (RFC 7518 6.2.1.2): some TPMs leave leading zeros away."""
    return bytes(number).rjust(32, b"\0")
