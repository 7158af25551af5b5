"""Windows Security Center: Windows' own judgement of firewall and virus protection, and what its numbers mean.

`WscGetSecurityProviderHealth` is documented, needs no rights and no PowerShell, and counts products of other makers. It
is not there on Windows Server; on others the service may be stopped (S_FALSE). The products themselves stand in WMI as
`productState`, whose bits are not documented: makers and administrators agree on them, so they are asked only when
Windows' own judgement is missing.

    0x0000f000  0x1000 on, 0x0000 off, 0x2000 snoozed, 0x3000 expired
    0x000000f0  0x00 up to date, 0x10 out of date

Sources: Microsoft Learn, "WscGetSecurityProviderHealth" (wscapi.h, WSC_SECURITY_PROVIDER, ..._HEALTH); for productState
the enumerations that PowerShell's community publishes (idera.com, "Identifying Antivirus Engine State") and osquery's
table windows_security_products.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FIREWALL: Final = 1  # WSC_SECURITY_PROVIDER_FIREWALL
ANTIVIRUS: Final = 4  # WSC_SECURITY_PROVIDER_ANTIVIRUS
GOOD: Final = 0
HEALTH: Final = {GOOD: "good", 1: "not monitored", 2: "poor", 3: "snoozed"}
JUDGED: Final = (0, 2, 3)  # what Windows does not monitor it does not judge
S_OK: Final = 0

STATE_BITS: Final = 0xF000
SIGNATURE_BITS: Final = 0x00F0
STATES: Final = {0x0000: "off", 0x1000: "on", 0x2000: "snoozed", 0x3000: "expired"}


@dataclass(frozen=True)
class Product:
    """One product that has registered itself with Windows."""

    name: str
    state: int

    @property
    def word(self) -> str:
        """Its state: on, off, snoozed, expired, or unknown."""
        return STATES.get(self.state & STATE_BITS, "unknown")

    @property
    def guards(self) -> bool:
        """Whether it is on, and knows what is current."""
        return self.word == "on" and not self.state & SIGNATURE_BITS


def guarded(products: Sequence[Product]) -> bool | None:
    """Return whether one of the products guards the computer; None when that cannot be read from them."""
    if any(product.guards for product in products):
        return True
    if not products or any(product.word == "unknown" for product in products):
        return None
    return False


def provider_health(provider: int) -> int | None:
    """Return Windows' judgement, a key of `HEALTH`; None where it does not judge."""
    if sys.platform != "win32":
        return None
    import ctypes

    health = ctypes.c_int(-1)
    try:
        ask = ctypes.WinDLL("wscapi.dll").WscGetSecurityProviderHealth
        answered = ask(ctypes.c_uint32(provider), ctypes.byref(health))
    except (OSError, AttributeError):  # Windows Server has no Security Center
        return None
    return health.value if answered == S_OK and health.value in HEALTH else None
