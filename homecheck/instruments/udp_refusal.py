"""Who says that nobody listens at a far end's UDP port: the far end itself, or a firewall on the way in its place.

A socket is told of the refusal, not of who sent it. On Linux the error queue names the sender (ip(7), IP_RECVERR).
"""

from __future__ import annotations

import sys
import time
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.hop_watch import FAR
from homecheck.instruments.hops_linux import ErrorQueueAsker

QUESTIONS: Final = 4
SPACING_SECONDS: Final = 0.5  # Linux routers send one such answer a second


def is_strangers(far_end: FarEnd, port: int) -> bool:
    """Tell whether somebody else refuses in the far end's place; no where that cannot be told. Takes 2 s at most."""
    who = refuser(far_end, port)
    return who is not None and who != far_end.address


def refuser(far_end: FarEnd, port: int) -> str | None:
    """Return the address from which UDP packets to `port` are refused; None where nobody does, or it is not told."""
    if sys.platform != "linux":
        return None
    try:
        asker = ErrorQueueAsker(far_end.family, far_end.address, port)
    except ProbeError:
        return None
    try:
        for _ in range(QUESTIONS):
            asker.ask(0, FAR)  # the number is told by the port, and there is one port to ask
            deadline = time.monotonic() + SPACING_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                for answer in asker.answers(left):
                    if answer.reached:
                        return answer.address
    finally:
        asker.close()
    return None
