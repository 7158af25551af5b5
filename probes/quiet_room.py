"""The room: how loud, how unsteady, and of what kind its noise is, as the headset's microphone hears it.

A computer's microphone has no known sensitivity, so nothing here is a sound pressure level: `room.noise` is relative to
full scale, the other numbers are relative to the room's own background. Exact zeros and a floor below -95 dBFS are a
muted or gated microphone, never a quiet room.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.recording import Recording, gated_share, loudest_channel, record
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Person, Quantity

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from typing import Any

    from numpy.typing import NDArray

    from homecheck.instruments.audio.analysis.room import RoomSound

NOISE: Final = Quantity("room.noise", "dBFS(A)", "LAeq, IEC 61672-1 A-weighting, 0 dB is a full-scale square wave")
VARIATION: Final = Quantity("room.variation", "dB", "LA10 - LA90 of the Fast level, IEC 61672-1")
EVENTS: Final = Quantity("room.events", "1/min", "rises of the Fast level 10 dB above LA90, half a second apart")
HUM: Final = Quantity("room.hum", "dB", "three strongest multiples of 50 or 60 Hz over their neighbourhood")
KIND: Final = Quantity.text("room.kind", "modulation at 2 to 10 Hz, events, hum score, LAeq; voices are not told apart")
QUANTITIES: Final = (NOISE, VARIATION, EVENTS, HUM, KIND)

MIN_SECONDS: Final = 5.0
PIECE_SECONDS: Final = 60.0  # a longer listen is made of pieces: no more sound than that is ever in memory
FLOOR_DBFS: Final = -95.0  # no microphone with an open channel is as quiet as that
GATED_SHARE: Final = 0.05
QUIET_DBFS: Final = -60.0  # of a steady noise without events: below, the kind is "quiet"; it judges nothing

BE_SILENT: Final = "Please stay silent for {seconds:.0f} seconds: the microphone listens to the room."


@dataclass(frozen=True)
class QuietRoom:
    """Listens for `listen_seconds` to the endpoint `wanted`, or to the system's default microphone."""

    listen_seconds: float = 10.0
    wanted: str | None = None
    person: Person | None = None
    endpoints: Callable[[], tuple[AudioEndpoint, ...]] = endpoints
    record: Callable[[AudioEndpoint, float], Recording] = record

    name: ClassVar[str] = "quiet_room"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    needs: ClassVar[frozenset[Need]] = frozenset({Need.MICROPHONE})
    reveals: ClassVar[str] = "How loud and how unsteady your room is, as levels; never what was said or any sound."

    @classmethod
    def for_check(cls, setup: CheckSetup) -> QuietRoom:
        """Return the probe for one check."""
        return cls(setup.listen_seconds, setup.headset, setup.person)

    @property
    def deadline_seconds(self) -> float:
        """The listening, and time to open a slow device and to calculate, for each piece."""
        return self.listen_seconds + 40.0 + 15.0 * (self._pieces - 1)

    def run(self) -> Iterator[Measurement]:
        """Listen and measure."""
        endpoint = choose_input(self.endpoints(), self.wanted)
        if self.person is not None:
            self.person.tell(BE_SILENT.format(seconds=self.listen_seconds))
        rate, sound = self._listen(endpoint)
        yield from measure(endpoint, rate, sound)

    @property
    def _pieces(self) -> int:
        return max(1, math.ceil(self.listen_seconds / PIECE_SECONDS))

    def _listen(self, endpoint: AudioEndpoint) -> tuple[int, RoomSound]:
        """Return the rate in Hz and what is kept of the room's sound."""
        # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
        from homecheck.instruments.audio.analysis.room import RoomSound

        kept: list[RoomSound] = []
        for _ in range(self._pieces):
            recording = self.record(endpoint, self.listen_seconds / self._pieces)
            x, rate = loudest_channel(recording), recording.rate_hz
            refuse_too_short(recording)
            refuse_gated(x, rate)
            kept.append(RoomSound.of(x, rate))
        return rate, RoomSound.joined(kept)


def measure(endpoint: AudioEndpoint, rate_hz: int, sound: RoomSound) -> Iterator[Measurement]:
    """Yield the room's quantities. Raises ProbeError for a background that no open microphone delivers."""
    noise, variation, events = sound.noise(), sound.variation(), sound.events()
    hum, hum_uncertainty, mains = sound.hum()
    la10, la50, la90 = (sound.exceeded_db(percent) for percent in (10, 50, 90))
    if la90 < FLOOR_DBFS:
        raise _floor_too_low(la90)
    details: Details = {
        "endpoint": shown(endpoint.name),
        "transport": endpoint.transport,
        "rate_hz": rate_hz,
        "seconds": round(sound.seconds, 2),
        "exact_zero_percent": round(100 * sound.zero_share, 3),
        "la10": round(la10, 2),
        "la50": round(la50, 2),
        "la90": round(la90, 2),
        "lafmax": round(float(sound.fast.max()), 2),
        "modulation_db2": round(sound.modulation_db2, 2),
    }
    yield Measurement(NOISE, *noise, details=details)
    yield Measurement(VARIATION, *variation, details=details)
    yield _events(events, sound.weighted_seconds)
    yield Measurement(HUM, hum, hum_uncertainty, details={"mains_hz": mains})
    yield Measurement(KIND, kind(noise[0], events, sound.modulation_db2, hum), details=details)


def kind(laeq: float, events: int, modulation_db2: float, hum_db: float) -> str:
    """Return what kind of noise it is. Voices are events here: nothing in this version tells them from a dog."""
    from homecheck.instruments.audio.analysis import hum, modulation

    if events or modulation_db2 >= modulation.THRESHOLD:
        return "events"
    if hum_db >= hum.THRESHOLD_DB:
        return "hum"
    return "quiet" if laeq < QUIET_DBFS else "steady"


def refuse_too_short(recording: Recording) -> None:
    """Raise ProbeError for less sound than percentiles need."""
    if recording.seconds < MIN_SECONDS:
        raise ProbeError(
            "too_short",
            f"Listen for at least {MIN_SECONDS:.0f} seconds.",
            message=f"{recording.seconds:.1f} s of sound are too few for percentiles",
            at_fault="agent",
        )


def refuse_gated(x: NDArray[Any], rate_hz: int) -> None:
    """Raise ProbeError when the microphone is switched off for part of the time."""
    share = gated_share(x, rate_hz)
    if share > GATED_SHARE:
        raise ProbeError(
            "gated",
            "Turn off noise suppression for this microphone, or measure with another one.",
            message=f"exact zeros for {100 * share:.0f} % of the time: a noise gate hides the room",
        )


def _events(count: int, seconds: float) -> Measurement:
    from homecheck.instruments.audio.analysis.resampling import poisson_half_width

    per_minute = 60 / seconds
    details: Details = {"count": count, "seconds": round(seconds, 2)}
    return Measurement(EVENTS, count * per_minute, poisson_half_width(count) * per_minute, details=details)


def _floor_too_low(la90: float) -> ProbeError:
    return ProbeError(
        "muted",
        "Unmute the microphone, turn its level up in the sound settings, and turn off noise suppression.",
        message=f"a background of {la90:.0f} dBFS(A) is below what an open microphone can deliver: muted or gated",
    )
