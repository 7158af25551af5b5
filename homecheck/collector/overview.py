"""What lists and the fleet page need to know of one check: where and how it was made, and how near its limits it is.

Pure: it is written with the evidence, and again by the migration that adds it to a database of before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homecheck.appraisal import Verdict
from homecheck.evidence import Evidence
from homecheck.measurement import Measurement
from homecheck.observation import SessionObservation
from homecheck.policy import Limits, Policy, Requirement
from homecheck.standards.itu_g107 import mos_cqe

MAX_TEXT: Final = 60  # characters of what a device says of itself, in a list
DECIBEL: Final = "dB"  # begins the unit of a level: a logarithm, of which a tenth means nothing
MOS: Final = "MOS-CQE"
BEST_MOS: Final = mos_cqe(93.2)  # of a call without a fault (ITU-T G.107, Table 2: the default of R)
NEAR: Final = 0.1  # of a limit, on either side


@dataclass(frozen=True)
class Concern:
    """One requirement that is not plainly met.

    `margin` is how far a value near its limit lies on the good side of it, as a share of the limit; below 0 on the bad
    side. None where it is not near, or the limit is no number.
    """

    quantity: str
    verdict: Verdict
    margin: float | None = None


@dataclass(frozen=True)
class Overview:
    """What the evidence received last says of somebody's home, as far as lists need it. Unknown texts are empty."""

    verdict: Verdict
    received_at: datetime
    recheck: timedelta
    link: str
    region: str
    system: str
    software: str
    hour: int  # of the day, when the check ended where the worker is
    concerns: tuple[Concern, ...]


def overview(
    evidence: Evidence,
    policy: Policy,
    verdicts: Sequence[tuple[str, Verdict]],
    received_at: datetime,
    seen: Iterable[SessionObservation] = (),
) -> Overview:
    """Return what is shown of this check in lists.

    `verdicts` are those of the findings, by quantity, in the policy's order. The region is the far end's word where it
    has given one.
    """
    measured = evidence.by_quantity
    regions = (str(one.region) for one in seen if one.region is not None and str(one.region))
    return Overview(
        verdict=max(verdict for _, verdict in verdicts),
        received_at=received_at,
        recheck=_prepared(policy).recheck,
        link=_text(measured, "link.type"),
        region=next(regions, "") or _text(measured, "network.region") or _text(measured, "place.region"),
        system=evidence.software.system[:MAX_TEXT],
        software=evidence.software.version[:MAX_TEXT],
        hour=_local_hour(evidence.finished_at, _text(measured, "place.timezone"), policy),
        concerns=tuple(_concerns(measured, policy, verdicts)),
    )


def _text(measured: Mapping[str, Measurement], quantity: str) -> str:
    found = measured.get(quantity)
    return found.value[:MAX_TEXT] if found is not None and isinstance(found.value, str) else ""


def _local_hour(at: datetime, zone: str, policy: Policy) -> int:
    """Return the hour of the day in the worker's own time zone, else in that of the program's shift, else in UTC."""
    known = _zone(zone) or (_zone(policy.shift.timezone) if policy.shift else None)
    try:
        return at.astimezone(known or UTC).hour
    except OverflowError:  # a clock at the end of year 9999
        return at.hour


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a device may call anything a time zone
        return None


def _concerns(
    measured: Mapping[str, Measurement], policy: Policy, verdicts: Sequence[tuple[str, Verdict]]
) -> Iterator[Concern]:
    """Yield what is not plainly met: the worst verdict of a quantity's requirements, and the margin nearest to 0."""
    found: dict[str, Concern] = {}
    for (quantity, verdict), requirement in zip(verdicts, _prepared(policy).asked, strict=True):
        if requirement is None and verdict is Verdict.PASS:
            continue
        value = measured.get(quantity)
        share = margin(requirement, value) if requirement and value else None
        near = share is not None and abs(share) <= NEAR
        if near or verdict is not Verdict.PASS:
            one = Concern(quantity, verdict, share if near else None)
            found[quantity] = _both(found[quantity], one) if quantity in found else one
    yield from found.values()


class _Prepared(NamedTuple):
    recheck: timedelta
    asked: tuple[Requirement | None, ...]  # one for each finding: what it could be near a limit of


@lru_cache(maxsize=256)  # every upload is shown by it
def _prepared(policy: Policy) -> _Prepared:
    ends = (one if _has_ends(one.limits) else None for one in policy.requirements)
    return _Prepared(policy.recheck_every(), (*ends, *(None for _ in policy.declarations)))


def _has_ends(limits: Limits) -> bool:
    return limits.at_least is not None or limits.at_most is not None


def _both(one: Concern, other: Concern) -> Concern:
    margins = [found.margin for found in (one, other) if found.margin is not None]
    return replace(one, verdict=max(one.verdict, other.verdict), margin=min(margins, key=abs, default=None))


def margin(requirement: Requirement, found: Measurement) -> float | None:
    """Return how far a value lies on the good side of the nearest limit that is required, as a share of the limit.

    Numbers that vary from check to check have one; exact counts have none, for nothing moves them over the limit. A
    level in decibels is compared by the amplitude behind it: a tenth of that is 0.83 dB. A call's rating is compared by
    what it lacks to the best one. None also at a limit of 0, and where the policy judges several runs and not this one.
    """
    limits = requirement.limits
    if requirement.runs or not found.is_number or not found.uncertainty or found.value is None:
        return None
    value, unit, nearest = float(found.value), found.quantity.unit, None
    for limit, sign in ((limits.at_least, 1), (limits.at_most, -1)):
        share = None if limit is None else _share(value, limit, unit)
        if share is not None and (nearest is None or abs(share) < abs(nearest)):
            nearest = sign * share
    return nearest


def _share(value: float, limit: float, unit: str) -> float | None:
    """Return how far a value lies above a limit, as a share of it."""
    if unit.startswith(DECIBEL):
        return float(10 ** (min(value - limit, 200.0) / 20) - 1)
    whole = BEST_MOS - limit if unit == MOS else limit
    return (value - limit) / abs(whole) if whole else None
