"""Who vouches for the server at the other end: a public authority, one of a company's own, or somebody in between."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import certifi

from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import (
    CERTIFICATE_DATE,
    CERTIFICATE_FILE,
    CERTIFICATE_NAME,
    CONNECTION_OPENED,
    NO_TLS,
    PRIVATE_AUTHORITY,
    PROXY_REFUSES,
)
from homecheck.doctor.way import TUNNEL_FAILED, Way
from homecheck.exchange import new_session, one_line
from homecheck.instruments.presented_certificate import HOSTNAME_MISMATCH, OUT_OF_DATE, issuer

SUBJECT: Final = "certificate"
FAILURES: Final = (OSError, http.client.HTTPException, ValueError)  # of a connection, by whoever is in between


def examine_bundle(environment: Mapping[str, str] = os.environ) -> Iterator[Diagnosis]:
    """Yield whether SSL_CERT_FILE can be used, where it is set."""
    if bundle := environment.get("SSL_CERT_FILE"):
        yield (
            found("SSL_CERT_FILE", CERTIFICATE_FILE, why) if (why := _unusable(bundle)) else ok("SSL_CERT_FILE", bundle)
        )


def _unusable(bundle: str) -> str:
    try:
        ssl.create_default_context(cafile=bundle)
    except OSError as error:  # of which ssl.SSLError, for a file without certificates, is one
        reason = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        return f"{bundle}: {reason}"
    return ""


def examine_certificate(way: Way, public: str | None = None) -> Iterator[Diagnosis]:
    """Yield whether an agent believes the certificate, and whether an authority of the list `public` vouches for it.

    Nothing is sent but handshakes. A proxy that is itself reached through TLS is left to the exchange that follows.
    """
    if way.scheme != "https" or (way.proxy is not None and way.proxy.scheme != "http"):
        return
    bundle = trusted_here(way.url)
    try:
        shown = way.certificate(ssl.create_default_context(cafile=bundle))
    except ssl.SSLCertVerificationError as error:
        yield _disbelieved(way, error)
    except FAILURES as error:
        yield _no_handshake(way, error)
    else:
        yield _believed(way, bundle, shown, public or certifi.where())


def trusted_here(url: str) -> str:
    """Return the file of authorities by which the agent judges: as `requests` chooses it, also by its own variables."""
    session = new_session()
    chosen = session.merge_environment_settings(url, {}, True, session.verify, None)["verify"]
    return chosen if isinstance(chosen, str) and Path(chosen).is_file() else certifi.where()


def _believed(way: Way, bundle: str, shown: bytes | None, public: str) -> Diagnosis:
    name = _issuer(shown)
    if bundle == public or _is_public(way, public):
        return ok(SUBJECT, f"{way.host}: issued by {name}, for which a public authority vouches")
    return found(SUBJECT, PRIVATE_AUTHORITY, f"{way.host}: issued by {name}, whom only {bundle} vouches for")


def _is_public(way: Way, public: str) -> bool:
    try:
        way.certificate(ssl.create_default_context(cafile=public))
    except FAILURES:
        return False
    return True


def _disbelieved(way: Way, error: ssl.SSLCertVerificationError) -> Diagnosis:
    name = _issuer(_look(way))
    text = f"{way.host}: the certificate that is shown is issued by {name}: {error.verify_message}"
    if error.verify_code in OUT_OF_DATE:
        return found(SUBJECT, CERTIFICATE_DATE, text)
    if error.verify_code in HOSTNAME_MISMATCH:
        return found(SUBJECT, CERTIFICATE_NAME, text)
    return found(SUBJECT, CONNECTION_OPENED, text)


def _no_handshake(way: Way, error: Exception) -> Diagnosis:
    text = one_line(str(error))
    if way.proxy is not None and text.startswith(TUNNEL_FAILED):
        return found("proxy", PROXY_REFUSES, f"{way.proxy.shown} does not let us through to {way.name}: {text}")
    return found(SUBJECT, NO_TLS, f"{way.name}: no secure connection comes about: {text or type(error).__name__}")


def _look(way: Way) -> bytes | None:
    """Return the certificate that is shown, without believing it; nothing is sent over that connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return way.certificate(context)
    except FAILURES:
        return None


def _issuer(certificate: bytes | None) -> str:
    name = issuer(certificate) if certificate is not None else None
    return repr(name) if name else "somebody without a name"
