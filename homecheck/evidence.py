"""Evidence: all that one check measured, without a verdict. One serializer, one parser.

`Evidence.to_bytes` is called once; what it returns is signed, kept and sent as it is. `Evidence.from_bytes` takes
`Verified` bytes only, so that the type checker refuses to read what nobody has verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from types import NoneType
from typing import Any, Final, cast

from homecheck.callback import QUANTITY as CALLBACK_QUANTITY
from homecheck.callback import is_confirmation
from homecheck.errors import AtFault, Refused
from homecheck.measurement import (
    EARLIER,
    Bound,
    Cause,
    Failure,
    Kind,
    Level,
    Measurement,
    Quantity,
    check_text,
    refuse_twice,
)
from homecheck.signing import Verified
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.standards.rfc_9562 import is_uuid7
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
OBSERVED: Final = "network."  # the quantities that observations speak of
MAX_OBSERVATION: Final = 65_536  # characters of one signed observation
MAX_OBSERVATIONS: Final = 32  # each costs the collector a signature check and a row


@dataclass(frozen=True)
class ProbeRun:
    """One run of one probe: every quantity that it declares appears once, measured or failed."""

    probe: str
    version: str
    started_at: datetime
    seconds: float
    measurements: tuple[Measurement, ...]

    def __post_init__(self) -> None:
        names = [measurement.quantity.name for measurement in self.measurements]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.probe}: a quantity stands twice in {', '.join(names)}")


@dataclass(frozen=True)
class Software:
    """What claims to have measured: program, version, Python and operating system."""

    name: str
    version: str
    python: str
    system: str


@dataclass(frozen=True)
class Device:
    """The device key's name (RFC 7638 thumbprint) and where its private half lives: file, keyring or tpm."""

    kid: str
    store: str


@dataclass(frozen=True)
class Declaration:
    """What the person says and nobody can measure."""

    id: str
    answer: bool


@dataclass(frozen=True)
class Evidence:
    """All that one check measured.

    `aud` is the address of the collector it is meant for and `sub` the person as the collector named them; both are
    None in a private check. `nonce` is the collector's challenge, None when the check was made offline. `iat` is the
    device's clock in Unix seconds, `seq` counts up per device key.
    """

    id: str
    aud: str | None
    iat: int
    nonce: str | None
    seq: int
    sub: str | None
    device: Device
    started_at: datetime
    finished_at: datetime
    software: Software
    runs: tuple[ProbeRun, ...]
    declarations: tuple[Declaration, ...] = ()
    observations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not is_uuid7(self.id):
            raise ValueError(f"{self.id!r:.60} is no UUIDv7")
        if len(self.by_quantity) != sum(len(run.measurements) for run in self.runs):
            refuse_twice("quantity", (measurement.quantity.name for measurement in self.measurements()))
        refuse_twice("declaration", (declaration.id for declaration in self.declarations))

    @cached_property  # every reader looks for quantities by their names
    def by_quantity(self) -> Mapping[str, Measurement]:
        """The measurements of all runs by the names of their quantities, each of which stands once."""
        return {found.quantity.name: found for run in self.runs for found in run.measurements}

    def measurements(self) -> Iterable[Measurement]:
        """Return the measurements of all runs."""
        return (measurement for run in self.runs for measurement in run.measurements)

    def only(self, names: Iterable[str]) -> Evidence:
        """Return the same evidence with the quantities called `names` alone: nobody gets more than they ask for.

        A quantity's earlier levels stay where its name with `EARLIER` behind it is among them.
        """
        wanted = set(names)
        runs = (
            replace(
                run,
                measurements=tuple(
                    _as_asked(found, wanted) for found in run.measurements if found.quantity.name in wanted
                ),
            )
            for run in self.runs
        )
        declared = tuple(found for found in self.declarations if f"declaration.{found.id}" in wanted)
        observed = tuple(found for found in self.observations if _speaks_of(found, wanted))
        return replace(
            self, runs=tuple(run for run in runs if run.measurements), declarations=declared, observations=observed
        )

    def to_bytes(self) -> bytes:
        """Return the evidence as JSON: the payload to sign."""
        return serialize(
            {
                "v": VERSION,
                "id": self.id,
                "aud": self.aud,
                "iat": self.iat,
                "nonce": self.nonce,
                "seq": self.seq,
                "sub": self.sub,
                "device": {"kid": self.device.kid, "store": self.device.store},
                "started_at": to_text(self.started_at),
                "finished_at": to_text(self.finished_at),
                "software": vars(self.software),
                "runs": [run_members(run) for run in self.runs],
                "declarations": [vars(declaration) for declaration in self.declarations],
                "observations": list(self.observations),
            }
        )

    @classmethod
    def from_bytes(cls, payload: Verified) -> Evidence:
        """Return the evidence in `payload`; Refused with the reason ``schema`` for anything but this schema."""
        record = Record(parse_object(payload), "evidence")
        if record.integer("v") != VERSION:
            raise Refused("schema", "evidence: this version of the format is not known here; update homecheck")
        device, software = record.record("device"), record.record("software")
        try:
            evidence = cls(
                id=record.text("id"),
                aud=record.text_or_none("aud"),
                iat=record.integer("iat"),
                nonce=record.text_or_none("nonce"),
                seq=record.integer("seq"),
                sub=record.text_or_none("sub"),
                device=Device(device.text("kid"), device.text("store")),
                started_at=from_text(record.text("started_at")),
                finished_at=from_text(record.text("finished_at")),
                software=Software(*(software.text(name) for name in ("name", "version", "python", "system"))),
                runs=tuple(read_run(run) for run in record.records("runs")),
                declarations=tuple(_read_declaration(found) for found in record.records("declarations")),
                observations=_read_observations(record),
            )
        except ValueError as error:
            raise Refused("schema", f"evidence: {error}") from None
        for part in (record, device, software):
            part.done()
        return evidence


def is_observed(names: Iterable[str]) -> bool:
    """Tell whether what the far end saw itself goes along with the quantities called `names`."""
    return any(name.startswith(OBSERVED) for name in names)


def _speaks_of(observation: str, wanted: set[str]) -> bool:
    """Tell whether a signed statement of the other side goes to those who ask for `wanted`."""
    return CALLBACK_QUANTITY in wanted if is_confirmation(observation) else is_observed(wanted)


def measurement_members(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement's members as they stand in evidence and in ``check --output json``."""
    failure = measurement.failure
    earlier = [[level.at, level.value, level.uncertainty] for level in measurement.earlier]
    return {
        "value": measurement.value,
        "unit": measurement.quantity.unit,
        "uncertainty": measurement.uncertainty,
        "method": measurement.quantity.method,
        "failure": None if failure is None else vars(failure),
        "cause": None if measurement.cause is None else vars(measurement.cause),
        "details": dict(measurement.details),
        **({"earlier": earlier} if earlier else {}),
        **({"bound": measurement.bound} if measurement.bound else {}),
    }


def _as_asked(measurement: Measurement, wanted: set[str]) -> Measurement:
    return measurement if measurement.quantity.name + EARLIER in wanted else replace(measurement, earlier=())


def run_members(run: ProbeRun) -> dict[str, Any]:
    """Return a run's members as they stand in evidence."""
    return {
        "probe": run.probe,
        "version": run.version,
        "started_at": to_text(run.started_at),
        "seconds": run.seconds,
        "measurements": [
            {"quantity": found.quantity.name, "kind": found.quantity.kind.value, **measurement_members(found)}
            for found in run.measurements
        ],
    }


def read_run(record: Record) -> ProbeRun:
    """Return the run that `record` holds; Refused or ValueError when it is none."""
    run = ProbeRun(
        probe=record.text("probe"),
        version=record.text("version"),
        started_at=from_text(record.text("started_at")),
        seconds=record.number("seconds"),
        measurements=tuple(
            _read_ordinary(found) or _read_measurement(record.inner("measurements", at, found))
            for at, found in enumerate(record.values("measurements"))
        ),
    )
    record.done()
    return run


def _read_ordinary(members: Any) -> Measurement | None:
    """Read a measurement that has a value and nothing out of the ordinary; None for any other, or one with a defect.

    Nearly all are like this, and a collector reads thousands a second. `_read_measurement` reads the same from these,
    as a test shows, and says what is wrong with the others.
    """
    if type(members) is not dict or members.keys() != ORDINARY:
        return None
    if members["failure"] is not None or members["cause"] is not None:
        return None
    value, uncertainty, details = members["value"], members["uncertainty"], members["details"]
    if type(value) not in _PLAIN or type(uncertainty) not in _UNCERTAIN or type(details) is not dict:
        return None
    try:
        quantity = quantity_of(members["quantity"], members["unit"], members["method"], members["kind"])
        return Measurement(quantity, value, uncertainty, details=details)
    except (ValueError, TypeError):  # the second: a name that is no text
        return None


ORDINARY: Final = frozenset(
    ("quantity", "kind", "value", "unit", "uncertainty", "method", "failure", "cause", "details")
)
_PLAIN: Final = frozenset((str, int, float, bool))
_UNCERTAIN: Final = frozenset((int, float, NoneType))


@lru_cache(maxsize=2_048)  # every home office measures the same ones
def quantity_of(name: str, unit: str, method: str, kind: str) -> Quantity:
    """Return the quantity that these texts describe; ValueError for none."""
    for text in (name, unit, method, kind):
        check_text(text, "quantity")
    return Quantity(name, unit, method, Kind(kind))


def _read_measurement(record: Record) -> Measurement:
    quantity = Quantity(record.text("quantity"), record.text("unit"), record.text("method"), Kind(record.text("kind")))
    measurement = Measurement(
        quantity,
        value=record.scalar("value"),
        uncertainty=record.number_or_none("uncertainty"),
        failure=_read_failure(record),
        details=record.members("details"),
        cause=read_cause(record),
        # What is no time or no number is refused by Measurement itself.
        earlier=tuple(Level(*cast("tuple[int, float, float]", row)) for row in record.rows("earlier", 3)),
        bound=cast("Bound | None", record.text("bound")) if record.has("bound") else None,  # refused there as well
    )
    record.done()
    return measurement


def read_cause(record: Record) -> Cause | None:
    """Return the member ``cause`` of a measurement or finding; Refused or ValueError when it is none."""
    if record.is_null("cause"):
        return None
    cause = record.record("cause")
    # Cause itself refuses a word that is none of AtFault.
    found = Cause(cast("AtFault | None", cause.text_or_none("at_fault")), cause.text("sentence"))
    cause.done()
    return found


def _read_failure(record: Record) -> Failure | None:
    if record.is_null("failure"):
        return None
    failure = record.record("failure")
    # Failure itself refuses a word that is none of AtFault.
    found = Failure(
        failure.text("code"),
        cast(AtFault, failure.text("at_fault")),
        failure.text("message"),
        failure.text("advice"),
    )
    failure.done()
    return found


def _read_declaration(record: Record) -> Declaration:
    declaration = Declaration(record.text("id"), record.boolean("answer"))
    record.done()
    return declaration


def _read_observations(record: Record) -> tuple[str, ...]:
    observations = record.texts("observations")
    if len(observations) > MAX_OBSERVATIONS:
        raise Refused("schema", f"evidence: {len(observations)} observations, at most {MAX_OBSERVATIONS}")
    if any(len(observation) > MAX_OBSERVATION for observation in observations):
        raise Refused("schema", f"evidence: an observation is longer than {MAX_OBSERVATION} characters")
    return observations
