"""A desktop's keyring: GNOME Keyring on a D-Bus of its own, away from the keyring of whoever tests."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import need, need_program

STARTUP_SECONDS = 20.0
DESKTOP = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP", "GNOME_KEYRING_CONTROL")


def without_desktop(folder: Path) -> dict[str, str]:
    """Return the environment of somebody with an own home who is not signed in to a desktop."""
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in DESKTOP}
    places = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    return {**kept, **places}


@contextmanager
def desktop(folder: Path, *, unlocked: bool = True) -> Iterator[dict[str, str]]:
    """Run D-Bus and the keyring until the context ends; yields the environment of a program on this desktop."""
    need(importlib.util.find_spec("keyring") is not None, "the package keyring is not installed", "pip install keyring")
    need_program("dbus-daemon", package="dbus-daemon")
    need_program("gnome-keyring-daemon", package="gnome-keyring")
    environment = without_desktop(folder)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address=unix:path={folder / 'bus'}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
    )  # fmt: skip
    try:
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        with _keyring(environment, unlocked):
            yield environment
    finally:
        bus.terminate()
        bus.communicate()


@contextmanager
def _keyring(environment: dict[str, str], unlocked: bool) -> Iterator[None]:
    unlock = ["--unlock"] if unlocked else []
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--components=secrets", *unlock],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    try:
        assert daemon.stdin is not None
        daemon.stdin.write(b"password")
        daemon.stdin.close()
        end = time.monotonic() + STARTUP_SECONDS
        while not _owned(environment["DBUS_SESSION_BUS_ADDRESS"]):
            assert daemon.poll() is None, "gnome-keyring-daemon has ended"
            assert time.monotonic() < end, "gnome-keyring-daemon does not answer"
            time.sleep(0.05)
        yield
    finally:
        daemon.terminate()
        daemon.wait()


def _owned(address: str) -> bool:
    """Tell whether a Secret Service answers on this bus."""
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    with open_dbus_connection(address) as bus:
        asked = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        reply = bus.send_and_get_reply(new_method_call(asked, "NameHasOwner", "s", ("org.freedesktop.secrets",)))
        return bool(reply.body[0])
