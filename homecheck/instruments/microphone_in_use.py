"""Whether some program records from a microphone just now: a call goes on, and nobody should measure into it.

Linux    the sound server's list of recording streams (`pactl`, for PulseAudio and PipeWire); without a server the
         state of ALSA's capture streams in /proc/asound
macOS    CoreAudio's ``kAudioDevicePropertyDeviceIsRunningSomewhere`` of every device with input; never run here
Windows  what Settings shows as "currently in use": the times of use that Windows keeps in the registry for its
         privacy page. Read as people describe it; Microsoft documents the page, not the key. Never run here

Nothing is recorded, and no name of a program is kept. Where nothing can be told the answer is no: a check is then made.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from homecheck.instruments import core_audio
from homecheck.instruments.audio import pactl
from homecheck.instruments.audio.unsure import members, rows, text
from homecheck.instruments.audio.windows import CONSENT, Key, read_key

ASOUND: Final = Path("/proc/asound")


def microphone_in_use() -> bool:
    """Tell whether a microphone of this computer is in use, as far as this system tells."""
    if sys.platform == "win32":
        return windows_in_use(read_key(CONSENT, user=True))
    if sys.platform == "darwin":
        return core_audio.is_input_running()
    outputs = pactl.listing("list", "source-outputs")
    if outputs is None:
        return alsa_in_use(ASOUND)
    return pulse_in_use(outputs, pactl.listing("list", "sources"))


def pulse_in_use(outputs: object, sources: object) -> bool:
    """Tell whether a stream records from a source that is no monitor, by ``pactl -f json list``.

    A stream that is corked waits. Level meters of mixers record as well; they are known by their resampler "peaks". The
    server's own filters are not programs: whoever uses what comes out of them has another stream.
    """
    monitors = {text(one.get("index")) for one in rows(sources) if _is_monitor(one)}
    return any(
        text(one.get("source")) not in monitors
        and one.get("corked") is not True
        and text(one.get("resample_method")) != "peaks"
        and members(one.get("properties")).get("media.role") != "filter"
        for one in rows(outputs)
    )


def alsa_in_use(folder: Path) -> bool:
    """Tell whether a capture stream of a sound card runs: ``card0/pcm0c/sub0/status`` begins with "state: RUNNING"."""
    try:
        states = [path.read_text("ascii", "replace") for path in folder.glob("card*/pcm*c/sub*/status")]
    except OSError:  # a device was pulled out just now
        return False
    return any(state.startswith("state: RUNNING") for state in states)


def windows_in_use(consent: Key) -> bool:
    """Tell whether a program has begun to use the microphone and not ended, by the key of the privacy page.

    Every program has a key, those of the desktop below ``NonPackaged``; the end is 0 while it goes on.
    """
    return any(
        bool(one.values.get("lastusedtimestart")) and one.values.get("lastusedtimestop") == 0
        for one in (*consent.keys.values(), *_key(consent, "NonPackaged").keys.values())
    )


def _key(parent: Key, name: str) -> Key:
    return parent.keys.get(name, Key())


def _is_monitor(source: Mapping[str, Any]) -> bool:
    return bool(source.get("monitor_source")) or members(source.get("properties")).get("device.class") == "monitor"
