"""Calls with a code: a device asks for one, an operator or a telephone system places it, the device hands in the code.

The code is not stored. It follows from the collector's secret, the id of the call-back (128 random bits), the person
and the check's challenge, so a stolen database tells none, and it is told to operators only while its call-back is
open: a quarter of an hour, three answers. Six digits can be guessed three times in a million then; the number of calls
a day is bounded, and all attempts used up leave an event.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from homecheck.callback import DIGITS, QUANTITY, Confirmation, Heard, Request, Result, verify_confirmation
from homecheck.collector import challenge
from homecheck.collector.context import Collector
from homecheck.collector.devices import check_counts, find_device
from homecheck.collector.problems import Problem, retry_later
from homecheck.collector.store import callbacks as store
from homecheck.collector.store import events, people, programs
from homecheck.collector.store.callbacks import Callback
from homecheck.collector.store.database import Connection
from homecheck.collector.store.events import Event
from homecheck.collector.store.people import Device
from homecheck.errors import Refused
from homecheck.signing import CALLBACK, CALLBACK_ANSWER, CALLBACK_REQUEST, PublicKey, Verified, verify

LIFE: Final = timedelta(minutes=15)
ATTEMPTS: Final = 3
MOST_A_DAY: Final = 10  # calls to one person: nobody is to be rung up all day, nor a code to be guessed at leisure
DAY: Final = timedelta(hours=24)
ID_BYTES: Final = 16
# A check in which somebody reads aloud and answers a telephone takes longer than a challenge lives.
BEFORE: Final = timedelta(minutes=10)  # that a challenge may have ended ago when its check asks for a call
AFTER: Final = timedelta(minutes=10)  # that evidence may come after its code has ended


def code(secret: bytes, one: Callback) -> str:
    """Return the digits to be played: a decimal number from a keyed hash, as in RFC 4226 but without its counter."""
    key = hmac.digest(secret, b"homecheck call-back code", "sha256")  # the challenges' secret signs nothing else
    about = "\0".join((one.id, one.person.id, one.nonce))
    # 64 bits over a million: no digit is likelier than another by more than 1 in 10^13.
    number = int.from_bytes(hmac.digest(key, about.encode("utf-8"), "sha256")[:8], "big")
    return f"{number % 10**DIGITS:0{DIGITS}d}"


@dataclass(frozen=True)
class Asked:
    """A request whose signature, address and challenge are good."""

    device: Device
    nonce: str


def read_request(collector: Collector, db: Connection, envelope: bytes) -> Asked:
    """Return the request for a call. Refused or Problem for one that nobody may make."""
    device, payload = _verified(collector, db, envelope, CALLBACK_REQUEST)
    request = Request.from_bytes(payload)
    _check_audience(collector, request.aud)
    try:
        challenge.check(collector.keys.challenge_secret, device.key.kid, request.nonce, collector.clock() - BEFORE)
    except Refused as error:  # no fresh one comes with it: the check under way goes on with its own
        raise Problem("stale-nonce", error.message, advice="Run the check again.") from None
    return Asked(device, request.nonce)


def ask(db: Connection, asked: Asked, *, now: datetime) -> tuple[Callback, bool]:
    """Promise a call, inside a transaction, and tell whether it is a new one. Problem where none can be promised.

    The same check again gets the same promise, in case the answer was lost.
    """
    person = asked.device.person
    if (known := store.of_nonce(db, asked.device.key.kid, asked.nonce)) is not None:
        if not known.is_open(now):
            raise Problem("callback-over", "the call-back of this check is over")
        return known, False
    if QUANTITY not in programs.get(db, person.program).policy.quantities():
        raise Problem("callback-not-asked", "the policy of this program asks for no call-back")
    phone = people.phone(db, person.id)
    if phone is None:
        raise Problem("no-number", f"no telephone number of {person.name} is on file")
    earlier = store.requested_before(db, person.id, MOST_A_DAY)
    if earlier is not None and timedelta(0) <= now - earlier < DAY:
        wait = int((earlier + DAY - now).total_seconds()) + 1
        raise retry_later("slow-down", f"{MOST_A_DAY} calls were asked for within {DAY.days} day", wait)
    callback_id = secrets.token_hex(ID_BYTES)  # never begins with a hyphen: operators give it to commands
    one = Callback(callback_id, asked.device.key.kid, person, asked.nonce, phone, now, now + LIFE)
    store.add(db, one)
    return one, True


def read_answer(collector: Collector, db: Connection, callback_id: str, envelope: bytes) -> tuple[Device, Heard]:
    """Return who hands in which digits. Refused or Problem for what nobody may hand in."""
    device, payload = _verified(collector, db, envelope, CALLBACK_ANSWER)
    heard = Heard.from_bytes(payload)
    _check_audience(collector, heard.aud)
    if heard.id != callback_id:
        raise Problem("callback-unknown", "the document names another call-back than the address")
    return device, heard


def answer(
    db: Connection, device: Device, heard: Heard, *, secret: bytes, now: datetime, source_address: str
) -> Callback:
    """Compare the digits and return what became of the call-back, inside a transaction.

    Problem for a call-back that is over, or is not of this device and this check. The right digits again get the same
    answer, in case it was lost; that tells nobody anything new.
    """
    one = store.find(db, heard.id)
    if one is None or one.kid != device.key.kid or one.nonce != heard.nonce:
        raise Problem("callback-unknown", "there is no such call-back of this device and this check")
    right = hmac.compare_digest(code(secret, one), heard.digits)
    if one.state == "no" or (one.state == "yes" and right):
        return one
    if one.state != "pending":
        why = "another one was asked for since" if one.state == "replaced" else "it was answered before"
        raise Problem("callback-over", f"this call-back is over: {why}")
    if now >= one.expires_at:
        raise Problem("callback-over", f"this code ended at {one.expires_at:%H:%M} UTC")
    attempts = one.attempts + 1
    outcome: Literal["pending", "yes", "no"] = "yes" if right else "no" if attempts == ATTEMPTS else "pending"
    done = replace(one, attempts=attempts, state=outcome, answered_at=None if outcome == "pending" else now)
    store.update(db, done)
    if outcome == "no":
        _note_used_up(db, done, now, source_address)
    return done


def confirmation(collector: Collector, one: Callback) -> bytes | None:
    """Return the signed outcome of a call-back; None while it has none."""
    if one.answered_at is None:
        return None
    said = Confirmation(
        issuer=collector.url,
        id=one.id,
        program=one.person.program,
        subject=one.person.id,
        device=one.kid,
        nonce=one.nonce,
        result=cast(Result, one.state),
        attempts=one.attempts,
        answered_at=one.answered_at,
    )
    return collector.sign(said.to_bytes(), CALLBACK)


def alive_at(one: Callback | None, now: datetime) -> datetime:
    """Return the moment at which a check's challenge has to have been alive for its evidence to be taken `now`.

    That is now; for a check that has asked for the call `one` it is when it asked, until a while after its code has
    ended.
    """
    return now if one is None or now >= one.expires_at + AFTER else one.requested_at - BEFORE


def check_confirmation(collector: Collector, db: Connection, envelope: str, nonce: str | None, kid: str) -> str:
    """Return what is wrong with a confirmation in evidence; empty when it is ours, of this check, and on record."""
    try:
        found = verify_confirmation(envelope, nonce, kid, collector.public_keys().get)
    except Refused as error:
        return error.message
    one = store.find(db, found.id)
    if one is None or (one.kid, one.nonce, one.state) != (found.device, found.nonce, found.result):
        return "it is signed with our key, but our own record says otherwise"
    return ""


def _verified(collector: Collector, db: Connection, envelope: bytes, typ: str) -> tuple[Device, Verified]:
    found: list[Device] = []

    def key(kid: str) -> PublicKey:
        found.append(find_device(db, kid))
        return found[0].key

    payload = verify(envelope, typ, key)
    check_counts(found[0], collector.clock())
    return found[0], payload


def _check_audience(collector: Collector, aud: str) -> None:
    if aud != collector.url:
        raise Problem("wrong-audience", f"this is meant for {aud!r:.100}, this collector is {collector.url}")


def _note_used_up(db: Connection, one: Callback, now: datetime, source_address: str) -> None:
    detail = f"{ATTEMPTS} wrong codes for the call to {one.person.name}"
    who = one.person
    events.add(db, Event(now, "callback-used-up", True, one.kid, source_address, one.id, detail, who.program, who.id))
