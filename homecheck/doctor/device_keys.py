"""What was agreed with each company, and whether the key for it can sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from homecheck import durable
from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import ENROLMENT_DAMAGED, KEY_UNUSABLE
from homecheck.enrolment import Enrolment, find
from homecheck.errors import HomecheckError, StateError
from homecheck.key_stores import read_key

PLACES: Final = {"file": "a file", "keyring": "the system's keyring", "tpm": "the TPM"}


@dataclass(frozen=True)
class Enrolments:
    """The enrolments that can be read, and what is wrong with the others."""

    good: tuple[Enrolment, ...]
    damaged: tuple[Diagnosis, ...]


def read_enrolments(home: Home) -> Enrolments:
    """Return every enrolment, each by itself: one that is damaged hides no other."""
    good: list[Enrolment] = []
    damaged = []
    try:
        names = [path.stem for path in durable.files(home.enrolments, ".json")]
    except StateError as error:  # a folder that cannot be read is not one without enrolments
        return Enrolments((), (found("programs", ENROLMENT_DAMAGED, error.message, error.advice),))
    for name in names:
        try:
            good.append(find(home, name))
        except HomecheckError as error:
            damaged.append(found(f"program {name}", ENROLMENT_DAMAGED, error.message, error.advice))
    return Enrolments(tuple(good), tuple(damaged))


def examine_keys(home: Home, enrolments: Enrolments) -> Iterator[Diagnosis]:
    """Yield for each enrolment whether its key signs; a keyring or TPM that is locked may ask its owner."""
    yield from enrolments.damaged
    if not enrolments.good and not enrolments.damaged:
        yield ok("programs", "this computer is not enrolled anywhere yet: homecheck enroll URL, with your invitation")
    for one in enrolments.good:
        yield _key(home, one)


def _key(home: Home, enrolment: Enrolment) -> Diagnosis:
    subject = f"key for {enrolment.program}"
    try:
        signer = read_key(home.keys / f"{enrolment.kid}.jwk")
        signer.sign(b"homecheck doctor")  # not kept: it shows that a TPM or a keyring does its work
    except HomecheckError as error:
        return found(subject, KEY_UNUSABLE, error.message, error.advice)
    return ok(subject, f"it signs; kept in {PLACES.get(signer.store, signer.store)}")
