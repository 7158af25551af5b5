"""The certificate that this computer is shown where the responder's should be, and who issued it.

A program that opens traffic on its way (a "security" product, a company's proxy) shows a certificate of its own. Where
its authority is trusted here, the connection works and only the digest tells; where it is not, the connection fails,
and the issuer's name is what helps to find out who it was.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

MAX_NAME: Final = 60  # characters; whoever sits in the middle chose them
# OpenSSL's X509_V_ERR_...: not yet valid and expired; issuer not known, self-signed, self-signed in the chain, unsigned
OUT_OF_DATE: Final = frozenset({9, 10})
UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 27})
HOSTNAME_MISMATCH: Final = frozenset({62, 64})


def digest(certificate: bytes) -> str:
    """Return what an observation calls a certificate (DER)."""
    return "sha256:" + hashlib.sha256(certificate).hexdigest()


def of_connection(sock: socket.socket) -> bytes | None:
    """Return the certificate (DER) that a connection was shown; None without TLS."""
    return sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None


def look(address: tuple[Any, ...], family: int, host: str, seconds: float) -> bytes | None:
    """Return the certificate (DER) shown at an address, without trusting it; None when none is shown in time.

    Nothing is sent but the handshake.
    """
    with socket.socket(family, socket.SOCK_STREAM) as plain, suppress(OSError, ValueError):
        plain.settimeout(seconds)
        plain.connect(address)
        return shown_on(plain, host)
    return None


def shown_on(plain: socket.socket, host: str | None) -> bytes | None:
    """Return the certificate (DER) shown on a connection, without trusting it; `host` None tells no name.

    Raises OSError when no handshake comes about.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(plain, server_hostname=host) as sock:
        return sock.getpeercert(binary_form=True)


def issuer(certificate: bytes) -> str | None:
    """Return the issuer's common name, else its organisation, fit to be shown; None when it has neither."""
    # Here, because it takes long to import and only a failed connection or a foreign certificate needs it.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        name = x509.load_der_x509_certificate(certificate).issuer
        values: Sequence[Any] = [
            attribute.value
            for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
            for attribute in name.get_attributes_for_oid(kind)
        ]
    except (ValueError, TypeError, x509.InvalidVersion):  # the last is no ValueError
        return None
    return next((shown for value in values if (shown := _printable(value))), None)


def explanation(error: ssl.SSLCertVerificationError, certificate: bytes | None) -> str:
    """Return in words why a certificate was not accepted; it need not be the far end's own."""
    name = issuer(certificate) if certificate is not None else None
    issued = f"issued by {name!r}" if name else "of an issuer without a name"
    if error.verify_code in OUT_OF_DATE:
        return f"its certificate, {issued}, is out of date, or this computer's clock is wrong ({error.verify_message})"
    if error.verify_code in HOSTNAME_MISMATCH:
        return (
            f"the certificate shown, {issued}, is for another name: the network may answer in its place, "
            "or it is set up wrongly"
        )
    if error.verify_code in UNTRUSTED:
        return (
            f"the certificate shown is {issued}, which this computer does not trust: a security program or the network "
            "may be opening the traffic, or the far end is set up wrongly"
        )
    return f"the certificate shown, {issued}, is refused: {error.verify_message}"


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(character for character in text if character.isprintable()).strip()[:MAX_NAME]
