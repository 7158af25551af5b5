"""Bytes that a network measurement may spend, and whether they cost money on the route it takes.

Counted are payloads of TCP and UDP, both directions together; headers add about 5 % to what a provider counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import link, route
from homecheck.instruments.link_facts import LinkFacts
from homecheck.instruments.route import Route
from homecheck.instruments.tcp_load import LoadRule
from homecheck.instruments.voice_path import Log
from homecheck.standards.rfc_8762 import VOICE_LENGTH

RESERVE_BYTES: Final = 1_000_000  # for what streams bring after the last decision, and for the packets of the last call


def within(rule: LoadRule, most_bytes: int | None, spent: int, share: float) -> LoadRule:
    """Return `rule` such that the next load takes no more than its `share` of what is left of `most_bytes`."""
    if most_bytes is None:
        return rule
    left = max(0, most_bytes - spent - RESERVE_BYTES)
    return replace(rule, most_bytes=min(rule.most_bytes, int(left * share)))


def too_early(seconds: float, spent: int) -> ProbeError:
    """Return why a load that ended at a limit for data, after `seconds` and so many bytes, tells no rate."""
    if spent >= LoadRule.most_bytes:
        return ProbeError(
            "bytes_spent",
            "This is not your fault: your connection is faster than this can measure. Tell the people who asked for "
            "the check.",
            message=f"homecheck's own limit for data was reached after {seconds:.1f} s, too early to tell a rate",
            at_fault="agent",
        )
    return ProbeError(
        "bytes_spent",
        "This is not your fault. Tell the people who asked for the check: most_megabytes is too small.",
        message=f"the policy's limit for data was reached after {seconds:.1f} s, too early to tell a rate",
        at_fault="agent",
    )


def udp_bytes(log: Log | None) -> int:
    """Return the bytes of a voice flow: its packets, and those that came back."""
    return 0 if log is None else (len(log.packets) + log.answered) * VOICE_LENGTH


def not_allowed() -> ProbeError:
    """Return why the line is not filled where data costs money."""
    return ProbeError(
        "metered",
        "Repeat the check where data does not cost by the amount, or allow it: homecheck check --metered",
        message="data costs money on this connection, and nobody has allowed to fill the line",
        at_fault="person",
    )


def not_asked() -> ProbeError:
    """Return why the line is not filled where no policy asks what it carries."""
    message = "no policy asks how fast the line is, so it was not filled"
    return ProbeError(
        "not_asked", "To measure it all the same: homecheck check --all", message=message, at_fault="agent"
    )


def costs(
    host: str | None,
    find_route: Callable[[str | None], Route] = route.to,
    find_facts: Callable[[str], LinkFacts] = link.facts,
) -> bool | None:
    """Tell whether data to `host` (None: the default route) costs money; None where the system does not say."""
    try:
        return find_facts(find_route(host).interface).costs
    except ProbeError:
        return None
