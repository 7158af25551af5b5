"""The way in: certificate, clock, the collector's own address, and the responders that it knows."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from homecheck.collector.doctor.diagnosis import Diagnosis, fail, ok, warn
from homecheck.collector.responders import fetch_key
from homecheck.collector.store.programs import Responder
from homecheck.errors import HomecheckError, Refused
from homecheck.exchange import Answer, exchange, new_session

SECONDS: Final = 10.0
FEW_DAYS: Final = 21
VERY_FEW_DAYS: Final = 7
OFF_SECONDS: Final = 5.0  # HTTP dates have whole seconds
FAR_OFF_SECONDS: Final = 60.0  # challenges and invitations begin to fail
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10  # OpenSSL, x509_vfy.h
OTHER_NAME: Final = (62, 64)  # host name, IP address


def examine_certificate(url: str, now: datetime) -> Iterator[Diagnosis]:
    """Yield whether an agent would believe the certificate at `url`, and how long it still will."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        yield ok("certificate", f"{url} serves this computer alone, without TLS")
        return
    host, port = parts.hostname or "", parts.port or 443
    try:
        with (
            socket.create_connection((host, port), SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as tls,
        ):
            found = tls.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield _disbelieved(host, error)
        return
    except (OSError, ssl.SSLError) as error:
        fix = "Is the collector or its proxy running, and is the port open? Agents cannot reach it either."
        yield fail("certificate", f"{host}:{port}: no TLS connection: {error}", fix)
        return
    yield _days_left(host, datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC), now)


def _disbelieved(host: str, error: ssl.SSLCertVerificationError) -> Diagnosis:
    text = f"{host}: {error.verify_message}"
    if error.verify_code == NOT_YET_VALID:
        return fail("certificate", text, "Check the clocks of this computer and of the one that made it.")
    if error.verify_code == EXPIRED:
        return fail("certificate", text, "Renew it now: no agent can deliver anything. Then automate the renewal.")
    if error.verify_code in OTHER_NAME:
        return fail("certificate", text, f"Get one for {host}: agents refuse it as it is.")
    fix = (
        "Give --tls-cert the whole chain (fullchain.pem). With a CA of your own: set SSL_CERT_FILE here, and on the"
        " computers of candidates."
    )
    return fail("certificate", text, fix)


def _days_left(host: str, end: datetime, now: datetime) -> Diagnosis:
    days = (end - now).days
    text = f"{host}: good for {days} more days, until {end:%Y-%m-%d}"
    if days < VERY_FEW_DAYS:
        return fail("certificate", text, "Renew it now, and find out why it was not renewed by itself.")
    if days < FEW_DAYS:
        return warn("certificate", text, "Renew it, and find out why it was not renewed by itself.")
    return ok("certificate", text)


def examine_address(url: str, kid: str | None, now: datetime) -> Iterator[Diagnosis]:
    """Yield whether this very collector answers at its own address, and whether both clocks agree.

    `kid` names its signing key, None when that cannot be read.
    """
    try:
        answer = exchange(new_session(), "GET", f"{url}/v1/jwks", seconds=SECONDS)
        kids = [one.text("kid") for one in answer.members().records("keys")] if answer.status == 200 else []
    except Refused:
        kids = []
    except HomecheckError as error:
        yield fail("address", error.message, "Is it running? Check its name in DNS, the firewall and the proxy.")
        return
    yield _ours(url, answer.status, kid, kids)
    yield from examine_clock(answer, url, now)
    yield _ready(url)


def _ours(url: str, status: int, kid: str | None, kids: list[str]) -> Diagnosis:
    if kid is not None and kid in kids:
        return ok("address", f"{url} is this collector")
    if kids:
        fix = "Check --database and --url: agents trust the keys of the collector at that address."
        return fail("address", f"{url} answers as another collector, with the key {kids[0]:.43}", fix)
    return fail("address", f"{url}: no collector answers there (HTTP status {status})", "Check the proxy in front.")


def examine_clock(answer: Answer, where: str, now: datetime) -> Iterator[Diagnosis]:
    """Yield whether the clock here is that of the server that answered; nothing when it told no time."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return
    off = (now - theirs.astimezone(UTC)).total_seconds()
    text = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} {where}"
    fix = "Let the system keep its time: timedatectl set-ntp true"
    if abs(off) > FAR_OFF_SECONDS:
        yield fail("clock", text, fix)
    elif abs(off) > OFF_SECONDS:
        yield warn("clock", text, fix)
    else:
        yield ok("clock", f"within {OFF_SECONDS:.0f} s of {where}")


def _ready(url: str) -> Diagnosis:
    try:
        answer = exchange(new_session(), "GET", f"{url}/readyz", seconds=SECONDS)
    except HomecheckError as error:
        return fail("ready", error.message, "See the log of the collector.")
    if answer.status == 200:
        return ok("ready", "it takes evidence")
    return fail("ready", answer.problem().detail, "See the log of the collector.")


def examine_responders(known: list[Responder], now: datetime) -> Iterator[Diagnosis]:
    """Yield for each responder whether it is there, with the key that was pinned, and whether its clock is ours."""
    if not known:
        fix = "homecheck collector responder add https://measure.example.com:8443; without one, no network is measured."
        yield warn("responders", "no responder is known", fix)
    for one in known:
        yield from _responder(one, now)


def _responder(one: Responder, now: datetime) -> Iterator[Diagnosis]:
    name = "responder"
    try:
        key = fetch_key(one.url)
        answer = exchange(new_session(), "GET", f"{one.url}/.well-known/homecheck", seconds=SECONDS)
    except HomecheckError as error:
        yield fail(name, error.message, error.advice)
        return
    if key.kid != one.key.kid:
        fix = f"If that is right: homecheck collector responder add {one.url}. Until then its word does not count."
        yield fail(name, f"{one.url} has another key, {key.kid}, than the one that was pinned", fix)
        return
    yield ok(name, f"{one.url} answers with the key that was pinned")
    yield from examine_clock(answer, one.url, now)
