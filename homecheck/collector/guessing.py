"""Guessing at passwords is slowed down, and the owner of an account still gets in.

    one account from one address     5 wrong in 15 minutes, then the oldest has to pass out of them
    one address                      50 wrong in 15 minutes, whatever the accounts
    one account                      30 wrong in an hour, from addresses where its owner has not signed in yet

A sign-in link and company sign-on are never slowed down. What is typed as a name is kept as its hash: people type
passwords there. Each guess is counted before it is looked at, so that many at once gain nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from homecheck.collector.problems import retry_later
from homecheck.collector.store import credentials, events
from homecheck.collector.store.database import Connection
from homecheck.collector.store.people import secret_hash

SHORT: Final = timedelta(minutes=15)
LONG: Final = timedelta(hours=1)
FOR_BOTH: Final = 5
FROM_ADDRESS: Final = 50
FOR_ACCOUNT: Final = 30


def count(db: Connection, name: str, source_address: str, now: datetime) -> None:
    """Count one guess, inside a transaction. Problem when there were too many: then it is not to be looked at."""
    account, source = secret_hash(name), network(source_address)
    tried = credentials.guesses_for(db, account, now - LONG)
    here = [at for address, at in tried if address == source and at > now - SHORT]
    _bound(here, FOR_BOTH, SHORT, now)
    _bound(credentials.guesses_from(db, source, now - SHORT), FROM_ADDRESS, SHORT, now)
    if not events.has_signed_in(db, name, source_address):
        _bound([at for _, at in tried], FOR_ACCOUNT, LONG, now)
    credentials.add_wrong_guess(db, account, source, now, forget=now - LONG)


def forget(db: Connection, name: str, source_address: str) -> None:
    """Forget the guesses of somebody who turned out to be the owner."""
    credentials.forget_guesses(db, secret_hash(name), network(source_address))


def network(address: str) -> str:
    """Return what one guesser holds: an IPv4 address, or the 64-bit network of an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:  # no address, as on a local socket
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


def _bound(times: list[datetime], most: int, within: timedelta, now: datetime) -> None:
    if len(times) >= most:
        wait = int((times[-most] + within - now).total_seconds()) + 1
        raise retry_later("guessing", f"too many wrong attempts; the next one counts in {wait} seconds", wait)
