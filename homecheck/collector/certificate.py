"""How long a certificate in a file is still good."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509

from homecheck.errors import SetupError


def days_left(file: Path, now: datetime) -> float:
    """Return the days until the certificate ends, below zero afterwards. SetupError when there is none in the file.

    Of a chain, it is the first one, the server's own, as TLS servers read such a file.
    """
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SetupError(f"{file}: no certificate: {error}", "Give a PEM file.") from None
    return (found.not_valid_after_utc - now).total_seconds() / 86_400
