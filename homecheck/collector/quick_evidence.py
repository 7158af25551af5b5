"""Evidence that is written as the agent writes it, read in a third of the time: a collector reads thousands a second.

msgspec decodes it into the schema below and writes it again. Only what comes out as the same bytes is taken from there:
no member stands twice, is missing or is not known, and nothing is spelt in another way. Everything else, and so
everything that is refused, goes through `Evidence.from_bytes`, which says what is wrong. A test holds the two against
each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from homecheck.evidence import (
    MAX_OBSERVATION,
    MAX_OBSERVATIONS,
    VERSION,
    Declaration,
    Device,
    Evidence,
    ProbeRun,
    Software,
    quantity_of,
)
from homecheck.measurement import MAX_TEXT, Cause, Failure, Kind, Measurement, Quantity
from homecheck.signing import Verified
from homecheck.standards.rfc_3339 import from_text
from homecheck.strict_json import MAX_INTEGER

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Whole = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Spread = Annotated[int, Meta(ge=0, le=MAX_INTEGER)] | Annotated[float, Meta(ge=0)]
NUL: Final = b"\\u0000"  # the one spelling of it; no text may hold one


class _Failure(Struct, forbid_unknown_fields=True, gc=False):
    code: Text
    at_fault: Text
    message: Text
    advice: Text


class _Cause(Struct, forbid_unknown_fields=True, gc=False):
    at_fault: Text | None
    sentence: Text


class _Measurement(Struct, forbid_unknown_fields=True):
    quantity: Text
    kind: Text
    value: Whole | float | Text | bool | None
    unit: Text
    uncertainty: Spread | None
    method: Text
    failure: _Failure | None
    cause: _Cause | None
    details: dict[str, Whole | float | Text | bool | None]


class _Run(Struct, forbid_unknown_fields=True):
    probe: Text
    version: Text
    started_at: Text
    seconds: Whole | float
    measurements: list[_Measurement]


class _Device(Struct, forbid_unknown_fields=True, gc=False):
    kid: Text
    store: Text


class _Software(Struct, forbid_unknown_fields=True, gc=False):
    name: Text
    version: Text
    python: Text
    system: Text


class _Declaration(Struct, forbid_unknown_fields=True, gc=False):
    id: Text
    answer: bool


class _Evidence(Struct, forbid_unknown_fields=True):
    v: int
    id: Text
    aud: Text | None
    iat: Count
    nonce: Text | None
    seq: Count
    sub: Text | None
    device: _Device
    started_at: Text
    finished_at: Text
    software: _Software
    runs: list[_Run]
    declarations: list[_Declaration]
    observations: Annotated[list[Annotated[str, Meta(max_length=MAX_OBSERVATION)]], Meta(max_length=MAX_OBSERVATIONS)]


_decode: Final = msgspec.json.Decoder(_Evidence).decode
_encode: Final = msgspec.json.Encoder().encode


def read_evidence(payload: Verified) -> Evidence:
    """Return the evidence in `payload`; Refused with the reason ``schema`` for anything but this schema."""
    return _read(payload) or Evidence.from_bytes(payload)


def _read(payload: bytes) -> Evidence | None:
    """Return the evidence where it is written as usual; None for anything that somebody has to look at closely."""
    try:
        found = _decode(payload)
        if found.v != VERSION or NUL in payload or _encode(found) != payload:
            return None
        return _evidence(found)
    except ValueError:  # of msgspec, and of everything that is built only when it is right
        return None


def _evidence(found: _Evidence) -> Evidence:
    software = found.software
    return Evidence(
        id=found.id,
        aud=found.aud,
        iat=found.iat,
        nonce=found.nonce,
        seq=found.seq,
        sub=found.sub,
        device=Device(found.device.kid, found.device.store),
        started_at=from_text(found.started_at),
        finished_at=from_text(found.finished_at),
        software=Software(software.name, software.version, software.python, software.system),
        runs=tuple([_run(run) for run in found.runs]),
        declarations=tuple([Declaration(one.id, one.answer) for one in found.declarations]),
        observations=tuple(found.observations),
    )


def _run(run: _Run) -> ProbeRun:
    """Return a run, past its own look for quantities that stand twice: Evidence looks for those in all its runs."""
    measurements = tuple([_measurement(one) for one in run.measurements])
    made = _new(ProbeRun)
    _set(made, "__dict__", {
        "probe": run.probe, "version": run.version, "started_at": from_text(run.started_at), "seconds": run.seconds,
        "measurements": measurements,
    })  # fmt: skip
    return made


def _measurement(found: _Measurement) -> Measurement:
    """Return a measurement, built in one stride where the schema has left only value and kind to be compared.

    ValueError where the two do not fit, or there is more to look at and that is wrong.
    """
    quantity, types = _known(found.quantity, found.unit, found.method, found.kind)
    value, uncertainty, failure, cause = found.value, found.uncertainty, found.failure, found.cause
    if failure is not None or cause is not None:
        return Measurement(quantity, value, uncertainty, _failure(failure), found.details, (), _cause(cause))
    if type(value) not in types or (uncertainty is None) is (types is _NUMBERS):
        raise ValueError(f"{quantity.name}: value and uncertainty are not of its kind")
    made = _new(Measurement)
    _set(made, "__dict__", {
        "quantity": quantity, "value": value, "uncertainty": uncertainty, "failure": None, "details": found.details,
        "earlier": (), "cause": None, "bound": None,
    })  # fmt: skip
    return made


# Past Measurement's own look at what was looked at already.
_new: Final = object.__new__
_set: Final = object.__setattr__
_NUMBERS: Final = (float, int)
_TYPES: Final[dict[Kind, tuple[type, ...]]] = {Kind.NUMBER: _NUMBERS, Kind.TEXT: (str,), Kind.YES_NO: (bool,)}


@lru_cache(maxsize=2_048)  # every home office measures the same ones
def _known(name: str, unit: str, method: str, kind: str) -> tuple[Quantity, tuple[type, ...]]:
    """Return a quantity, and of which types its value may be."""
    quantity = quantity_of(name, unit, method, kind)
    return quantity, _TYPES[quantity.kind]


def _failure(found: _Failure | None) -> Failure | None:
    # Failure and Cause refuse a word that is none of AtFault.
    return None if found is None else Failure(found.code, _word(found.at_fault), found.message, found.advice)


def _cause(found: _Cause | None) -> Cause | None:
    return None if found is None else Cause(_word(found.at_fault), found.sentence)


def _word(text: str | None) -> Any:
    return text
