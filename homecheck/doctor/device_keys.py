"""What was agreed with each company, and whether the key for it can sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from homecheck.config import Home
from homecheck.doctor.diagnosis import Diagnosis, found, ok
from homecheck.doctor.troubles import ENROLMENT_DAMAGED, KEY_UNUSABLE
from homecheck.enrolment import Damaged, Enrolment, Enrolments, read_enrolments
from homecheck.errors import HomecheckError, StateError
from homecheck.key_stores import read_key

PLACES: Final = {"file": "a file", "keyring": "the system's keyring", "tpm": "the TPM"}


def known_enrolments(home: Home) -> Enrolments:
    """Return the enrolments; a folder that cannot be read is not one without any."""
    try:
        return read_enrolments(home)
    except StateError as error:
        return Enrolments((), (Damaged("", error.message, error.advice),))


def examine_keys(home: Home, enrolments: Enrolments) -> Iterator[Diagnosis]:
    """Yield for each enrolment whether its key signs; a keyring or TPM that is locked may ask its owner."""
    for one in enrolments.damaged:
        yield found(f"program {one.program}" if one.program else "programs", ENROLMENT_DAMAGED, one.message, one.advice)
    if not enrolments.good and not enrolments.damaged:
        yield ok("programs", "this computer is not enrolled anywhere yet: homecheck enroll URL, with your invitation")
    for enrolment in enrolments.good:
        yield _key(home, enrolment)


def _key(home: Home, enrolment: Enrolment) -> Diagnosis:
    subject = f"key for {enrolment.program}"
    try:
        signer = read_key(home.keys / f"{enrolment.kid}.jwk")
        signer.sign(b"homecheck doctor")  # not kept: it shows that a TPM or a keyring does its work
    except HomecheckError as error:
        return found(subject, KEY_UNUSABLE, error.message, error.advice)
    return ok(subject, f"it signs; kept in {PLACES.get(signer.store, signer.store)}")
