"""What every route needs: who this collector is, its keys, its database and its clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from homecheck.clock import utc_now
from homecheck.collector.keys import Keys
from homecheck.collector.log import Log
from homecheck.collector.outside import Network
from homecheck.collector.pace import Pace
from homecheck.collector.passwords import COSTS, Passwords
from homecheck.collector.store.database import Readers
from homecheck.collector.store.writer import Writer
from homecheck.signing import PublicKey, sign


@dataclass(frozen=True)
class Collector:
    """A collector that serves. `url` is its `aud`; nothing that a request says can change it."""

    name: str
    url: str
    keys: Keys
    keys_folder: Path
    readers: Readers
    writer: Writer
    log: Log
    clock: Callable[[], datetime] = utc_now
    passwords: Passwords = COSTS
    pace: Pace = field(default_factory=Pace)
    inside: tuple[Network, ...] = ()  # the operator's own networks that webhooks may go to, beside the internet

    @property
    def secure(self) -> bool:
        """Whether people reach it over TLS."""
        return urlsplit(self.url).scheme == "https"

    def public_keys(self) -> dict[str, PublicKey]:
        """Return the keys that policies and receipts are verified with."""
        public = self.keys.signer.public
        return {public.kid: public}

    def sign(self, payload: bytes, typ: str) -> bytes:
        """Return the envelope around `payload`, signed by this collector."""
        return sign(payload, typ, self.keys.signer)
