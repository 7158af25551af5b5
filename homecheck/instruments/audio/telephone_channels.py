"""The channels of a recording that may carry a telephone: an interface of twelve inputs has it on one of them.

The loudest channel need not be it: an open input picks up the mains, and some have a constant voltage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homecheck.instruments.audio.recording import Recording, loudest_channel

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and a probe's module must load without it
    from numpy.typing import NDArray


def telephone_channels(recording: Recording) -> list[NDArray[Any]]:
    """Return the channels that are not silent, first the one with most power in the telephone's band.

    Raises ProbeError as `loudest_channel` does.
    """
    import numpy as np

    from homecheck.standards.telephone_band import telephone_band

    loudest_channel(recording)  # refuses what is no sound
    channels = [channel for channel in recording.samples.astype(np.float64).T if channel.any()]
    powers = [float(np.sum(telephone_band(channel, recording.rate_hz) ** 2)) for channel in channels]
    order = np.argsort(powers)[::-1]
    return [channels[index] for index in order]
