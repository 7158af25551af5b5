"""Windows: registry values of real editions, adapters of a desktop, boards of real and virtual machines."""

from __future__ import annotations

import sys

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.host import windows
from homecheck.instruments.host.facts import Machine, Screen
from homecheck.instruments.host.windows import Adapter, Registry

# ProductName says Windows 10 on Windows 11 as well.
WINDOWS_11: Registry = {
    "ProductName": "Windows 10 Pro",
    "CurrentBuildNumber": "26200",
    "UBR": 7171,
    "DisplayVersion": "25H2",
    "EditionID": "Professional",
    "InstallationType": "Client",
}
WINDOWS_10: Registry = {
    "ProductName": "Windows 10 Enterprise LTSC 2021",
    "CurrentBuildNumber": "19044",
    "UBR": 5,
    "ReleaseId": "2009",
    "DisplayVersion": "21H2",
    "EditionID": "EnterpriseS",
    "InstallationType": "Client",
}
SERVER: Registry = {
    "ProductName": "Windows Server 2022 Standard",
    "CurrentBuildNumber": "20348",
    "EditionID": "ServerStandard",
    "InstallationType": "Server",
}


def test_the_build_number_tells_windows_11() -> None:
    found = windows.operating_system(WINDOWS_11)
    assert found.name == "Windows 11 Pro 25H2 (build 26200.7171)"
    assert (found.family, found.version, found.edition) == ("windows", "26200", "home")


def test_a_long_term_edition_is_one_of_its_own() -> None:
    found = windows.operating_system(WINDOWS_10)
    assert found.name == "Windows 10 Enterprise LTSC 2021 21H2 (build 19044.5)"
    assert found.edition == "ltsc"


def test_a_server_is_not_taken_for_a_client() -> None:
    assert windows.operating_system(SERVER).family == "windows-server"
    assert windows.operating_system({**SERVER, "InstallationType": "Server Core"}).family == "windows-server"


@pytest.mark.parametrize(
    ("edition_id", "group"),
    [
        ("Core", "home"),
        ("Professional", "home"),
        ("ProfessionalWorkstation", "home"),
        ("Enterprise", "enterprise"),
        ("Education", "enterprise"),
        ("IoTEnterprise", "enterprise"),
        ("ServerRdsh", "enterprise"),
        ("EnterpriseS", "ltsc"),
        ("EnterpriseSN", "ltsc"),
        ("IoTEnterpriseS", "ltsc"),
    ],
)
def test_editions_that_end_together_are_one_group(edition_id: str, group: str) -> None:
    assert windows.edition(edition_id) == group


def test_without_a_build_number_nothing_is_claimed() -> None:
    with pytest.raises(ProbeError) as failed:
        windows.operating_system({"ProductName": "Windows 11"})
    assert failed.value.code == "not_told"


def test_only_screens_of_the_desktop_count() -> None:
    adapters = [
        Adapter(r"\\.\DISPLAY1", 0x5, 2560, 1440),  # attached, primary
        Adapter(r"\\.\DISPLAY2", 0x1, 1080, 1920),  # attached, turned
        Adapter(r"\\.\DISPLAY3", 0x0, 0, 0),  # a free output
        Adapter(r"\\.\DISPLAYV1", 0x9, 1920, 1080),  # a mirroring driver of a remote tool
        Adapter("WinDisc", 0x1, 0, 0),  # a session without a screen
    ]
    assert windows.screens(adapters) == (Screen(2560, 1440), Screen(1080, 1920))


def test_a_session_without_a_screen_says_so() -> None:
    with pytest.raises(ProbeError) as failed:
        windows.screens([Adapter("WinDisc", 0x1, 0, 0)])
    assert failed.value.code == "no_screen"


def test_the_clock_is_the_one_that_windows_wrote_down() -> None:
    assert windows.clock({"~MHz": 2496}).ghz == 2.496
    for registry in ({}, {"~MHz": "2496"}, {"~MHz": 0}):
        with pytest.raises(ProbeError):
            windows.clock(registry)


@pytest.mark.parametrize(
    ("maker", "product", "virtual"),
    [
        ("LENOVO", "21CBCTO1WW", False),
        ("Dell Inc.", "Latitude 5540", False),
        ("Microsoft Corporation", "Surface Laptop 5", False),
        ("Microsoft Corporation", "Virtual Machine", True),
        ("VMware, Inc.", "VMware20,1", True),
        ("innotek GmbH", "VirtualBox", True),
        ("Parallels International GmbH.", "Parallels ARM Virtual Machine", True),
        ("Amazon EC2", "t3.large", True),
    ],
)
def test_the_board_tells_a_virtual_machine(maker: str, product: str, virtual: bool) -> None:
    registry = {"SystemManufacturer": maker, "SystemProductName": product}
    assert windows.machine(registry) == Machine(virtual, f"board: {maker} {product}")


def test_a_board_without_names_is_not_judged() -> None:
    with pytest.raises(ProbeError):
        windows.machine({})


@pytest.mark.skipif(sys.platform == "win32", reason="there the registry answers")
def test_elsewhere_there_is_no_registry_and_no_adapter() -> None:
    assert windows.read_registry(windows.BIOS) == {}
    assert windows.list_adapters() == []
