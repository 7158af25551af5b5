"""What an interface is, asked in the way of the system that this is."""

from __future__ import annotations

import sys

from homecheck.instruments import link_linux, link_macos, link_windows
from homecheck.instruments.link_facts import LinkFacts


def facts(interface: str) -> LinkFacts:
    """Return what this system says about `interface`. Raises ProbeError."""
    if sys.platform == "win32":
        return link_windows.facts(interface)
    if sys.platform == "darwin":
        return link_macos.facts(interface)
    return link_linux.facts(interface)
