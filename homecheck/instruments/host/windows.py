"""Windows: registry, and the display functions of user32 by ctypes.

EnumDisplaySettings tells physical pixels whatever the process's DPI awareness, unlike GetSystemMetrics (Microsoft,
"EnumDisplaySettingsW", remark on DPI virtualization). Sources: Microsoft Learn for DISPLAY_DEVICEW, DEVMODEW, and the
registry values CurrentBuildNumber, UBR, DisplayVersion, EditionID, ProductName, ~MHz, SystemManufacturer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck.instruments.host.facts import (
    Clock,
    Machine,
    OperatingSystem,
    Screen,
    machine_of_names,
    no_screen,
    not_told,
)

CURRENT_VERSION: Final = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PROCESSOR: Final = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
BIOS: Final = r"HARDWARE\DESCRIPTION\System\BIOS"
FIRST_WINDOWS_11: Final = 22_000
ATTACHED_TO_DESKTOP: Final = 0x1  # DISPLAY_DEVICE_ATTACHED_TO_DESKTOP
MIRRORING_DRIVER: Final = 0x8  # DISPLAY_DEVICE_MIRRORING_DRIVER

Registry = Mapping[str, str | int]


@dataclass(frozen=True)
class Adapter:
    """One entry of EnumDisplayDevices with its current mode."""

    name: str
    flags: int
    width_px: int
    height_px: int


def read_registry(path: str) -> dict[str, str | int]:
    """Return the text and number values below HKEY_LOCAL_MACHINE\\path; empty when it is not there."""
    if sys.platform != "win32":
        return {}
    import winreg

    values: dict[str, str | int] = {}
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            for index in range(winreg.QueryInfoKey(key)[1]):
                name, value, _ = winreg.EnumValue(key, index)
                if isinstance(value, str | int):
                    values[name] = value
    except OSError:
        return {}
    return values


def operating_system(registry: Registry | None = None) -> OperatingSystem:
    """Return build and edition. ProductName still says Windows 10 on Windows 11; the build number does not."""
    found = read_registry(CURRENT_VERSION) if registry is None else registry
    build = str(found.get("CurrentBuildNumber", ""))
    if not build.isdecimal():
        raise not_told("its version")
    product = str(found.get("ProductName") or "Windows")
    is_server = str(found.get("InstallationType")).startswith("Server")  # "Server Core" is one, too
    if int(build) >= FIRST_WINDOWS_11 and not is_server:
        product = product.replace("Windows 10", "Windows 11")
    version = str(found.get("DisplayVersion") or found.get("ReleaseId") or "")
    name = f"{product} {version}".strip() + f" (build {build}.{found.get('UBR', 0)})"
    family = "windows-server" if is_server else "windows"
    return OperatingSystem(family, build, name, edition(str(found.get("EditionID", ""))))


def edition(edition_id: str) -> str:
    """Return the group of editions that share an end of support."""
    name = edition_id.lower()
    if name.startswith(("enterprises", "iotenterprises")):
        return "ltsc"
    return "enterprise" if name.startswith(("enterprise", "education", "iotenterprise", "serverrdsh")) else "home"


def screens(adapters: Iterable[Adapter] | None = None) -> tuple[Screen, ...]:
    """Return the screens that belong to the desktop. Raises ProbeError ``no_screen``."""
    found = tuple(
        Screen(adapter.width_px, adapter.height_px)
        for adapter in (list_adapters() if adapters is None else adapters)
        if adapter.flags & ATTACHED_TO_DESKTOP and not adapter.flags & MIRRORING_DRIVER and adapter.width_px > 0
    )
    if not found:
        raise no_screen()
    return found


def clock(registry: Registry | None = None) -> Clock:
    """Return the nominal clock that Windows wrote down at start. Raises ProbeError ``not_told``."""
    mhz = (read_registry(PROCESSOR) if registry is None else registry).get("~MHz")
    if not isinstance(mhz, int) or mhz <= 0:
        raise not_told("its clock rate")
    return Clock(mhz / 1e3, 0.0005, "registry ~MHz, whole MHz")


def machine(registry: Registry | None = None) -> Machine:
    """Return what maker and product of the board say: the hypervisor flag is set on ordinary Windows 11 too."""
    found = read_registry(BIOS) if registry is None else registry
    maker, product = str(found.get("SystemManufacturer", "")), str(found.get("SystemProductName", ""))
    if not maker and not product:
        raise not_told("whether it is a virtual machine")
    return machine_of_names(maker, product, "board")


def list_adapters() -> list[Adapter]:
    """Return every display adapter's output with its current mode."""
    if sys.platform != "win32":
        return []
    import ctypes
    from ctypes import wintypes

    class DisplayDevice(ctypes.Structure):  # DISPLAY_DEVICEW
        _fields_ = (
            ("cb", wintypes.DWORD),
            ("name", wintypes.WCHAR * 32),
            ("text", wintypes.WCHAR * 128),
            ("flags", wintypes.DWORD),
            ("id", wintypes.WCHAR * 128),
            ("key", wintypes.WCHAR * 128),
        )

    class DevMode(ctypes.Structure):  # DEVMODEW, with the display's members of its unions
        _fields_ = (
            ("device_name", wintypes.WCHAR * 32),
            ("spec_version", wintypes.WORD),
            ("driver_version", wintypes.WORD),
            ("size", wintypes.WORD),
            ("driver_extra", wintypes.WORD),
            ("fields", wintypes.DWORD),
            ("position_x", wintypes.LONG),
            ("position_y", wintypes.LONG),
            ("orientation", wintypes.DWORD),
            ("fixed_output", wintypes.DWORD),
            ("color", wintypes.SHORT),
            ("duplex", wintypes.SHORT),
            ("y_resolution", wintypes.SHORT),
            ("tt_option", wintypes.SHORT),
            ("collate", wintypes.SHORT),
            ("form_name", wintypes.WCHAR * 32),
            ("log_pixels", wintypes.WORD),
            ("bits_per_pixel", wintypes.DWORD),
            ("width", wintypes.DWORD),
            ("height", wintypes.DWORD),
            ("display_flags", wintypes.DWORD),
            ("frequency", wintypes.DWORD),
            ("icm", wintypes.DWORD * 8),
        )

    user32 = ctypes.WinDLL("user32", use_last_error=True)
    found: list[Adapter] = []
    index = 0
    while True:
        device = DisplayDevice(cb=ctypes.sizeof(DisplayDevice))
        if not user32.EnumDisplayDevicesW(None, wintypes.DWORD(index), ctypes.byref(device), wintypes.DWORD(0)):
            return found
        index += 1
        mode = DevMode(size=ctypes.sizeof(DevMode))
        current = wintypes.DWORD(0xFFFFFFFF)  # ENUM_CURRENT_SETTINGS
        known = user32.EnumDisplaySettingsW(device.name, current, ctypes.byref(mode))
        found.append(Adapter(device.name, device.flags, mode.width if known else 0, mode.height if known else 0))
