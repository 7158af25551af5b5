"""Trees in the shape of sysfs, as the kernel's documentation and drivers lay them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.instruments.host.program import Runner
from homecheck.instruments.link_facts import LinkFacts, Wifi
from homecheck.instruments.link_linux import facts, parse_signal

WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
wlp2s0: 0000   58.  -52.  -256        0      0      0      0     71        0
  wlan1: 0000   70.   40.  -256        0      0      0      0      0        0
"""


class Tree:
    """Builds interfaces below `root`/net and their devices below `root`/devices."""

    def __init__(self, root: Path) -> None:
        self.net, self.devices, self.drivers = root / "net", root / "devices", root / "drivers"

    def add(
        self,
        name: str,
        number: int = 1,
        *,
        devtype: str = "",
        driver: str = "",
        vendor: str = "",
        speed: str | None = None,
        extra: tuple[str, ...] = (),
    ) -> None:
        folder = self.net / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{number}\n")
        (folder / "uevent").write_text((f"DEVTYPE={devtype}\n" if devtype else "") + f"INTERFACE={name}\nIFINDEX=3\n")
        if speed is not None:
            (folder / "speed").write_text(f"{speed}\n")
        for entry in extra:
            (folder / entry).mkdir()
        if driver:
            function = self.devices / f"usb-{name}" / f"usb-{name}:1.0"
            function.mkdir(parents=True)
            (self.drivers / driver).mkdir(parents=True, exist_ok=True)
            (function / "driver").symlink_to(self.drivers / driver)
            (folder / "device").symlink_to(function)
            if vendor:
                (function.parent / "idVendor").write_text(f"{vendor}\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def nothing_installed(_command: Sequence[str]) -> str:
    return ""


def told(tree: Tree, name: str, wireless: Path = Path("/nonexistent"), run: Runner = nothing_installed) -> LinkFacts:
    return facts(name, tree.net, wireless, sleep=lambda _: None, run=run)


def test_a_cable_is_ethernet_with_its_speed(tree: Tree) -> None:
    tree.add("enp3s0", driver="e1000e", speed="1000")
    assert told(tree, "enp3s0") == LinkFacts("enp3s0", "ethernet", False, 1000.0, (), "driver e1000e")


@pytest.mark.parametrize("speed", ["-1", "4294967295", "", None])
def test_a_speed_that_the_driver_does_not_know_is_none(tree: Tree, speed: str | None) -> None:
    tree.add("eth0", driver="virtio_net", speed=speed)
    assert told(tree, "eth0").speed_mbit_s is None


@pytest.mark.parametrize(("devtype", "extra"), [("wlan", ()), ("", ("wireless",)), ("", ("phy80211",))])
def test_wifi_is_told_by_any_of_its_signs(tree: Tree, devtype: str, extra: tuple[str, ...]) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype=devtype, extra=extra)
    found = told(tree, "wlp2s0")
    assert (found.kind, found.vpn) == ("wifi", False)


def test_the_signal_of_wifi_is_read_several_times(tree: Tree, tmp_path: Path) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan")
    wireless = tmp_path / "wireless"
    wireless.write_text(WIRELESS)
    assert told(tree, "wlp2s0", wireless).signals_dbm == (-52.0,) * 5


def test_a_level_that_is_no_dbm_is_not_taken_for_one() -> None:
    assert parse_signal(WIRELESS, "wlp2s0") == -52.0
    assert parse_signal(WIRELESS, "wlan1") is None
    assert parse_signal(WIRELESS, "wlp9s0") is None
    assert parse_signal("", "wlp2s0") is None


@pytest.mark.parametrize(
    ("driver", "vendor"),
    [("rndis_host", "18d1"), ("ipheth", "05ac"), ("cdc_ncm", "05ac"), ("cdc_ether", "12d1"), ("cdc_mbim", "2c7c")],
)
def test_a_tethered_telephone_is_no_ethernet(tree: Tree, driver: str, vendor: str) -> None:
    tree.add("enx0242ac", driver=driver, vendor=vendor, speed="425")
    assert told(tree, "enx0242ac").kind == "cellular"


def test_a_modem_says_so_itself(tree: Tree) -> None:
    tree.add("wwan0", 1, devtype="wwan", driver="qmi_wwan")
    assert told(tree, "wwan0").kind == "cellular"


def test_an_ethernet_adapter_that_speaks_the_modems_protocol_is_ethernet(tree: Tree) -> None:
    tree.add("enx00e04c", driver="cdc_ncm", vendor="0bda", speed="2500")
    found = told(tree, "enx00e04c")
    assert (found.kind, found.speed_mbit_s) == ("ethernet", 2500.0)


@pytest.mark.parametrize(
    ("number", "devtype", "extra"),
    [(65534, "", ("tun_flags",)), (1, "", ("tun_flags",)), (65534, "wireguard", ()), (65534, "", ()), (512, "", ())],
    ids=["tun", "tap", "wireguard", "no link layer", "ppp"],
)
def test_a_tunnel_is_a_vpn(tree: Tree, number: int, devtype: str, extra: tuple[str, ...]) -> None:
    tree.add("vpn0", number, devtype=devtype, extra=extra, speed="10000")
    found = told(tree, "vpn0")
    assert (found.kind, found.vpn) == ("other", True)


def test_a_bridge_is_what_lies_under_it(tree: Tree) -> None:
    tree.add("br0", devtype="bridge", extra=("lower_enp3s0",))
    tree.add("enp3s0", driver="e1000e", speed="1000")
    assert told(tree, "br0") == LinkFacts("br0", "ethernet", False, 1000.0, (), "over enp3s0")


def test_a_bridge_over_several_is_not_guessed(tree: Tree) -> None:
    tree.add("br0", devtype="bridge", extra=("lower_enp3s0", "lower_wlp2s0"))
    assert told(tree, "br0").kind == "other"


def test_an_interface_without_a_device_is_other(tree: Tree) -> None:
    tree.add("veth12")
    found = told(tree, "veth12")
    assert (found.kind, found.vpn) == ("other", False)


IW = """\
Connected to 02:00:00:00:00:01 (on wlp2s0)
\tSSID: home sweet home
\tfreq: 5180
\tsignal: -61 dBm
\trx bitrate: 780.0 MBit/s VHT-MCS 8 80MHz short GI VHT-NSS 2
\ttx bitrate: 866.7 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 2
"""
VHT = Wifi("5 GHz", 36, 5180.0, 80, "802.11ac", 9, 866.7, 780.0)


def programs(command: Sequence[str]) -> str:
    if "iw" in command:
        return IW
    assert "nmcli" in command
    return f"GENERAL.METERED:{'yes (guessed)' if command[-1] == 'wlp2s0' else 'no'}\n"


def test_wifi_is_told_with_its_channel_and_rate_where_iw_is_installed(tree: Tree, tmp_path: Path) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan", speed="-1")
    wireless = tmp_path / "wireless"
    wireless.write_text(WIRELESS)
    found = told(tree, "wlp2s0", wireless, programs)
    assert (found.wifi, found.speed_mbit_s, found.signals_dbm) == (VHT, 866.7, (-52.0,) * 5)
    assert "home" not in repr(found)


def test_a_kernel_without_wireless_extensions_leaves_one_reading_of_the_signal(tree: Tree) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan")
    assert told(tree, "wlp2s0", run=programs).signals_dbm == (-61.0,)


def test_wifi_without_iw_is_wifi_all_the_same(tree: Tree) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan")
    found = told(tree, "wlp2s0")
    assert (found.kind, found.wifi, found.speed_mbit_s) == ("wifi", Wifi(), None)


def test_what_data_costs_is_networkmanagers_word(tree: Tree) -> None:
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan")
    tree.add("enp3s0", driver="e1000e")
    assert told(tree, "wlp2s0", run=programs).costs is True
    assert told(tree, "enp3s0", run=programs).costs is False
    assert told(tree, "enp3s0").costs is None


def test_a_mobile_network_costs_unless_networkmanager_says_no(tree: Tree) -> None:
    tree.add("wwan0", devtype="wwan", driver="qmi_wwan")
    assert told(tree, "wwan0").costs is True
    assert told(tree, "wwan0", run=programs).costs is False


def test_the_bridge_over_wifi_has_the_details_of_what_lies_under_it(tree: Tree) -> None:
    tree.add("br0", devtype="bridge", extra=("lower_wlp2s0",))
    tree.add("wlp2s0", driver="iwlwifi", devtype="wlan")
    found = told(tree, "br0", run=programs)
    assert (found.interface, found.wifi, found.metered) == ("br0", VHT, True)
