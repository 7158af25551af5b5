"""The socket of a Linux sound server: whether one is to be expected, and whether this user may open it.

PulseAudio's own programs say "Connection refused" to all that goes wrong there, so the socket itself is asked.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TIMEOUT_SECONDS: Final = 2.0


def path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the server's socket is, there or not; None where the environment names none of this computer.

    PULSE_SERVER may hold several places, the first counts: ``unix:/path``, ``/path`` or a host, perhaps with ``{id}``.
    """
    if named := environment.get("PULSE_SERVER", "").split():
        place = named[0].rpartition("}")[2].removeprefix("unix:")
        return Path(place) if place.startswith("/") else None
    if runtime := environment.get("PULSE_RUNTIME_PATH"):
        return Path(runtime, "native")
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return Path(runtime, "pulse", "native")
    return None


def expected(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a sound server belongs to this session, running or not."""
    found = path(environment)
    return bool(environment.get("PULSE_SERVER")) or (found is not None and _exists(found))


def forbidden(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the server's socket is there and this user may not open it."""
    found = path(environment)
    if found is None or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_SECONDS)
        try:
            client.connect(str(found))
        except PermissionError:
            return True
        except OSError:  # not there, nobody listens, or a name too long for a socket
            return False
    return False


def _exists(found: Path) -> bool:
    try:
        return found.exists()
    except OSError:  # a folder on the way is shut: something is there
        return True
