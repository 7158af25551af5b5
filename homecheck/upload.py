"""Getting evidence home: success is a receipt that verifies, and nothing else.

    201, 200 with a good receipt   evidence and receipt are stored, then the spool forgets the evidence
    401 with a fresh challenge     the same runs are signed again with it, at most 3 times
    409, 413, 415, 422             it will never be taken: set aside with the reason
    403 key-revoked, key-replaced  the same
    429, 503                       wait as long as the collector asks (at most 1 h), plus jitter
    other 4xx, 3xx, 2xx            a failure, said plainly; tried again slowly
    5xx, no answer                 full jitter: random(0, min(300 s, 1 s · 2^attempt))

All waiting is bounded by a deadline; what is not delivered by then stays in the spool. Own loop, because urllib3's
never repeats what it should (PUT after a broken connection) and turns redirects into success.
"""

from __future__ import annotations

import random as random_module
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from homecheck import durable, rechecks, signing, spool
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import JOSE, Damaged, Enrolment, Enrolments, forget_retired, read_enrolments
from homecheck.errors import HomecheckError, KeyStoreError, Refused, StateError
from homecheck.evidence import Evidence
from homecheck.exchange import REQUEST_SECONDS, Answer, Http, NoAnswer, exchange, new_session, one_line
from homecheck.key_stores import read_key
from homecheck.receipt import Receipt, verify_receipt
from homecheck.rechecks import Status
from homecheck.signing import EVIDENCE, Signer, sign, unverified_header, verify
from homecheck.witness import Watch, watch

__all__ = ["Delivery", "Status", "deliver", "deliver_waiting", "new_session", "stored_receipts"]

DEADLINE_SECONDS: Final = 60.0
BACKOFF_BASE_SECONDS: Final = 1.0
BACKOFF_CAP_SECONDS: Final = 300.0
RETRY_AFTER_CAP_SECONDS: Final = 3600.0
MIN_ATTEMPT_SECONDS: Final = 1.0  # with less time left, an attempt would only be cut short
MAX_SIGNED_AGAIN: Final = 3
ENDED: Final = frozenset({"key-revoked", "key-replaced"})  # the key's time is over, by the collector's clock

_KEPT: Final = "Your results are kept on this computer. They are sent at the next check, or with: homecheck upload"
_DAMAGED: Final = "It is kept apart and blocks nothing. Run a new check: homecheck check"
_TELL: Final = "Nothing is wrong with your home office: tell the company. Your results are kept on this computer."


@dataclass(frozen=True)
class Delivery:
    """What became of one envelope. `envelope` and `receipt` are digests; `result` is what the collector signed."""

    program: str
    status: Status
    envelope: str
    receipt: str | None = None
    result: Receipt | None = None
    message: str = ""
    advice: str = ""
    silent: bool = False  # the collector takes nothing from anybody just now
    log: Watch | None = None  # whether the collector's log is still the one that was seen before


@dataclass(frozen=True)
class Terms:
    """Clocks and patience. `clock` counts seconds from anywhere, `now` is the date, `random` lies in [0, 1)."""

    sleep: Callable[[float], None]
    clock: Callable[[], float]
    random: Callable[[], float]
    now: Callable[[], datetime]
    deadline: float  # on `clock`

    def left(self) -> float:
        """Return how many seconds are left."""
        return self.deadline - self.clock()


@dataclass(frozen=True)
class _Stop:
    """Why one attempt was the last one of this run, or for ever. `not_before` is what the collector asked for."""

    status: Status
    message: str
    advice: str
    not_before: datetime | None = None
    silent: bool = False


@dataclass(frozen=True)
class _Wait:
    """Why another attempt is worth making after at least `seconds`."""

    seconds: float
    message: str
    advice: str
    asked: bool = False  # the collector asked for this pause itself


def deliver(
    home: Home,
    enrolment: Enrolment,
    signer: Signer,
    digest: str,
    http: Http,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = random_module.random,
    deadline_seconds: float = DEADLINE_SECONDS,
    now: Callable[[], datetime] = utc_now,
) -> Delivery:
    """Send one envelope from the spool and return what became of it; it leaves the spool only for a good receipt.

    StateError when something cannot be written here; the envelope then waits, or its receipt is fetched again.
    """
    terms = Terms(sleep, clock, random, now, clock() + deadline_seconds)
    with spool.claim(home, digest) as claimed:
        if not claimed:
            message = "Another homecheck on this computer is sending it."
            return Delivery(enrolment.program, "waiting", digest, message=message, advice="Wait for it to finish.")
        return _Sending(home, enrolment, signer, http, terms, digest).run()


def deliver_waiting(
    home: Home,
    http: Http,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[], float] = random_module.random,
    deadline_seconds: float = DEADLINE_SECONDS,
    now: Callable[[], datetime] = utc_now,
) -> tuple[Delivery, ...]:
    """Send everything that waits, oldest first, and return what became of each; none blocks the others.

    All share one deadline, and a collector that did not answer once is not asked again.
    """
    known = read_enrolments(home)
    end = clock() + deadline_seconds
    silent: dict[str, Delivery] = {}
    deliveries = []
    for one in spool.waiting(home):
        try:
            found = _enrolment_for(home, one, known.good)
            if found is None and (damage := _damage(home, one.digest)):
                spool.set_aside(home, one.digest, damage, now())
                delivery = Delivery(one.program, "refused", one.digest, message=damage, advice=_DAMAGED)
            elif found is None and (damaged := _damaged_for(one, known)) is not None:
                delivery = Delivery(
                    damaged.program, "waiting", one.digest, message=damaged.message, advice=damaged.advice
                )
                spool.note_error(home, one.digest, damaged.message, damaged.advice)
            elif found is None:
                reason = "This computer is no longer enrolled in the program that it was made for."
                spool.set_aside(home, one.digest, reason, now())
                delivery = Delivery(one.program, "refused", one.digest, message=reason, advice="It cannot be sent.")
            elif found.collector in silent:
                before = silent[found.collector]
                delivery = replace(before, program=found.program, envelope=one.digest)
                spool.note_error(home, one.digest, before.message, before.advice)
            else:
                signer = read_key(home.keys / f"{_claimed_kid(home, one) or found.kid}.jwk")
                seconds = max(0.0, end - clock())
                delivery = deliver(home, found, signer, one.digest, http, sleep, clock, random, seconds, now)
                if delivery.silent:
                    silent[found.collector] = delivery
        except HomecheckError as error:
            delivery = Delivery(one.program, "waiting", one.digest, message=error.message, advice=error.advice)
        deliveries.append(delivery)
    for enrolment in known.good:
        with suppress(HomecheckError):  # the next time will do; what has become of the results must be told now
            forget_retired(home, enrolment)  # keys that were kept for what has just been sent
    return tuple(deliveries)


def stored_receipts(home: Home, enrolments: tuple[Enrolment, ...]) -> tuple[tuple[Receipt, str], ...]:
    """Return the receipts kept here that verify under a pinned key, newest first, each with its own digest."""
    keys = {kid: key for enrolment in enrolments for kid, key in enrolment.keys.items()}
    found = []
    for path in durable.files(home.receipts, ".receipt.jws"):
        envelope = "sha256:" + path.name.removesuffix(".receipt.jws")
        signed = durable.read(path) or b""
        try:
            found.append((verify_receipt(signed, envelope, keys.get), signing.digest(signed)))
        except Refused:
            continue  # of a program that was left, or damaged: not shown as a receipt
    return tuple(sorted(found, key=lambda pair: pair[0].received_at, reverse=True))


@dataclass
class _Sending:
    """One envelope on its way; `digest` changes when it has to be signed again."""

    home: Home
    enrolment: Enrolment
    signer: Signer
    http: Http
    terms: Terms
    digest: str
    signed_again: int = 0

    def run(self) -> Delivery:
        """Try until there is a receipt, a refusal, or no time left."""
        try:
            envelope, evidence = self._read()
        except Refused as error:
            return self._finish(_Stop("refused", f"The stored result is damaged: {error.message}", _DAMAGED))
        if envelope is None or evidence is None:
            return self._sent_by_another()
        if (pause := self._asked_pause()) is not None:
            return self._finish(pause)
        attempt = 0
        while True:
            # 1. One attempt.
            outcome = self._attempt(envelope, evidence)
            if isinstance(outcome, tuple):
                envelope, evidence = outcome
                continue
            if not isinstance(outcome, _Wait):
                return outcome if isinstance(outcome, Delivery) else self._finish(outcome)
            # 2. A pause, if there is time for it and for another attempt.
            pause_seconds = outcome.seconds + self.terms.random() * backoff_ceiling(attempt)
            attempt += 1
            if pause_seconds + MIN_ATTEMPT_SECONDS > self.terms.left():
                until = self.terms.now() + timedelta(seconds=pause_seconds) if outcome.asked else None
                return self._finish(_Stop("waiting", outcome.message, outcome.advice, until, silent=True))
            self.terms.sleep(pause_seconds)

    def _read(self) -> tuple[bytes | None, Evidence | None]:
        envelope = spool.read_envelope(self.home, self.digest)
        if envelope is None:
            return None, None
        key = self.signer.public
        return envelope, Evidence.from_bytes(verify(envelope, EVIDENCE, {key.kid: key}.get))

    def _sent_by_another(self) -> Delivery:
        """Return what the receipt says that another process has stored; StateError when there is none."""
        for receipt, name in stored_receipts(self.home, (self.enrolment,)):
            if receipt.envelope == self.digest:
                message = f"{self.enrolment.collector_name} has received it."
                return Delivery(self.enrolment.program, "accepted", self.digest, name, receipt, message)
        path = spool.envelope_path(self.home, self.digest)
        raise StateError(f"{path}: this result is not here any more", "Run a new check: homecheck check")

    def _asked_pause(self) -> _Stop | None:
        """Return a stop when the collector asked us to stay away for longer than there is time; else sleep it off."""
        notes = spool.read_notes(self.home, self.digest)
        if notes.not_before is None:
            return None
        seconds = (notes.not_before - self.terms.now()).total_seconds()
        # A pause that is longer than any collector may ask for comes from a clock that was set back.
        if not 0 < seconds <= RETRY_AFTER_CAP_SECONDS + BACKOFF_CAP_SECONDS:
            return None
        if seconds + MIN_ATTEMPT_SECONDS > self.terms.left():
            return _Stop("waiting", notes.error, notes.advice, notes.not_before, silent=True)
        self.terms.sleep(seconds)
        return None

    def _attempt(self, envelope: bytes, evidence: Evidence) -> Delivery | _Stop | _Wait | tuple[bytes, Evidence]:
        seconds = min(REQUEST_SECONDS, self.terms.left())
        if seconds < MIN_ATTEMPT_SECONDS:
            return _Stop("waiting", "There was no time left to send it.", _KEPT, silent=True)
        url = f"{self.enrolment.collector}/v1/evidence/{evidence.id}"
        try:
            answer = exchange(self.http, "PUT", url, body=envelope, content_type=JOSE, seconds=seconds)
        except NoAnswer as error:
            return _Wait(0.0, error.message, f"{error.advice} {_KEPT}")
        if answer.status in (200, 201):
            return self._accept(answer, envelope, evidence)
        problem = answer.problem()
        if answer.status == 401 and problem.nonce and self.signed_again < MAX_SIGNED_AGAIN:
            return self._sign_again(evidence, problem.nonce)
        if answer.status == 409 and (receipt := self._delivered_before(evidence.id)):
            return self._finish_superseded(receipt)
        outcome = judge(answer, self._host, self.terms.now())
        if isinstance(outcome, _Stop) and outcome.status == "refused":
            with suppress(StateError):  # it is set aside all the same
                rechecks.note_refusal(self.home, self.enrolment.program, evidence.id)
        return outcome

    def _accept(self, answer: Answer, envelope: bytes, evidence: Evidence) -> Delivery | _Stop:
        """Store evidence and receipt, then forget the spooled file; the receipt must be about this very evidence."""
        try:
            receipt = verify_receipt(answer.body, self.digest, self.enrolment.keys.get)
            expected = (evidence.id, self.enrolment.program_id, self.enrolment.collector)
            if (receipt.evidence_id, receipt.program, receipt.issuer) != expected:
                raise Refused("other-evidence", "it speaks of other evidence, another program or another collector")
        except Refused as error:
            message = (
                f"{self._host} answered {answer.status}, but sent no receipt that counts "
                f"({error.reason}: {one_line(error.message)})."
            )
            return _Stop("waiting", message, f"It counts as not delivered. {_TELL}")
        digits = self.digest.removeprefix("sha256:")
        durable.write(self.home.receipts / f"{digits}.jws", envelope)
        durable.write(self.home.receipts / f"{digits}.receipt.jws", answer.body)
        self._note_received(receipt)
        spool.remove(self.home, self.digest)
        message = f"{self.enrolment.collector_name} has received it."
        name = signing.digest(answer.body)
        return Delivery(
            self.enrolment.program, "accepted", self.digest, name, receipt, message, log=self._watch(receipt)
        )

    def _watch(self, receipt: Receipt) -> Watch | None:
        """Compare the log with what was seen of it before; the delivery is over, whatever comes of it."""
        seconds = max(MIN_ATTEMPT_SECONDS, min(REQUEST_SECONDS, self.terms.left()))
        return watch(self.home, self.enrolment, receipt, self.http, seconds)

    def _sign_again(self, evidence: Evidence, nonce: str) -> tuple[bytes, Evidence]:
        """Sign the same runs with a fresh challenge. The new bytes are on disk before the old ones are forgotten."""
        self.signed_again += 1
        fresh = replace(evidence, nonce=nonce, iat=int(self.terms.now().timestamp()))
        envelope = sign(fresh.to_bytes(), EVIDENCE, self.signer)
        notes = spool.read_notes(self.home, self.digest)
        old, self.digest = self.digest, spool.put(self.home, envelope, self.enrolment.program, self.terms.now())
        spool.write_notes(self.home, self.digest, replace(notes, program=self.enrolment.program))
        if old != self.digest:
            spool.remove(self.home, old)
        return envelope, fresh

    def _delivered_before(self, evidence_id: str) -> Receipt | None:
        """Return the receipt for this evidence in other bytes: a crash came before the old ones were removed."""
        receipts = (receipt for receipt, _ in stored_receipts(self.home, (self.enrolment,)))
        return next((receipt for receipt in receipts if receipt.evidence_id == evidence_id), None)

    def _note_received(self, receipt: Receipt) -> None:
        with suppress(StateError):  # the receipt is kept: what re-checks tell of it is worth less than that
            rechecks.note_receipt(self.home, self.enrolment.program, receipt.evidence_id, receipt.result.verdict.word)

    def _finish_superseded(self, receipt: Receipt) -> Delivery:
        self._note_received(receipt)
        spool.remove(self.home, self.digest)
        message = "It had been delivered before, signed with a newer challenge."
        return Delivery(self.enrolment.program, "accepted", self.digest, message=message)

    def _finish(self, stop: _Stop) -> Delivery:
        if stop.status == "refused":
            spool.set_aside(self.home, self.digest, stop.message, self.terms.now())
        else:
            spool.note_attempt(self.home, self.digest, stop.message, stop.advice, stop.not_before)
        return Delivery(
            self.enrolment.program,
            stop.status,
            self.digest,
            message=stop.message,
            advice=stop.advice,
            silent=stop.silent,
        )

    @property
    def _host(self) -> str:
        return urlsplit(self.enrolment.collector).netloc


def judge(answer: Answer, host: str, now: datetime) -> _Stop | _Wait:
    """Return what an answer without a receipt means: the table at the head of this file."""
    status, problem = answer.status, answer.problem()
    said = f"{problem.detail} ({problem.reason})" if problem.reason else problem.detail
    if status == 409:
        message = f"{host} holds other results under the same number: {said}."
        return _Stop("refused", message, f"Somebody may have copied this computer's key. {_TELL}")
    if problem.reason in ENDED:
        return _Stop(
            "refused", f"{host} does not take results under this computer's key any more: {said}.", problem.advice
        )
    if status in (413, 415, 422):
        return _Stop("refused", f"{host} does not accept these results: {said}.", problem.advice or _TELL)
    if status in (429, 503):
        asked = retry_after_seconds(answer.headers.get("retry-after", ""), now)
        return _Wait(asked, f"{host} is busy and asks to wait: {said}.", _KEPT, asked=asked > 0)
    if status >= 500:
        return _Wait(0.0, f"{host} has trouble of its own: {said}.", _KEPT)
    if 300 <= status < 400:
        message = f"{host} sends us elsewhere (HTTP status {status}), which results never follow."
        advice = f"A sign-in page of this network may be in the way: open any web site to see. {_KEPT}"
        return _Stop("waiting", message, advice)
    if status < 300:
        message = f"{host} answered {status} without a receipt; it counts as not delivered."
        return _Stop("waiting", message, _TELL)
    return _Stop("waiting", f"{host} does not take these results now: {said}.", problem.advice or _TELL)


def backoff_ceiling(attempt: int) -> float:
    """Return the longest pause after the attempt number `attempt` (from 0), in seconds."""
    return min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0 ** min(attempt, 30))


def retry_after_seconds(value: str, now: datetime) -> float:
    """Return the seconds that Retry-After asks for (RFC 9110 10.2.3: number or date), at most one hour, at least 0."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(RETRY_AFTER_CAP_SECONDS, float(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year of twenty digits
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(RETRY_AFTER_CAP_SECONDS, max(0.0, (moment - now).total_seconds()))


def _enrolment_for(home: Home, one: spool.Waiting, enrolments: tuple[Enrolment, ...]) -> Enrolment | None:
    """Return the enrolment that an envelope belongs to: by its key, else by the program in its notes."""
    kid = _claimed_kid(home, one)
    by_key = next((found for found in enrolments if kid in (found.kid, *found.retired)), None)
    return by_key or next((found for found in enrolments if found.program == one.program), None)


def _damage(home: Home, digest: str) -> str:
    """Return why a stored envelope is none any more; empty for a good one, and for one that is gone by now."""
    try:
        envelope = spool.read_envelope(home, digest)
        if envelope is not None:
            unverified_header(envelope)
    except Refused as error:
        return f"The stored result is damaged: {error.message}"
    return ""


def _damaged_for(one: spool.Waiting, known: Enrolments) -> Damaged | None:
    """Return the damaged enrolment that an envelope may belong to: it waits until that is mended."""
    by_name = next((found for found in known.damaged if found.program == one.program), None)
    return by_name or (known.damaged[0] if known.damaged and not one.program else None)


def _claimed_kid(home: Home, one: spool.Waiting) -> str | None:
    """Return the key that an envelope names, None when it is damaged or its key is not here."""
    try:
        envelope = spool.read_envelope(home, one.digest)
        kid = unverified_header(envelope)["kid"] if envelope else None
        if kid and any(path.stem == kid for path in durable.files(home.keys, ".jwk")):
            return kid
    except (Refused, KeyStoreError):
        return None
    return None
