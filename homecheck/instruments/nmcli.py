"""Whether data costs money, as NetworkManager knows or guesses it (NMMetered): ``nmcli``, which needs no root.

Where something else manages the network, nobody tells.
"""

from __future__ import annotations

import re

from homecheck.instruments.host.program import Runner


def metered(interface: str, run: Runner) -> tuple[bool | None, str]:
    """Return whether `interface` is metered, None where that is unknown, and NetworkManager's word for it."""
    command = ("env", "LC_ALL=C", "nmcli", "-t", "-f", "GENERAL.METERED", "device", "show", interface)
    found = re.search(r"^GENERAL\.METERED:((yes|no|unknown)\b.*)$", run(command), re.MULTILINE)
    if not found:
        return None, ""
    return {"yes": True, "no": False, "unknown": None}[found[2]], f"NetworkManager: {found[1]}"[:100]
