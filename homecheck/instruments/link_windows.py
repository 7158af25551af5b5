"""What an interface is on Windows: the numbers of .NET's NetworkInterface, never a command's localised text.

The interface type needs no permission. `netsh wlan` and the native Wi-Fi functions do since Windows 11 24H2 (location),
so the signal is left out rather than asked for. Numbers: IANA ifType-MIB, as NetworkInterfaceType has them.

What data costs is told by Windows.Networking.Connectivity, for the connection to the internet alone; Windows PowerShell
(5.1) reaches it, PowerShell 7 does not. When that fails, it is not told, and nothing else is lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.link_facts import Kind, LinkFacts
from homecheck.instruments.powershell import output_of_script

SECONDS: Final = 20.0
# ConvertTo-Json writes an enumeration as its number; @() keeps a single interface a list.
SCRIPT: Final = (
    "[Console]::OutputEncoding = [Text.Encoding]::UTF8; "
    "ConvertTo-Json -Compress @([Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() | "
    "Select-Object Id, Name, Description, NetworkInterfaceType, OperationalStatus, Speed)"
)
COST_SCRIPT: Final = (
    "[Console]::OutputEncoding = [Text.Encoding]::UTF8; "
    "$used = [Windows.Networking.Connectivity.NetworkInformation, Windows.Networking.Connectivity, "
    "ContentType = WindowsRuntime]::GetInternetConnectionProfile(); "
    "if ($used) { $cost = $used.GetConnectionCost(); ConvertTo-Json -Compress @{ "
    "Adapter = $used.NetworkAdapter.NetworkAdapterId.ToString(); Type = [int]$cost.NetworkCostType; "
    "Roaming = $cost.Roaming; OverDataLimit = $cost.OverDataLimit } }"
)
COST_TYPES: Final = {1: "unrestricted", 2: "fixed", 3: "variable"}  # NetworkCostType; 0 is unknown

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


def facts(interface: str, run: Callable[[str], str] | None = None) -> LinkFacts:
    """Return what the interface of this (friendly) name is. Raises ProbeError ``interface_unknown``."""
    run = run or run_powershell
    found, adapter = parse(run(SCRIPT), interface)
    try:
        metered, metered_by = parse_cost(run(COST_SCRIPT), adapter)
    except ProbeError:
        metered, metered_by = None, ""
    return replace(found, metered=metered, metered_by=metered_by)


def parse_cost(text: str, adapter: str) -> tuple[bool | None, str]:
    """Return whether data costs money at this adapter (its id), and Windows' words; None where it does not tell."""
    try:
        cost = json.loads(text)
    except ValueError:
        return None, ""
    if not isinstance(cost, dict) or not adapter or bare(cost.get("Adapter")) != bare(adapter):
        return None, ""
    over = [name for name in ("Roaming", "OverDataLimit") if cost.get(name) is True]
    number = cost.get("Type")
    word = COST_TYPES.get(number) if isinstance(number, int) and not isinstance(number, bool) else None
    if word is None and not over:
        return None, ""
    return word != "unrestricted" or bool(over), f"Windows: {', '.join(filter(None, (word, *over)))}"


def bare(identifier: object) -> str:
    """Return a GUID in one form: .NET writes it in braces."""
    return str(identifier).strip("{}").lower()


def parse(text: str, interface: str) -> tuple[LinkFacts, str]:
    """Return what the script's output says about `interface`, and its adapter's id."""
    try:
        rows = json.loads(text)
    except ValueError:
        rows = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("Name") == interface:
            number, description = row.get("NetworkInterfaceType"), str(row.get("Description") or "")
            kind, vpn, told_by = classify(number if isinstance(number, int) else 0, description)
            return LinkFacts(interface, kind, vpn, speed_of(row.get("Speed")), (), told_by), str(row.get("Id") or "")
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


def run_powershell(script: str) -> str:
    """Return a script's output. Raises ProbeError ``powershell_…``."""
    return output_of_script(script, SECONDS)
