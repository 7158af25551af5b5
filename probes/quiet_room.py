"""The room: how loud, how unsteady, and of what kind its noise is, as the headset's microphone hears it.

A computer's microphone has no known sensitivity, so nothing here is a sound pressure level: `room.noise` is relative to
full scale, the other numbers are relative to the room's own background. Exact zeros and a floor below -95 dBFS are a
muted or gated microphone, never a quiet room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments.audio import AudioEndpoint, choose_input, endpoints
from homecheck.instruments.audio.endpoint import shown
from homecheck.instruments.audio.recording import Recording, gated_share, loudest_channel, record, zero_share
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Person, Quantity

if TYPE_CHECKING:  # numpy takes 0.2 s to import, and listing the probes must not pay for it
    from typing import Any

    from numpy.typing import NDArray

    from homecheck.standards.iec_61672_1 import WeightedPower

NOISE: Final = Quantity("room.noise", "dBFS(A)", "LAeq, IEC 61672-1 A-weighting, 0 dB is a full-scale square wave")
VARIATION: Final = Quantity("room.variation", "dB", "LA10 - LA90 of the Fast level, IEC 61672-1")
EVENTS: Final = Quantity("room.events", "1/min", "rises of the Fast level 10 dB above LA90, half a second apart")
HUM: Final = Quantity("room.hum", "dB", "three strongest multiples of 50 or 60 Hz over their neighbourhood")
KIND: Final = Quantity.text("room.kind", "modulation at 2 to 10 Hz, events, hum score, LAeq; voices are not told apart")
QUANTITIES: Final = (NOISE, VARIATION, EVENTS, HUM, KIND)

BLOCK_SECONDS: Final = 0.5  # what resampling draws
MIN_SECONDS: Final = 5.0
FLOOR_DBFS: Final = -95.0  # no microphone with an open channel is as quiet as that
GATED_SHARE: Final = 0.05
QUIET_DBFS: Final = -60.0  # of a steady noise without events: below, the kind is "quiet"; it judges nothing
WEIGHTING_DB: Final = 0.05  # the A curve against the rounded table of the standard
HUM_METHOD_DB: Final = 0.5

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
        """The listening, and time to open a slow device and to calculate."""
        return self.listen_seconds + 40.0

    def run(self) -> Iterator[Measurement]:
        """Listen once and measure."""
        endpoint = choose_input(self.endpoints(), self.wanted)
        if self.person is not None:
            self.person.tell(BE_SILENT.format(seconds=self.listen_seconds))
        yield from measure(endpoint, self.record(endpoint, self.listen_seconds))


@dataclass(frozen=True)
class Levels:
    """The Fast level in dBFS(A), one value per millisecond, and its percentiles."""

    power: WeightedPower
    fast: NDArray[Any]
    laeq: float
    la10: float
    la50: float
    la90: float
    lafmax: float

    @property
    def seconds(self) -> float:
        """How long the weighted sound is."""
        return len(self.fast) * self.power.block_seconds


def measure(endpoint: AudioEndpoint, recording: Recording) -> Iterator[Measurement]:
    """Yield the room's quantities. Raises ProbeError for a microphone that is muted, gated or too short."""
    # Here and not at the top: numpy takes 0.2 s, and listing the probes must not pay for it.
    from homecheck.instruments.audio.analysis.events import count_events
    from homecheck.instruments.audio.analysis.modulation import modulation

    x, rate = loudest_channel(recording), recording.rate_hz
    refuse_too_short(recording)
    refuse_gated(x, rate)
    levels = _levels(x, rate)
    if levels.la90 < FLOOR_DBFS:
        raise _floor_too_low(levels.la90)
    events = count_events(levels.fast, levels.la90, levels.power.block_seconds)
    moved = modulation(x, rate)
    hum, hum_u, mains = _hum(x, rate)
    details: Details = {
        "endpoint": shown(endpoint.name),
        "transport": endpoint.transport,
        "rate_hz": rate,
        "seconds": round(recording.seconds, 2),
        "exact_zero_percent": round(100 * zero_share(x), 3),
        "la10": round(levels.la10, 2),
        "la50": round(levels.la50, 2),
        "la90": round(levels.la90, 2),
        "lafmax": round(levels.lafmax, 2),
        "modulation_db2": round(moved, 2),
    }
    yield Measurement(NOISE, levels.laeq, _noise_uncertainty(levels), details=details)
    yield Measurement(VARIATION, levels.la10 - levels.la90, _variation_uncertainty(levels), details=details)
    yield _events(events, levels.seconds)
    yield Measurement(HUM, hum, hum_u, details={"mains_hz": mains})
    yield Measurement(KIND, kind(levels.laeq, events, moved, hum), details=details)


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


def _levels(x: NDArray[Any], rate: int) -> Levels:
    from homecheck.standards.iec_61672_1 import a_weighted_power, exceeded_db

    power = a_weighted_power(x - x.mean(), rate)
    fast = power.time_weighted_db()
    la10, la50, la90 = (exceeded_db(fast, percent) for percent in (10, 50, 90))
    return Levels(power, fast, power.level_db(), la10, la50, la90, float(fast.max()))


def _noise_uncertainty(levels: Levels) -> float:
    from homecheck.instruments.audio.analysis.resampling import half_width
    from homecheck.standards.iec_61672_1 import decibels

    blocks = _blocks(levels.power.power, levels).mean(axis=1)
    return half_width(lambda rows: decibels(float(blocks[rows].mean())), len(blocks), WEIGHTING_DB)


def _variation_uncertainty(levels: Levels) -> float:
    import numpy as np

    from homecheck.instruments.audio.analysis.resampling import half_width

    # Every tenth millisecond is enough: Fast moves by 0.35 dB in that time.
    blocks = _blocks(levels.fast, levels)[:, ::10]

    def variation(rows: NDArray[np.int64]) -> float:
        low, high = np.percentile(blocks[rows], [10, 90])
        return float(high - low)

    return half_width(variation, len(blocks), WEIGHTING_DB)


def _blocks(values: NDArray[Any], levels: Levels) -> NDArray[Any]:
    size = round(BLOCK_SECONDS / levels.power.block_seconds)
    return values[: len(values) // size * size].reshape(-1, size)


def _events(count: int, seconds: float) -> Measurement:
    from homecheck.instruments.audio.analysis.resampling import poisson_half_width

    per_minute = 60 / seconds
    details: Details = {"count": count, "seconds": round(seconds, 2)}
    return Measurement(EVENTS, count * per_minute, poisson_half_width(count) * per_minute, details=details)


def _hum(x: NDArray[Any], rate: int) -> tuple[float, float, int]:
    """Return the hum score in dB, its uncertainty and the mains frequency."""
    from homecheck.instruments.audio.analysis.hum import hum_spectra
    from homecheck.instruments.audio.analysis.resampling import half_width

    spectra = hum_spectra(x, rate)
    score, mains = spectra.score_db()
    return score, half_width(lambda rows: spectra.score_db(rows)[0], len(spectra.power), HUM_METHOD_DB), mains


def _floor_too_low(la90: float) -> ProbeError:
    return ProbeError(
        "muted",
        "Unmute the microphone, turn its level up in the sound settings, and turn off noise suppression.",
        message=f"a background of {la90:.0f} dBFS(A) is below what an open microphone can deliver: muted or gated",
    )
