"""What the responder saw itself, and signs: its counters of one session (typ ``homecheck-observation+jws``).

    {"v": 1, "session": text, "nonce": text or null, "started_at": time, "finished_at": time, "source": address,
     "region": {"country": text or null, "subdivision": text or null} or null, "certificate": digest or null,
     "others": n, "overflowed": n,
     "download": {"bytes": n, "streams": n, "bin_ms": 50, "bins": [bytes, …], "rate_mbit_s": x or null,
                  "uncertainty_mbit_s": x or null, "steady": yes/no, "rtt_ms": x or null,
                  "smoothed_rtt_ms": x or null, "retransmitted": x or null, "round_trips_us": [n, …]},
     "upload": the same,
     "udp": [{"flow": n, "received": n, "lost": n, "highest": n, "reflected": n, "duplicates": n, "reordered": n,
              "map": base64url}, …]}

Bytes are payload. Download bins hold what the agent's system acknowledged where the kernel tells that (TCP_INFO),
else what was handed to the kernel; upload bins hold what arrived. `round_trips_us` has for every bin of a download
TCP's smoothed round trip of one of its streams, by turns; 0 and missing ones are not known. `rtt_ms` is the least round
trip of any stream by the kernel, `smoothed_rtt_ms` the median of those they ended with (RFC 6298). `received` counts
different sequence numbers; `map` has one bit per sequence number, the first packet in the highest bit of the first
byte, so that loss on the way up is known packet by packet. `lost` and `highest` follow from it: numbers up to the
highest one that never came.

`region` has the codes of ISO 3166 for `source`: null where the operator gave no file to look in, null inside where the
file does not know. `certificate` is the sha256 of the TLS certificate (DER) that the responder serves, null where it
serves without TLS, behind a proxy for example. `others` is how many other sessions loaded the responder at one time, at
most; `overflowed` how many UDP packets, of any session, found no room in the responder's own buffer meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homecheck.errors import Refused
from homecheck.signing import Verified, base64url, decode_base64url
from homecheck.standards import rfc_3339
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
MAX_NONCE: Final = 200  # characters
MAX_NONCES: Final = 128  # of one session: so many programs are vouched for by one measurement
MAX_BINS: Final = 1_200  # a minute of 50 ms
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
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
    smoothed_rtt_ms: float | None = None
    retransmitted: float | None = None  # share of the segments, 0 … 1
    round_trips_us: tuple[int, ...] = ()


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

    @property
    def highest(self) -> int:
        """The highest sequence number that arrived; -1 when none did."""
        last = self.map[-1] if self.map else 0
        return 8 * len(self.map) - (last & -last).bit_length() if last else -1

    @property
    def lost(self) -> int:
        """How many packets before the highest never came."""
        return self.highest + 1 - self.received

    def arrived(self, sent: int) -> list[bool]:
        """Tell of each of `sent` packets whether it reached the responder; Refused when it saw more than were sent."""
        bits = [bool(byte & 0x80 >> bit) for byte in self.map for bit in range(8)]
        if any(bits[sent:]):
            raise Refused("schema", f"observation: udp flow {self.flow}: the map holds packets that nobody sent")
        return bits[:sent] + [False] * (sent - len(bits))


@dataclass(frozen=True)
class Region:
    """Where an address is used, as ISO 3166-1 and the second part of an ISO 3166-2 code; None: not known."""

    country: str | None = None
    subdivision: str | None = None

    def __str__(self) -> str:
        return "-".join(code for code in (self.country, self.subdivision) if code)


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
    region: Region | None = None
    certificate: str | None = None
    others: int = 0
    overflowed: int = 0

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
                "region": _region_json(self.region),
                "certificate": self.certificate,
                "others": self.others,
                "overflowed": self.overflowed,
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
            record.text_or_none("nonce", max_length=MAX_NONCE),
            _moment(record, "started_at"),
            _moment(record, "finished_at"),
            record.text("source", max_length=100),
            _read_transfer(record.record("download")),
            _read_transfer(record.record("upload")),
            tuple(_read_flow(flow) for flow in record.records("udp")),
            None if record.is_null("region") else _read_region(record.record("region")),
            _read_certificate(record),
            record.integer("others"),
            record.integer("overflowed"),
        )
        record.done()
        return observation


def nonce_of(envelope: str) -> str | None:
    """Return the challenge in an observation that was verified when it came. Refused for what is no observation."""
    payload = parse_object(decode_base64url(envelope.split(".")[1], "schema"))
    return Record(payload, "observation").text_or_none("nonce", max_length=MAX_NONCE)


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
        "smoothed_rtt_ms": transfer.smoothed_rtt_ms,
        "retransmitted": transfer.retransmitted,
        "round_trips_us": list(transfer.round_trips_us),
    }


def _flow_json(flow: Flow) -> dict[str, Any]:
    return {
        "flow": flow.flow,
        "received": flow.received,
        "lost": flow.lost,
        "highest": flow.highest,
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
        record.number_or_none("smoothed_rtt_ms"),
        record.number_or_none("retransmitted"),
        _counts(record, record.scalars("round_trips_us"), MAX_BINS),
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
    if (record.integer("lost"), record.integer("highest")) != (flow.lost, flow.highest):
        raise Refused("schema", f"{record.where}: lost and highest do not follow from the map")
    record.done()
    return flow


def _region_json(region: Region | None) -> dict[str, Any] | None:
    return None if region is None else {"country": region.country, "subdivision": region.subdivision}


def _read_region(record: Record) -> Region:
    region = Region(record.text_or_none("country", max_length=2), record.text_or_none("subdivision", max_length=3))
    record.done()
    return region


def _read_certificate(record: Record) -> str | None:
    text = record.text_or_none("certificate", max_length=100)
    if text is not None and not DIGEST.fullmatch(text):
        raise Refused("schema", f"observation: certificate: {text!r:.60} is no digest")
    return text


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
