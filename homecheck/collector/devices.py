"""Whether a device key counts now: by the collector's clock at the time of receipt, never by a claimed time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from homecheck.collector.problems import Problem
from homecheck.collector.store import people
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import Device

OVERLAP: Final = timedelta(hours=24)  # in which evidence that waited under the old key is still taken after a rotation
CHAIN_SHOWN: Final = 20
RETIRED: Final = "a new invitation was used"


def find_device(db: Connection, kid: str) -> Device:
    """Return the enrolled device; Problem when there is none."""
    return enrolled(people.find_device(db, kid), kid)


def enrolled(device: Device | None, kid: str) -> Device:
    """Return what was found under the name of a key; Problem when that is nothing."""
    if device is None:
        raise Problem("unknown-device", f"no device key {kid!r:.60} is enrolled here")
    return device


def check_counts(device: Device, now: datetime) -> None:
    """Raise Problem when the key was revoked by `now`, or replaced longer ago than the overlap."""
    if device.revoked_at is not None and device.revoked_at <= now:
        # The administrator's reason is for the dashboard: whoever holds a stolen key must not read it.
        why = ", when a new invitation was used" if device.revoked_reason == RETIRED else ""
        raise Problem("key-revoked", f"this device key was revoked on {device.revoked_at:%Y-%m-%d}{why}")
    if device.replaced_at is not None and now >= accepted_until(device.replaced_at):
        raise Problem("key-replaced", f"this device key was replaced by a new one on {device.replaced_at:%Y-%m-%d}")


def counts(device: Device, now: datetime) -> bool:
    """Tell whether the key counts now."""
    try:
        check_counts(device, now)
    except Problem:
        return False
    return True


def in_overlap(device: Device, now: datetime) -> bool:
    """Tell whether the key was replaced so lately that what waited under it is still taken."""
    return device.replaced_at is not None and now < accepted_until(device.replaced_at)


def accepted_until(replaced_at: datetime) -> datetime:
    """Return the moment from which nothing is taken any more under a key that was replaced then."""
    return replaced_at + OVERLAP


def chain(db: Connection, device: Device) -> list[Device]:
    """Return the keys whose place this one took, latest first, as far back as a page shows."""
    found: list[Device] = []
    while device.replaces is not None and len(found) < CHAIN_SHOWN:
        earlier = people.find_device(db, device.replaces)
        if earlier is None:
            break
        found.append(device := earlier)
    return found


def retire(db: Connection, person_id: str, now: datetime) -> list[Device]:
    """Revoke every key of a person that still counts, inside a transaction, and return those."""
    living = [device for device in people.devices_of(db, person_id) if counts(device, now)]
    for device in living:
        people.revoke(db, device.key.kid, now, RETIRED)
    return living
