"""What an interface is on Windows: the numbers of .NET's NetworkInterface, never a command's localised text.

The interface type needs no permission. `netsh wlan` and the native Wi-Fi functions do since Windows 11 24H2 (location),
so the signal is left out rather than asked for. Numbers: IANA ifType-MIB, as NetworkInterfaceType has them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.link_facts import Kind, LinkFacts

SECONDS: Final = 20.0
# ConvertTo-Json writes an enumeration as its number; @() keeps a single interface a list.
SCRIPT: Final = (
    "[Console]::OutputEncoding = [Text.Encoding]::UTF8; "
    "ConvertTo-Json -Compress @([Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() | "
    "Select-Object Name, Description, NetworkInterfaceType, OperationalStatus, Speed)"
)

KINDS: Final[dict[int, Kind]] = {6: "ethernet", 71: "wifi", 243: "cellular", 244: "cellular"}
FAST_ETHERNET: Final = (62, 69, 117)  # fastEther, fastEtherFX, gigabitEthernet: old drivers still say so
TUNNEL_TYPES: Final = {23: "ppp", 53: "virtual", 131: "tunnel"}
TUNNEL_WORDS: Final = (
    "tap-windows",
    "wintun",
    "wireguard",
    "tap-nordvpn",
    "vpn",
    "fortinet virtual",
    "juniper networks virtual",
)
TETHER_WORDS: Final = ("remote ndis", "apple mobile device ethernet")
VIRTUAL_WORDS: Final = ("hyper-v", "virtualbox", "vmware", "bluetooth", "loopback")


def facts(interface: str, run: Callable[[], str] | None = None) -> LinkFacts:
    """Return what the interface of this (friendly) name is. Raises ProbeError ``interface_unknown``."""
    return parse((run or run_powershell)(), interface)


def parse(text: str, interface: str) -> LinkFacts:
    """Return what the script's output says about `interface`."""
    try:
        rows = json.loads(text)
    except ValueError:
        rows = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("Name") == interface:
            number, description = row.get("NetworkInterfaceType"), str(row.get("Description") or "")
            kind, vpn, told_by = classify(number if isinstance(number, int) else 0, description)
            return LinkFacts(interface, kind, vpn, speed_of(row.get("Speed")), (), told_by)
    raise ProbeError(
        "interface_unknown", "Repeat the check.", message=f"Windows does not list the interface {interface!r:.80}"
    )


def classify(number: int, description: str) -> tuple[Kind, bool, str]:
    """Return kind, whether it is a tunnel, and the sign that told."""
    words = description.lower()
    if number in TUNNEL_TYPES or any(word in words for word in TUNNEL_WORDS):
        return "other", True, f"tunnel: {TUNNEL_TYPES.get(number) or description}"[:200]
    if any(word in words for word in TETHER_WORDS):
        return "cellular", False, description[:200]
    if number in (6, *FAST_ETHERNET):
        virtual = any(word in words for word in VIRTUAL_WORDS)
        return ("other" if virtual else "ethernet"), False, description[:200]
    return KINDS.get(number, "other"), False, f"interface type {number}"


def speed_of(bits_per_second: object) -> float | None:
    """Return Mbit/s; -1 and the largest numbers mean that Windows does not know."""
    if isinstance(bits_per_second, bool) or not isinstance(bits_per_second, int):
        return None
    return bits_per_second / 1e6 if 0 < bits_per_second < 2**53 else None


def run_powershell() -> str:
    """Return the script's output. Raises ProbeError ``powershell``."""
    command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", SCRIPT]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        message = f"PowerShell did not list the interfaces: {type(error).__name__}"
        raise ProbeError("powershell", "Repeat the check.", message=message) from None
    return done.stdout.decode("utf-8", "replace").lstrip("\ufeff")
