"""Linux: whether a folder lies on an encrypted disk, by the stack of devices below its file system.

/proc/self/mountinfo names the device of a folder, sysfs the devices below that one, and the device mapper the kind of
each: everybody may read all of it, and no program is asked. All disks below must be encrypted, as for a volume that
reaches over two. A disk that encrypts itself (OPAL), and single folders (fscrypt), cannot be seen from here.

Sources: proc(5) mountinfo, Documentation/ABI/testing/sysfs-block-dm (dm/uuid), cryptsetup's prefixes of that uuid
(CRYPT-LUKS2-, CRYPT-PLAIN- …; CRYPT-VERITY- and CRYPT-INTEGRITY- only guard against change), sysfs-fs-btrfs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from homecheck.instruments.host.linux import read
from homecheck.instruments.host.program import Runner
from homecheck.instruments.security.facts import Told, untold
from homecheck.measurement import Details, clean_text

CIPHERS: Final = re.compile(r"CRYPT-(LUKS\d?|PLAIN|TCRYPT|BITLK|LOOPAES|FVAULT2)-")
MOST_LAYERS: Final = 12
ZFS: Final = ("zfs", "get", "-H", "-o", "value", "encryption")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo: where, of which kind, from which device, and that device's number."""

    point: str
    kind: str
    source: str
    number: str


def disk_encrypted(run: Runner, root: Path, home: str) -> Told:
    """Return whether system and user's folder both lie on encrypted disks. Raises ProbeError ``not_told``."""
    mounts = parse_mounts(read(root / "proc/self/mountinfo"))
    system = folder_encrypted(run, root, mounts, "/")
    own = folder_encrypted(run, root, mounts, home)
    details: Details = {"system": system, "home": own}
    return Told(system and own, "devices below the file systems (sysfs)", details)


def parse_mounts(text: str) -> list[Mount]:
    """Return the mounts, in the order in which they were made; names have blanks as octal numbers."""
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if dash and len(fields) > 5 and len(kinds) > 1:
            mounts.append(Mount(_plain(fields[4]), kinds[0], _plain(kinds[1]), fields[2]))
    return mounts


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def mount_of(mounts: list[Mount], path: str) -> Mount:
    """Return the mount that a folder lies on: the deepest, and of several there the last. Raises ProbeError."""
    over = [mount for mount in mounts if PurePosixPath(path).is_relative_to(mount.point)]
    if not over:
        raise untold("encryption", "a folder lies on no known file system")
    deepest = max(len(mount.point) for mount in over)
    return [mount for mount in over if len(mount.point) == deepest][-1]


def folder_encrypted(run: Runner, root: Path, mounts: list[Mount], path: str) -> bool:
    """Return whether a folder lies on an encrypted disk. Raises ProbeError ``not_told``."""
    mount = mount_of(mounts, path)
    if mount.kind == "ecryptfs":
        return True
    if mount.kind == "zfs":
        return _zfs_encrypted(run, mount)
    devices = devices_of(root, mount)
    if not devices:
        raise untold("encryption", f"a file system of the kind {clean_text(mount.kind)[:40]} does not say its disk")
    return all(device_encrypted(device) for device in devices)


def _zfs_encrypted(run: Runner, mount: Mount) -> bool:
    word = run((*ZFS, mount.source)).strip()
    if word in ("", "-", "off"):  # the pool itself may lie on an encrypted device
        raise untold("encryption", "a ZFS pool does not say what it lies on")
    return True


def devices_of(root: Path, mount: Mount) -> list[Path]:
    """Return the sysfs folders of the devices that a file system lies on; none for one without a device."""
    if not mount.number.startswith("0:"):
        device = root / "sys/dev/block" / mount.number
        return [device] if device.exists() else []
    if not mount.source.startswith("/dev/"):
        return []
    name = (root / mount.source.lstrip("/")).resolve().name
    for known in (root / "sys/fs/btrfs").glob("*/devices"):
        if (known / name).exists():
            return sorted(known.iterdir())
    device = root / "sys/class/block" / name
    return [device] if device.exists() else []


def device_encrypted(device: Path, layers: int = MOST_LAYERS) -> bool:
    """Return whether a device, or else every device below it, is encrypted. Raises ProbeError for a loop device."""
    if CIPHERS.match(read(device / "dm/uuid")):
        return True
    if (device / "loop").exists():
        raise untold("encryption", "a file system lies in a file")
    below = sorted((device / "slaves").glob("*"))
    return bool(below) and layers > 0 and all(device_encrypted(one, layers - 1) for one in below)
