"""What became of messages to a webhook, in words: the same at the command line and on the dashboard."""

from __future__ import annotations

from homecheck.collector.store.webhooks import Message, Outstanding
from homecheck.printable import printable


def became(one: Message) -> str:
    """Return what became of a message."""
    if one.state == "delivered":
        return "delivered" + (f" at the attempt number {one.attempts}" if one.attempts > 1 else "")
    error = f": {printable(one.error)}" if one.error else ""
    if one.state == "given-up":
        return f"given up{error}"
    if not one.attempts:
        return "on its way" if one.next_at and one.next_at > one.made_at else "waiting"
    tried = "once" if one.attempts == 1 else f"{one.attempts} times"
    again = f", again at {one.next_at:%Y-%m-%d %H:%M:%S} UTC" if one.next_at else ""
    return f"waiting, tried {tried}{again}{error}"


def waits(found: Outstanding) -> str:
    """Return what waits for a receiver."""
    number = f"{found.waiting} message{'s' if found.waiting > 1 else ''} waiting"
    if found.since is None:
        return number
    oldest = f"the oldest of {found.since:%Y-%m-%d %H:%M} UTC"
    return f"{number}, {found.refused} of them tried and not taken, {oldest}: {printable(found.error)}"
