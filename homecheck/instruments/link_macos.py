"""What an interface is on macOS: the list of hardware ports, and the system profiler for Wi-Fi.

`airport` is gone since 14.4 and network names are hidden since 15; neither is needed. Port names are not localised.
Low Data Mode and whether a network is expensive are told to applications of Network.framework alone, so of metered
connections only the mobile ones are known.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments.link_facts import Kind, LinkFacts, Wifi

SECONDS: Final = 20.0
PORTS: Final = ("networksetup", "-listallhardwareports")
AIRPORT: Final = ("system_profiler", "SPAirPortDataType", "-json")
TUNNEL: Final = re.compile(r"(utun|ipsec|ppp|tun|tap)\d+")
TETHER: Final = re.compile(r"iPhone|iPad|Android|RNDIS|Modem", re.IGNORECASE)
NOT_CABLE: Final = re.compile(r"Bluetooth|Bridge|Virtual", re.IGNORECASE)
CABLE: Final = re.compile(r"Ethernet|LAN|Thunderbolt|AX\d{5}|Gigabit", re.IGNORECASE)

Runner = Callable[[Sequence[str]], str]


def facts(interface: str, run: Runner | None = None) -> LinkFacts:
    """Return what `interface` (for instance en0) is. Raises ProbeError."""
    run = run or run_command
    if TUNNEL.fullmatch(interface):
        return LinkFacts(interface, "other", vpn=True, told_by="tunnel interface")
    port = parse_ports(run(PORTS)).get(interface, "")
    kind = classify(port)
    wifi, signals = parse_airport(run(AIRPORT), interface) if kind == "wifi" else (Wifi(), ())
    told_by = f"hardware port {port}" if port else "no hardware port"
    return LinkFacts(interface, kind, False, wifi.rate_mbit_s, signals, told_by, wifi)


def classify(port: str) -> Kind:
    """Return the kind of a hardware port by its name; a telephone's is not a cable's."""
    if port in ("Wi-Fi", "AirPort"):
        return "wifi"
    if TETHER.search(port):
        return "cellular"
    if NOT_CABLE.search(port):
        return "other"
    return "ethernet" if CABLE.search(port) else "other"


def parse_ports(text: str) -> dict[str, str]:
    """Return the hardware port of every device that `networksetup -listallhardwareports` lists."""
    pairs = re.findall(r"^Hardware Port: (.+)\nDevice: (\S+)$", text, re.MULTILINE)
    return {device: port for port, device in pairs}


def parse_airport(text: str, interface: str) -> tuple[Wifi, tuple[float, ...]]:
    """Return the connection and the signal in dBm of `interface`, as far as the profiler tells them."""
    try:
        controllers = json.loads(text)["SPAirPortDataType"]
        entries = [entry for controller in controllers for entry in controller["spairport_airport_interfaces"]]
        entry = next(entry for entry in entries if entry.get("_name") == interface)
        current = entry["spairport_current_network_information"]
    except (ValueError, KeyError, TypeError, StopIteration):
        return Wifi(), ()
    level = re.match(r"(-\d+) dBm", str(current.get("spairport_signal_noise", "")))
    return parse_connection(current), ((float(level[1]),) if level else ())


def parse_connection(current: Mapping[str, object]) -> Wifi:
    """Return rate, channel (``44 (5GHz, 80MHz)``; older systems tell its number alone), MCS and PHY mode."""
    rate = current.get("spairport_network_rate")
    channel = str(current.get("spairport_network_channel", ""))
    number, band, width = (re.search(form, channel) for form in (r"^(\d+)", r"([\d.]+)GHz", r"(\d+)MHz"))
    mcs, mode = current.get("spairport_network_mcs"), str(current.get("spairport_network_phymode", ""))
    return Wifi(
        band={"2": "2.4 GHz", "2.4": "2.4 GHz", "5": "5 GHz", "6": "6 GHz"}.get(band[1] if band else "", ""),
        channel=int(number[1]) if number else None,
        width_mhz=int(width[1]) if width else None,
        standard=mode if re.fullmatch(r"802\.11[a-z]{1,2}", mode) else "",
        mcs=mcs if isinstance(mcs, int) and not isinstance(mcs, bool) and 0 <= mcs < 100 else None,
        rate_mbit_s=float(rate) if isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0 else None,
    )


def run_command(command: Sequence[str]) -> str:
    """Return a command's output. Raises ProbeError ``command_failed``."""
    try:
        done = subprocess.run(list(command), capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        message = f"{command[0]}: {type(error).__name__}"
        raise ProbeError("command_failed", "Repeat the check.", message=message) from None
    return done.stdout.decode("utf-8", "replace")
