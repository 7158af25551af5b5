"""Envelopes as they are stored: compressed, and byte for byte the same when they are read.

base64url hides from a compressor that the payload is text. So the three segments are taken apart, the payload is
decoded and compressed (Zstandard, RFC 8878). What would not be spelt the same when it is encoded again is stored as it
came. What does not begin with the mark is stored as it came, too; an envelope
begins with "e".
"""

from __future__ import annotations

import struct
import threading
from typing import Final

import pybase64
import zstandard

from homecheck.signing import MAX_ENVELOPE

MARK: Final = b"\x01"
LEVEL: Final = 1  # docs/decisions/0053 has what the others give
_LENGTHS: Final = struct.Struct(">HH")  # of the header segment and of the signature


class _Codecs(threading.local):
    """A compressor and a decompressor for each thread: making one takes longer than using it."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_codecs = _Codecs()


def packed(envelope: bytes) -> bytes:
    """Return an envelope as it is stored."""
    try:
        signed, _, signature = envelope.rpartition(b".")  # quicker than to split what is long
        header, _, payload = signed.partition(b".")
        plain, signed = _decoded(payload), _decoded(signature)
        lengths = _LENGTHS.pack(len(header), len(signed))
    except (ValueError, struct.error):
        return envelope
    if _joined(header, plain, signed) != envelope:
        return envelope
    stored = b"".join((MARK, lengths, header, signed, _codecs.compress(plain)))
    return stored if len(stored) < len(envelope) else envelope


def unpacked(stored: bytes) -> bytes:
    """Return the envelope. What somebody has damaged is returned with another digest, which is noticed."""
    if not stored.startswith(MARK):
        return stored
    try:
        header_length, signature_length = _LENGTHS.unpack_from(stored, len(MARK))
        header_end = len(MARK) + _LENGTHS.size + header_length
        signature_end = header_end + signature_length
        payload = _codecs.decompress(stored[signature_end:], max_output_size=MAX_ENVELOPE, allow_extra_data=False)
    except (struct.error, zstandard.ZstdError):
        return stored
    return _joined(stored[header_end - header_length : header_end], payload, stored[header_end:signature_end])


def _joined(header: bytes, payload: bytes, signature: bytes) -> bytes:
    return b".".join((header, _encoded(payload), _encoded(signature)))


def _decoded(segment: bytes) -> bytes:
    if b"+" in segment or b"/" in segment:
        raise ValueError("the other alphabet of base64")
    return pybase64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)


def _encoded(data: bytes) -> bytes:
    return pybase64.urlsafe_b64encode(data).rstrip(b"=")
