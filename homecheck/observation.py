"""What the responder saw itself, and signs: its counters of one session (typ ``homecheck-observation+jws``).

    {"v": 1, "session": text, "nonce": text or null, "started_at": time, "finished_at": time, "source": address,
     "download": {"bytes": n, "streams": n, "bin_ms": 50, "bins": [bytes, …], "rate_mbit_s": x or null,
                  "uncertainty_mbit_s": x or null, "steady": yes/no, "rtt_ms": x or null, "retransmitted": x or null},
     "upload": the same,
     "udp": [{"flow": n, "received": n, "reflected": n, "duplicates": n, "reordered": n, "map": base64url}, …]}

Bytes are payload. Download bins hold what the agent's system acknowledged where the kernel tells that (TCP_INFO),
else what was handed to the kernel; upload bins hold what arrived. `received` counts different sequence numbers; `map`
has one bit per sequence number, the first packet in the highest bit of the first byte, so that loss on the way up is
known packet by packet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homecheck.errors import Refused
from homecheck.signing import Verified, base64url, decode_base64url
from homecheck.standards import rfc_3339
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
MAX_BINS: Final = 1_200  # a minute of 50 ms
MAX_MAP: Final = 2_000  # bytes: 16000 packets of one flow


@dataclass(frozen=True)
class Transfer:
    """One direction of TCP: payload bytes in bins, and what they come to in Mbit/s (None: too little to say)."""

    bytes: int = 0
    streams: int = 0
    bins: tuple[int, ...] = ()
    bin_ms: int = 50
    rate_mbit_s: float | None = None
    uncertainty_mbit_s: float | None = None
    steady: bool = False
    rtt_ms: float | None = None
    retransmitted: float | None = None  # share of the segments, 0 … 1


@dataclass(frozen=True)
class Flow:
    """One flow of UDP packets as the responder saw it; `map` has a bit for every packet that arrived."""

    flow: int
    received: int = 0
    reflected: int = 0
    duplicates: int = 0
    reordered: int = 0
    map: bytes = b""

    def __post_init__(self) -> None:
        if len(self.map) > MAX_MAP or self.map.endswith(b"\0") or sum(map(int.bit_count, self.map)) != self.received:
            raise Refused("schema", f"observation: udp flow {self.flow}: the map does not hold {self.received} packets")

    def arrived(self, sent: int) -> list[bool]:
        """Tell of each of `sent` packets whether it reached the responder; Refused when it saw more than were sent."""
        bits = [bool(byte & 0x80 >> bit) for byte in self.map for bit in range(8)]
        if any(bits[sent:]):
            raise Refused("schema", f"observation: udp flow {self.flow}: the map holds packets that nobody sent")
        return bits[:sent] + [False] * (sent - len(bits))


@dataclass(frozen=True)
class SessionObservation:
    """Everything the responder signs about one session."""

    session: str
    nonce: str | None
    started_at: datetime
    finished_at: datetime
    source: str
    download: Transfer = field(default_factory=Transfer)
    upload: Transfer = field(default_factory=Transfer)
    udp: tuple[Flow, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the payload that is signed."""
        return serialize(
            {
                "v": VERSION,
                "session": self.session,
                "nonce": self.nonce,
                "started_at": rfc_3339.to_text(self.started_at),
                "finished_at": rfc_3339.to_text(self.finished_at),
                "source": self.source,
                "download": _transfer_json(self.download),
                "upload": _transfer_json(self.upload),
                "udp": [_flow_json(flow) for flow in self.udp],
            }
        )

    @classmethod
    def from_bytes(cls, payload: Verified) -> SessionObservation:
        """Return the observation in a verified payload; Refused (reason ``schema``) for anything else."""
        record = Record(parse_object(payload), "observation")
        if record.integer("v") != VERSION:
            raise Refused("schema", f"observation: v is not {VERSION}")
        observation = cls(
            record.text("session", max_length=100),
            record.text_or_none("nonce", max_length=200),
            _moment(record, "started_at"),
            _moment(record, "finished_at"),
            record.text("source", max_length=100),
            _read_transfer(record.record("download")),
            _read_transfer(record.record("upload")),
            tuple(_read_flow(flow) for flow in record.records("udp")),
        )
        record.done()
        return observation


def _transfer_json(transfer: Transfer) -> dict[str, Any]:
    return {
        "bytes": transfer.bytes,
        "streams": transfer.streams,
        "bin_ms": transfer.bin_ms,
        "bins": list(transfer.bins),
        "rate_mbit_s": transfer.rate_mbit_s,
        "uncertainty_mbit_s": transfer.uncertainty_mbit_s,
        "steady": transfer.steady,
        "rtt_ms": transfer.rtt_ms,
        "retransmitted": transfer.retransmitted,
    }


def _flow_json(flow: Flow) -> dict[str, Any]:
    return {
        "flow": flow.flow,
        "received": flow.received,
        "reflected": flow.reflected,
        "duplicates": flow.duplicates,
        "reordered": flow.reordered,
        "map": base64url(flow.map),
    }


def _read_transfer(record: Record) -> Transfer:
    transfer = Transfer(
        record.integer("bytes"),
        record.integer("streams"),
        _counts(record, record.scalars("bins"), MAX_BINS),
        record.integer("bin_ms", least=1),
        record.number_or_none("rate_mbit_s"),
        record.number_or_none("uncertainty_mbit_s"),
        record.boolean("steady"),
        record.number_or_none("rtt_ms"),
        record.number_or_none("retransmitted"),
    )
    record.done()
    return transfer


def _read_flow(record: Record) -> Flow:
    packed = record.text("map", max_length=2 * MAX_MAP)
    flow = Flow(
        record.integer("flow"),
        record.integer("received"),
        record.integer("reflected"),
        record.integer("duplicates"),
        record.integer("reordered"),
        decode_base64url(packed, "schema") if packed else b"",
    )
    record.done()
    return flow


def _counts(record: Record, values: tuple[object, ...], most: int) -> tuple[int, ...]:
    if len(values) > most:
        raise Refused("schema", f"{record.where}: {len(values)} numbers, at most {most}")
    counts = [value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 0]
    if len(counts) != len(values):
        raise Refused("schema", f"{record.where}: whole numbers of 0 or more are expected")
    return tuple(counts)


def _moment(record: Record, name: str) -> datetime:
    try:
        return rfc_3339.from_text(record.text(name, max_length=40))
    except ValueError as error:
        raise Refused("schema", f"observation: {name}: {error}") from None
