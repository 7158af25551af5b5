"""RFC 3261: SIP over UDP, as far as an INVITE and its provisional answer need it. SDP: RFC 4566.

Nothing is parsed that has not to be: headers are lines, and lines that an answer must carry are copied as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PORT: Final = 5060
_END: Final = b"\r\n"
_BLANK: Final = b"\r\n\r\n"
_COMPACT: Final = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}  # 7.3.3
_COPIED: Final = ("via", "from", "to", "call-id", "cseq")  # 8.2.6.2
_MEDIA_PORT: Final = 49170  # where nobody listens: no media will flow


class BadMessage(ValueError):
    """The datagram is no SIP message, or lacks what an answer needs."""


@dataclass(frozen=True)
class Line:
    """One line of a message: `name` is the header in lower case, ``o=`` and the like in SDP, or ``request``."""

    name: str
    text: bytes


def invite(local: tuple[str, int], peer: str, call_id: str, branch: str, length: int) -> bytes:
    """Return a complete INVITE with SDP from `local` to `peer`, padded by a header of its own to `length` bytes."""
    host, port = _host(local[0]), local[1]
    family = "IP6" if ":" in local[0] else "IP4"
    body = _lines(
        "v=0",
        f"o=homecheck 1 1 IN {family} {local[0]}",
        "s=-",
        f"c=IN {family} {local[0]}",
        "t=0 0",
        f"m=audio {_MEDIA_PORT} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
    )
    head = _lines(
        f"INVITE sip:mirror@{_host(peer)} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch}",
        "Max-Forwards: 70",
        f"From: <sip:homecheck@{host}>;tag={branch}",
        f"To: <sip:mirror@{_host(peer)}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 INVITE",
        f"Contact: <sip:homecheck@{host}:{port}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    )
    padding = b"X-Padding: "
    left = length - len(head) - len(body) - len(padding) - 2 * len(_END)
    return head + padding + b"x" * max(0, left) + _BLANK + body


def options(peer: str, port: int, call_id: str, branch: str) -> bytes:
    """Return an OPTIONS (11.1) to `peer` from local `port`; the answer comes to where it was sent from (RFC 3581 4).

    The address of this computer stands nowhere in it.
    """
    return (
        _lines(
            f"OPTIONS sip:{_host(peer)} SIP/2.0",
            f"Via: SIP/2.0/UDP homecheck.invalid:{port};rport;branch=z9hG4bK{branch}",
            "Max-Forwards: 70",
            f"From: <sip:homecheck@homecheck.invalid>;tag={branch}",
            f"To: <sip:{_host(peer)}>",
            f"Call-ID: {call_id}",
            "CSeq: 1 OPTIONS",
            "Accept: application/sdp",
            "User-Agent: homecheck",
            "Content-Length: 0",
        )
        + _END
    )


def ringing(request: bytes, body: bytes) -> bytes:
    """Return a 180 to an INVITE (8.2.6): five headers copied, a tag added to To. Raises BadMessage."""
    if not request.startswith(b"INVITE ") or _BLANK not in request:
        raise BadMessage("no INVITE")
    copied = [line for line in lines(request) if line.name in _COPIED]
    if {line.name for line in copied} != set(_COPIED):
        raise BadMessage("a header that the answer needs is missing")
    headers = b"".join(line.text + (b";tag=mirror" if line.name == "to" else b"") + _END for line in copied)
    kind = b"Content-Type: text/plain\r\n" if body else b""
    return b"SIP/2.0 180 Ringing\r\n" + headers + kind + b"Content-Length: %d" % len(body) + _BLANK + body


def lines(message: bytes) -> list[Line]:
    """Return the lines of a message, the blank one left out."""
    head, _, body = message.partition(_BLANK)
    first, *headers = head.split(_END)
    found = [Line("request", first)]
    found += [Line(_name(text), text) for text in headers]
    return found + [Line(text[:2].decode("latin-1"), text) for text in body.split(_END) if text]


def call_id(message: bytes) -> str:
    """Return the Call-ID. Raises BadMessage when there is none."""
    for line in lines(message):
        if line.name == "call-id":
            return line.text.partition(b":")[2].strip().decode("latin-1")
    raise BadMessage("no Call-ID")


def body_of(message: bytes) -> bytes:
    """Return what follows the headers."""
    return message.partition(_BLANK)[2]


def _name(header: bytes) -> str:
    name = header.partition(b":")[0].strip().decode("latin-1").lower()
    return _COMPACT.get(name, name)


def _lines(*texts: str) -> bytes:
    return b"".join(text.encode("ascii") + _END for text in texts)


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
