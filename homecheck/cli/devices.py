"""`homecheck devices`: the sound devices of this computer, and what each is taken for. Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.cli.enrolments import readable_enrolments
from homecheck.config import Home
from homecheck.device_list import merged
from homecheck.locale.here import N_, _, said
from homecheck.policy import load_policy
from homecheck.printable import printable_lines

if TYPE_CHECKING:  # the audio code is loaded when the command runs
    from homecheck.instruments.audio import AudioEndpoint

HINT: Final = N_(
    "A device that is called wrong or unverified: the employer can list its USB id in the policy, as [[device]]."
)


@click.command(short_help="List this computer's sound devices, and why each is taken for what.")
@click.option("--policy", metavar="NAME|FILE", help="Use the device list of this policy, not of the enrolled programs.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form in which it is printed.")
def devices(policy: str | None, output: str) -> None:
    """List the sound devices of this computer, how each is connected, and what says so.

    Plug something in and run it again: the list is read anew each time. IT finds here the USB ids for the lists of
    devices in policies and in audio-devices.toml.
    """
    from homecheck.instruments.audio import endpoints  # here: other commands need no audio code
    from homecheck.instruments.audio.knowledge import Knowledge, read_local

    home = Home.default()
    policies = [load_policy(policy)] if policy else [found.policy for found in readable_enrolments(home)]
    lists = merged(found.devices for found in policies)
    found = [device_members(endpoint) for endpoint in endpoints(Knowledge(lists, read_local(home.root)))]
    if output == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(printable_lines(line) for device in found for line in _lines(device)) or _("No sound device."))
    click.echo(_(HINT), err=True)


def device_members(endpoint: AudioEndpoint) -> dict[str, Any]:
    """Return one endpoint as JSON members. Its id stays away: it may hold a serial number or a radio address."""
    return {
        "name": endpoint.name,
        "model": endpoint.model,
        "direction": "microphone" if endpoint.is_input else "earpiece",
        "default": endpoint.default_input or endpoint.default_output,
        "transport": endpoint.transport,
        "connection": endpoint.connection,
        "headset": endpoint.headset,
        "usb": f"{endpoint.vendor_id}:{endpoint.product_id}" if endpoint.bus == "usb" and endpoint.vendor_id else None,
        "kind": endpoint.kind or None,
        "identified_by": endpoint.identified_by,
        "reason": endpoint.reason,
        "headset_reason": endpoint.headset_reason,
        "native_rate_hz": endpoint.native_rate,
    }


def _lines(device: dict[str, Any]) -> Iterator[str]:
    yield f"{device['name']} ({said(device['direction'])}{', ' + _('in use') if device['default'] else ''})"
    usb = ", " + _("USB id {usb}", usb=device["usb"]) if device["usb"] else ""
    yield f"    {said(device['transport'])}{usb}: {said(device['reason'])}"
    worn = {True: _("a headset"), False: _("no headset"), None: _("a headset? not to be told")}[device["headset"]]
    yield f"    {worn}: {said(device['headset_reason'])}"
