"""From one run against a responder to what its values are caused by: the run's packets beside the routers' answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from homecheck.errors import ProbeError
from homecheck.instruments import blame
from homecheck.instruments.blame import Seen, Way
from homecheck.instruments.hop_watch import HopLog, Sample
from homecheck.instruments.network_run import LoadedCall, NetworkRun
from homecheck.instruments.voice_path import Packet, between
from homecheck.measurement import Cause

Impairment = Literal["delay", "variation", "loss"]  # what costs a call most of its rating

DELAY: Final = ("network.rtt",)
VARIATION: Final = ("network.rtt_p95", "network.jitter", "network.pdv_p95")
LOSS: Final = ("network.loss", "network.loss_up", "network.loss_down", "network.loss_burst")
RATING: Final = ("network.r", "network.mos")
LOADED: Final = ("network.loaded_rtt_increase", "network.loaded_mos")
DOWNLOAD: Final = "network.download"
UPLOAD: Final = "network.upload"


@dataclass(frozen=True)
class Causes:
    """Where things arise in one run; None where that is not known, or nothing has arisen."""

    delay: Cause | None = None
    variation: Cause | None = None
    loss: Cause | None = None
    download: Cause | None = None  # where the delay arises that the download adds: there its queue stands
    upload: Cause | None = None

    def of(self, quantity: str, rating: Impairment = "variation", loaded: str = DOWNLOAD) -> Cause | None:
        """Return the cause of a value.

        `rating` is what costs the idle call most; `loaded` the throughput whose load slows the call down most.
        """
        throughput = {DOWNLOAD: self.download, UPLOAD: self.upload}
        named: Iterable[tuple[Sequence[str], Cause | None]] = (
            (DELAY, self.delay),
            (VARIATION, self.variation),
            (LOSS, self.loss),
            (RATING, {"delay": self.delay, "variation": self.variation, "loss": self.loss}[rating]),
            (LOADED, throughput.get(loaded)),
            ((DOWNLOAD,), self.download),
            ((UPLOAD,), self.upload),
        )
        return next((cause for names, cause in named if quantity in names), None)


def causes_of(run: NetworkRun, log: HopLog, others: int | None = None) -> Causes:
    """Return where things arise in `run`, beside which `log` was kept and the responder served `others` sessions."""
    packets = run.idle.packets
    if not packets:
        return Causes()
    idle = way(packets, log.between(packets[0].moment, packets[-1].moment), others)
    download, upload = (_increase(idle, call, log, others) for call in (run.download, run.upload))
    return Causes(blame.delay(idle), blame.variation(idle), blame.loss(idle), download, upload)


def way(packets: Sequence[Packet], log: HopLog, others: int | None) -> Way:
    """Return one phase as the packets and the routers' answers show it."""
    seen: dict[blame.Spot, Seen] = {
        "responder": Seen(tuple(rtt for packet in packets if (rtt := packet.rtt_ms) is not None), len(packets))
    }
    seen |= {place: _seen(samples) for place, samples in log.samples.items() if samples}
    if "public" in seen:
        seen.setdefault("last", seen["public"])  # no other router answers behind it: it is the last one too
    return Way(seen, log.ends_at_ours, others)


def _increase(idle: Way, call: LoadedCall | ProbeError, log: HopLog, others: int | None) -> Cause | None:
    if isinstance(call, ProbeError) or call.log is None:
        return None
    begin, end = call.window
    packets = between(call.log.packets, begin, end)
    return blame.increase(idle, way(packets, log.between(begin, end), others)) if packets else None


def _seen(samples: Sequence[Sample]) -> Seen:
    return Seen(tuple(sample.rtt_ms for sample in samples if sample.rtt_ms is not None), len(samples))
