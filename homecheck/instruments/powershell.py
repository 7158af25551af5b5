"""Windows PowerShell (5.1, part of every Windows): one script in, its output out.

No profile is loaded, nothing can be asked, and a script that hangs is ended. What a script prints is UTF-8 when it sets
`[Console]::OutputEncoding` first. A company may forbid PowerShell or restrict its language; the failure says so.
"""

from __future__ import annotations

import subprocess
from typing import Final

from homecheck.errors import ProbeError

COMMAND: Final = ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command")


def output_of_script(script: str, seconds: float) -> str:
    """Return a script's output. Raises ProbeError ``powershell_blocked``, ``_timeout`` or ``_failed``."""
    try:
        done = subprocess.run(
            [*COMMAND, script], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=True
        )
    except subprocess.TimeoutExpired:
        raise failed_script("powershell_timeout", f"PowerShell did not answer within {seconds:g} seconds") from None
    except subprocess.CalledProcessError as error:
        raise failed_script(
            "powershell_failed", f"PowerShell ended with status {error.returncode}: {last_line(error.stderr)}"
        ) from None
    except OSError:
        raise failed_script(
            "powershell_blocked", "PowerShell is not there, or this computer does not let it start"
        ) from None
    return done.stdout.decode("utf-8", "replace").lstrip("\ufeff")


def last_line(said: bytes) -> str:
    """Return the last line that a program said, without what surrounds it."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:200] if lines else "it said nothing"


def failed_script(code: str, message: str) -> ProbeError:
    """Return the failure of a script that gave no answer."""
    return ProbeError(
        code,
        "Repeat the check. If it fails again, ask whoever looks after this computer whether PowerShell is blocked on "
        "it.",
        message=message,
    )
