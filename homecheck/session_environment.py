"""What a person's session tells its programs, and a timer does not.

Where sound server and key ring answer on Linux (`missing`): the places are those of the XDG Base Directory
Specification and of systemd (pam_systemd(8)); without them a check under cron would find no microphone. By which proxy
and with which certificates collectors are reached, and in which language the person is spoken to (`carried`): a timer
is given what was set when it was installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from homecheck.locale import SOURCE
from homecheck.locale.here import OWN as LANGUAGE
from homecheck.locale.here import wanted

CERTIFICATES: Final = "SSL_CERT_FILE"
_PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")  # programs read them in small letters as well
CARRIED: Final = (*_PROXIES, *(name.lower() for name in _PROXIES), CERTIFICATES, LANGUAGE)


def missing(
    environment: Mapping[str, str], uid: int, exists: Callable[[Path], bool] = Path.exists, system: str = sys.platform
) -> dict[str, str]:
    """Return the variables that are to be added, where what they name is there."""
    if system != "linux":
        return {}
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    places = {"XDG_RUNTIME_DIR": (runtime, ""), "DBUS_SESSION_BUS_ADDRESS": (runtime / "bus", "unix:path=")}
    return {
        name: f"{prefix}{place}"
        for name, (place, prefix) in places.items()
        if not environment.get(name) and exists(place)
    }


def carried(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a timer is given, as far as they are set; a file by its whole path."""
    found = {name: value for name in CARRIED if (value := environment.get(name, "")) and value.isprintable()}
    for name in _PROXIES:
        if found.get(name) == found.get(name.lower()):
            found.pop(name.lower(), None)  # Windows knows no small letters: there both are one
    if (language := wanted(environment, lambda: "")) != SOURCE or environment.get(LANGUAGE):
        found[LANGUAGE] = language  # a timer's LANG is seldom the person's, and cron sets none
    if CERTIFICATES in found:
        found[CERTIFICATES] = str(Path(found[CERTIFICATES]).expanduser().absolute())
    return found


def user_number() -> int:
    """Return the number of this user; 0 on a system that has none."""
    if sys.platform == "win32":
        return 0
    return os.getuid()
