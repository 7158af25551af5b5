"""What an interface is on Linux: sysfs, which needs no permission and no program.

Details that sysfs does not have come from programs that may be missing: `iw` and `nmcli`.

The order matters: a tethered telephone looks like Ethernet, so its driver is asked before the interface's type.
Sources: Documentation/ABI/testing/sysfs-class-net, include/uapi/linux/if_arp.h, the drivers' own DEVTYPE.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from homecheck.instruments import iw, nmcli
from homecheck.instruments.host.program import Runner, output_of
from homecheck.instruments.link_facts import Kind, LinkFacts

SYSFS: Final = Path("/sys/class/net")
WIRELESS: Final = Path("/proc/net/wireless")
READINGS: Final = 5
READING_SECONDS: Final = 0.2
PROGRAM_SECONDS: Final = 5.0

ARPHRD_ETHER: Final = 1
TUNNEL_TYPES: Final = {512: "ppp", 65534: "no link layer", 768: "ipip", 769: "ip6ip6", 776: "sit", 778: "gre"}
TETHER_DRIVERS: Final = frozenset({"rndis_host", "ipheth"})
MODEM_DRIVERS: Final = frozenset({"cdc_mbim", "qmi_wwan", "huawei_cdc_ncm", "sierra_net", "cdc_ether", "cdc_ncm"})
# Ethernet adapters whose chips also speak the modems' protocols (usb.ids): Realtek, ASIX, Microchip,
# Lenovo, Dell, TP-Link.
ADAPTER_VENDORS: Final = frozenset({"0bda", "0b95", "0424", "17ef", "413c", "2357"})


def run_program(command: Sequence[str]) -> str:
    """Return what a program prints; empty when it is not there or fails."""
    return output_of(command, PROGRAM_SECONDS)


def facts(
    interface: str,
    sysfs: Path = SYSFS,
    wireless: Path = WIRELESS,
    sleep: Callable[[float], None] = time.sleep,
    run: Runner = run_program,
) -> LinkFacts:
    """Return what `interface` is."""
    kind, vpn, told_by = classify(sysfs / interface)
    lower = single_lower(sysfs / interface)
    if kind == "other" and not vpn and lower is not None:  # a bridge or VLAN over one real interface
        return replace(facts(lower, sysfs, wireless, sleep, run), interface=interface, told_by=f"over {lower}")
    found = LinkFacts(interface, kind, vpn, read_speed(sysfs / interface), (), told_by)
    metered, metered_by = nmcli.metered(interface, run)
    found = replace(found, metered=metered, metered_by=metered_by)
    return with_wifi(found, iw.link(interface, run), wireless, sleep) if kind == "wifi" else found


def with_wifi(found: LinkFacts, link: iw.IwLink, wireless: Path, sleep: Callable[[float], None]) -> LinkFacts:
    """Return the facts with signal, rate and channel. Kernels without wireless extensions leave one reading, iw's."""
    signals = read_signals(found.interface, wireless, sleep)
    if not signals and link.signal_dbm is not None:
        signals = (link.signal_dbm,)
    speed = found.speed_mbit_s or link.wifi.rate_mbit_s
    return replace(found, speed_mbit_s=speed, signals_dbm=signals, wifi=link.wifi)


def classify(folder: Path) -> tuple[Kind, bool, str]:
    """Return kind, whether it is a tunnel, and the sign that told, of the interface whose sysfs folder is given."""
    devtype = read_devtype(folder)
    number = read_number(folder / "type")
    driver = driver_of(folder)
    if (folder / "tun_flags").exists() or devtype == "wireguard" or number in TUNNEL_TYPES:
        sign = devtype or ("tun" if (folder / "tun_flags").exists() else TUNNEL_TYPES.get(number or 0, ""))
        return "other", True, f"tunnel: {sign}"
    if devtype == "wlan" or (folder / "wireless").exists() or (folder / "phy80211").exists():
        return "wifi", False, "wireless device"
    if devtype == "wwan":
        return "cellular", False, "mobile modem"
    if driver in TETHER_DRIVERS or (driver in MODEM_DRIVERS and vendor_of(folder) not in ADAPTER_VENDORS):
        return "cellular", False, f"telephone or modem, driver {driver}"
    if number == ARPHRD_ETHER and (folder / "device").exists() and devtype in ("", "dsa"):
        return "ethernet", False, f"driver {driver}" if driver else "Ethernet device"
    return "other", False, devtype or "no device behind it"


def read_devtype(folder: Path) -> str:
    """Return DEVTYPE of the interface's uevent file, or an empty text."""
    found = re.search(r"^DEVTYPE=(\S+)$", read_text(folder / "uevent"), re.MULTILINE)
    return found[1] if found else ""


def driver_of(folder: Path) -> str:
    """Return the name of the driver, or an empty text."""
    link = folder / "device" / "driver"
    return link.resolve().name if link.exists() else ""


def vendor_of(folder: Path) -> str:
    """Return the USB vendor id of the device; the interface's device is one function of it."""
    device = (folder / "device").resolve()
    return read_text(device.parent / "idVendor").strip() or read_text(device / "idVendor").strip()


def single_lower(folder: Path) -> str | None:
    """Return the one interface below this one, or None when there is none or several."""
    lower = [entry.name.removeprefix("lower_") for entry in folder.glob("lower_*")]
    return lower[0] if len(lower) == 1 else None


def read_speed(folder: Path) -> float | None:
    """Return the speed in Mbit/s; Wi-Fi and links that are down answer with -1 or an error."""
    speed = read_number(folder / "speed")
    return float(speed) if speed is not None and 0 < speed < 4_294_967_295 else None


def read_signals(interface: str, wireless: Path, sleep: Callable[[float], None]) -> tuple[float, ...]:
    """Return several readings of the signal in dBm, or none where the kernel does not tell."""
    readings = []
    for index in range(READINGS):
        if index:
            sleep(READING_SECONDS)
        reading = parse_signal(read_text(wireless), interface)
        if reading is None:
            return ()
        readings.append(reading)
    return tuple(readings)


def parse_signal(text: str, interface: str) -> float | None:
    """Return the level column of /proc/net/wireless for `interface` in dBm; drivers without dBm write 0 and more."""
    for line in text.splitlines():
        name, _, columns = line.partition(":")
        values = columns.split()
        if name.strip() == interface and len(values) > 2:
            level = float(values[2].rstrip("."))
            return level if -120 <= level < 0 else None
    return None


def read_number(path: Path) -> int | None:
    """Return the whole number in a file, or None where there is none."""
    text = read_text(path).strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def read_text(path: Path) -> str:
    """Return a file's text; empty where it is missing or the driver refuses."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
