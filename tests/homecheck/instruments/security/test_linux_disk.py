"""Linux disks: the stacks that installers make, as mountinfo and sysfs show them, built below a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.security.facts import Told
from homecheck.instruments.security.linux_disk import disk_encrypted, mount_of, parse_mounts

LUKS = "CRYPT-LUKS2-0a1b2c3d4e5f60718293a4b5c6d7e8f9-cryptroot"


class Disks:
    """A computer's /sys and /proc: devices by number, each with its kind and what lies below it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounts: list[str] = []

    def device(self, name: str, number: str = "", uuid: str = "", below: Sequence[str] = ()) -> None:
        folder = self.root / "sys/class/block" / name
        (folder / "slaves").mkdir(parents=True)
        if uuid:
            (folder / "dm").mkdir()
            (folder / "dm/uuid").write_text(uuid + "\n")
        for one in below:
            (folder / "slaves" / one).symlink_to(self.root / "sys/class/block" / one)
        if number:
            numbers = self.root / "sys/dev/block"
            numbers.mkdir(parents=True, exist_ok=True)
            (numbers / number).symlink_to(folder)

    def mount(self, point: str, number: str, kind: str, source: str) -> None:
        self.mounts.append(f"36 35 {number} / {point} rw,relatime shared:1 - {kind} {source} rw")

    def told(self, home: str = "/home/ada", zfs: str = "") -> Told:
        proc = self.root / "proc/self"
        proc.mkdir(parents=True, exist_ok=True)
        (proc / "mountinfo").write_text("\n".join(self.mounts) + "\n")
        return disk_encrypted(lambda command: zfs, self.root, home)


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    return Disks(tmp_path)


def test_a_plain_partition_is_not_encrypted(disks: Disks) -> None:
    disks.device("sda2", "8:2")
    disks.mount("/", "8:2", "ext4", "/dev/sda2")
    told = disks.told()
    assert (told.value, told.details) == (False, {"system": False, "home": False})


def test_ubuntus_lvm_on_luks_is_encrypted(disks: Disks) -> None:
    disks.device("nvme0n1p3")
    disks.device("dm-0", uuid=LUKS, below=["nvme0n1p3"])
    disks.device("dm-1", "253:1", uuid="LVM-abcdef", below=["dm-0"])
    disks.mount("/", "253:1", "ext4", "/dev/mapper/vgubuntu-root")
    assert disks.told().value is True


def test_a_home_of_its_own_counts_by_itself(disks: Disks) -> None:
    disks.device("sda2", "8:2")
    disks.device("sdb1")
    disks.device("dm-0", "253:0", uuid=LUKS, below=["sdb1"])
    disks.mount("/", "8:2", "ext4", "/dev/sda2")
    disks.mount("/home", "253:0", "ext4", "/dev/mapper/home")
    told = disks.told()
    assert (told.value, told.details) == (False, {"system": False, "home": True})


def test_a_volume_over_two_disks_is_as_safe_as_the_open_one(disks: Disks) -> None:
    disks.device("sda2")
    disks.device("sdb1")
    disks.device("dm-0", uuid=LUKS, below=["sda2"])
    disks.device("dm-1", "253:1", uuid="LVM-x", below=["dm-0", "sdb1"])
    disks.mount("/", "253:1", "ext4", "/dev/mapper/vg-root")
    assert disks.told().value is False


def test_fedoras_btrfs_on_luks_has_a_number_of_its_own(disks: Disks) -> None:
    disks.device("nvme0n1p3")
    disks.device("dm-0", uuid=LUKS, below=["nvme0n1p3"])
    mapper = disks.root / "dev/mapper"
    mapper.mkdir(parents=True)
    (disks.root / "dev/dm-0").touch()
    (mapper / "luks-1").symlink_to("../dm-0")
    known = disks.root / "sys/fs/btrfs/0f/devices"
    known.mkdir(parents=True)
    (known / "dm-0").symlink_to(disks.root / "sys/class/block/dm-0")
    disks.mount("/", "0:33", "btrfs", "/dev/mapper/luks-1")
    disks.mount("/home", "0:33", "btrfs", "/dev/mapper/luks-1")
    assert disks.told().value is True
    disks.device("sdb1")
    (known / "sdb1").symlink_to(disks.root / "sys/class/block/sdb1")  # a second, open disk joined it
    assert disks.told().value is False


@pytest.mark.parametrize("uuid", ["CRYPT-VERITY-abc-root", "CRYPT-INTEGRITY-abc", "LVM-CRYPT-LUKS2-", "crypt-luks2-"])
def test_what_only_guards_against_change_is_no_encryption(disks: Disks, uuid: str) -> None:
    disks.device("sda2")
    disks.device("dm-0", "253:0", uuid=uuid, below=["sda2"])
    disks.mount("/", "253:0", "ext4", "/dev/mapper/root")
    assert disks.told().value is False


@pytest.mark.parametrize("kind", ["LUKS1", "LUKS2", "PLAIN", "TCRYPT", "BITLK"])
def test_every_cipher_of_the_device_mapper_counts(disks: Disks, kind: str) -> None:
    disks.device("dm-0", "253:0", uuid=f"CRYPT-{kind}-abc-root")
    disks.mount("/", "253:0", "ext4", "/dev/mapper/root")
    assert disks.told().value is True


@pytest.mark.parametrize(
    ("kind", "source"), [("overlay", "overlay"), ("tmpfs", "tmpfs"), ("nfs4", "nas:/home"), ("ext4", "/dev/gone")]
)
def test_a_file_system_without_a_known_disk_is_not_told(disks: Disks, kind: str, source: str) -> None:
    disks.mount("/", "0:44", kind, source)
    with pytest.raises(ProbeError, match=kind) as failed:
        disks.told()
    assert failed.value.code == "not_told"
    assert "ada" not in failed.value.message  # the folder's name is the person's


def test_zfs_says_it_itself_or_nothing(disks: Disks) -> None:
    disks.mount("/", "0:30", "zfs", "rpool/ROOT/ubuntu")
    assert disks.told(zfs="aes-256-gcm\n").value is True
    for silent in ("off\n", "-\n", ""):
        with pytest.raises(ProbeError, match="ZFS"):
            disks.told(zfs=silent)


def test_an_encrypted_home_of_old_is_known_by_its_kind(disks: Disks) -> None:
    disks.device("dm-0", "253:0", uuid=LUKS)
    disks.mount("/", "253:0", "ext4", "/dev/mapper/root")
    disks.mount("/home/ada", "0:60", "ecryptfs", "/home/.ecryptfs/ada/.Private")
    assert disks.told().value is True


def test_a_file_used_as_a_disk_is_not_told(disks: Disks) -> None:
    disks.device("loop0", "7:0")
    (disks.root / "sys/class/block/loop0/loop").mkdir()
    disks.mount("/", "7:0", "ext4", "/dev/loop0")
    with pytest.raises(ProbeError, match="in a file"):
        disks.told()


def test_a_ring_of_devices_ends(disks: Disks) -> None:
    disks.device("dm-0", "253:0", uuid="LVM-x", below=["dm-1"])
    disks.device("dm-1", uuid="LVM-y", below=["dm-0"])
    disks.mount("/", "253:0", "ext4", "/dev/mapper/x")
    assert disks.told().value is False


def test_the_deepest_and_last_mount_counts_and_a_blank_in_a_name_is_read() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 8:2 / /home rw - ext4 /dev/sda2 rw\n"
        "3 1 8:3 / /home rw - ext4 /dev/sda3 rw\n"
        "4 1 8:4 / /homely rw - ext4 /dev/sda4 rw\n"
        "5 1 8:5 / /home/a\\040b rw - ext4 /dev/sda5 rw\n"
        "broken\n"
    )
    mounts = parse_mounts(text)
    assert [mount_of(mounts, path).number for path in ("/home/ada", "/home/a b/c", "/var")] == ["8:3", "8:5", "8:1"]
    with pytest.raises(ProbeError):
        mount_of([], "/")
