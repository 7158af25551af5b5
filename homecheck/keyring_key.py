"""Keys in the system's keyring, which opens when its owner signs in.

Linux: Secret Service (GNOME Keyring, KeePassXC) or KWallet · macOS: Keychain · Windows: Credential Manager. The library
`keyring` speaks to them. Of its backends only these count: it also knows plain files and "null", and to end up there
would be a silent step down from what the person asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from homecheck.errors import KeyStoreError, Refused
from homecheck.keys import SoftwareKey
from homecheck.signing import PublicKey
from homecheck.strict_json import parse_object, serialize

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE: Final = "homecheck"
BACKENDS: Final = tuple(
    f"keyring.backends.{name}" for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)
INSTALL: Final = "Install it: pip install 'homecheck[keyring]'. Or keep the key in a file: --key file"
AGAIN: Final = "Enrol again with a new invitation."
UNLOCK: Final = "Sign in to the desktop, unlock the keyring (the password store of the system), then try again."
NO_DESKTOP: Final = (
    "A keyring comes with a desktop: sign in to one and try again there. Where there is none, as on a server, "
    "keep the key in a file (--key file) or in a TPM (--key tpm)."
)


def create() -> tuple[SoftwareKey, dict[str, Any]]:
    """Make a new key in the keyring and return it, with what its record holds besides the public half."""
    made = SoftwareKey.generate()
    with _failure_named():
        backend = _backend()
        backend.set_password(SERVICE, made.public.kid, serialize(made.jwk()).decode())
        if backend.get_password(SERVICE, made.public.kid) is None:
            raise KeyStoreError(f"the keyring ({_name(backend)}) has not kept the key", NO_DESKTOP)
    return SoftwareKey(made.private, made.public, "keyring"), {}


def read(public: PublicKey) -> SoftwareKey:
    """Return the key whose public half is `public`. KeyStoreError when the keyring is locked, gone or another one."""
    with _failure_named():
        backend = _backend()
        secret = backend.get_password(SERVICE, public.kid)
    if secret is None:
        message = f"the keyring ({_name(backend)}) does not hold the key {public.kid}"
        raise KeyStoreError(message, f"Sign in as the user who enrolled. Otherwise: {AGAIN[0].lower()}{AGAIN[1:]}")
    try:
        key = SoftwareKey.from_jwk(parse_object(secret.encode()), "keyring")
    except Refused as error:
        raise KeyStoreError(f"the key {public.kid} in the keyring is damaged: {error.message}", AGAIN) from None
    if key.public.kid != public.kid:
        raise KeyStoreError(f"the keyring holds another key under the name {public.kid}", AGAIN)
    return key


def forget(kid: str) -> None:
    """Remove a key from the keyring; one that is not there is no error."""
    with _failure_named():
        backend = _backend()
        if backend.get_password(SERVICE, kid) is not None:
            backend.delete_password(SERVICE, kid)


def _backend() -> KeyringBackend:
    """Return the keyring that the person opened by signing in; KeyStoreError when there is none."""
    try:
        import keyring  # here: it looks for backends, and only those who asked for a keyring have it installed
        from keyring.backends.chainer import ChainerBackend
    except ImportError:
        raise KeyStoreError("keys in the keyring need the package keyring", INSTALL) from None
    chosen = keyring.get_keyring()
    for backend in chosen.backends if isinstance(chosen, ChainerBackend) else [chosen]:
        if type(backend).__module__ in BACKENDS:
            return backend
    raise KeyStoreError(f"this system has no keyring that is open (found: {_name(chosen)})", NO_DESKTOP)


@contextmanager
def _failure_named() -> Iterator[None]:
    """Turn whatever goes wrong with the keyring inside the block into a KeyStoreError."""
    try:
        yield
    except KeyStoreError:
        raise
    except _failures() as error:
        raise KeyStoreError(f"the keyring refuses: {str(error).rstrip('.') or type(error).__name__}", UNLOCK) from None


def _failures() -> tuple[type[Exception], ...]:
    """Return what the backends raise; not all of them wrap the errors of what they call."""
    kinds: list[type[Exception]] = [OSError, RuntimeError]
    for module, name in (
        ("keyring.errors", "KeyringError"),
        ("secretstorage.exceptions", "SecretStorageException"),  # Secret Service
        ("jeepney", "DBusErrorResponse"),  # below it, and below KWallet
        ("win32ctypes.pywin32.pywintypes", "error"),  # Credential Manager
    ):
        with suppress(ImportError):  # of another system
            kinds.append(getattr(import_module(module), name))
    return tuple(kinds)


def _name(backend: KeyringBackend) -> str:
    return type(backend).__module__.removeprefix("keyring.backends.")
