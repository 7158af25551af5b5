"""One attempt at one address of a policy's target over UDP: only an answer proves that it is reached.

Asked is what such a server answers anybody: a STUN binding (RFC 8489 6.2.1, sent three times within 2.5 s), or SIP's
OPTIONS (RFC 3261 11). An answer that declines is one. ICMP tells of a refusal; silence tells nothing.
"""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import udp_refusal
from homecheck.instruments.far_end import FarEnd, server_error
from homecheck.instruments.target_connection import FILTER_ADVICE, Reached, stopped
from homecheck.measurement import Target
from homecheck.standards import rfc_3261, rfc_8489

NAMES: Final = {"stun": "STUN", "sip": "SIP"}
LARGEST: Final = 2048  # bytes of a datagram that is looked at
IsAnswer = Callable[[bytes], bool]
Refuser = Callable[[FarEnd, int], str | None]


def attempt(target: Target, end: FarEnd, refuser: Refuser = udp_refusal.refuser) -> Reached:
    """Ask the target at one address, in 4.5 s at most; `refuser` finds out who refuses UDP there.

    Raises ProbeError: ``udp_silent``, ``target_refused`` (server), ``udp_refused_on_the_way``, ``no_route``
    (home_link), ``local_firewall`` (device).
    """
    try:
        with socket.socket(end.family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(end.socket_address())  # so that a refusal is told, and strangers' packets are not
            datagram, is_answer = question(target.asked_by, end, sock.getsockname()[1])
            ms, refused = exchange(sock, datagram, is_answer)
    except OSError as error:
        raise stopped(end, error) from None
    if ms is not None:
        return Reached(ms, {"asked_by": NAMES[target.asked_by]})
    raise _refusal(end, refuser) if refused else _silence(target, end)


def question(asked_by: str, end: FarEnd, local_port: int) -> tuple[bytes, IsAnswer]:
    """Return what is sent, and what tells an answer to it from anything else."""
    if asked_by == "sip":
        call_id = secrets.token_hex(12)
        return rfc_3261.options(end.host, local_port, call_id, secrets.token_hex(8)), _is_sip(call_id)
    transaction = secrets.token_bytes(rfc_8489.TRANSACTION_LENGTH)
    request = rfc_8489.Message(rfc_8489.BINDING_REQUEST, transaction)
    return rfc_8489.pack(request, None), _is_stun(transaction)


def exchange(sock: socket.socket, datagram: bytes, is_answer: IsAnswer) -> tuple[float | None, bool]:
    """Send until an answer comes or the time is over; return its ms since the last sending, and whether ICMP refused.

    Raises OSError when nothing can be sent.
    """
    due, began = list(rfc_8489.RETRANSMISSION_SECONDS), time.monotonic()
    sent, refused = began, False
    while (passed := time.monotonic() - began) < rfc_8489.TRANSACTION_SECONDS:
        try:
            if due and passed >= due[0]:
                due.pop(0)
                sent = time.monotonic()
                sock.send(datagram)
            waiting = min([rfc_8489.TRANSACTION_SECONDS, *due]) - (time.monotonic() - began)
            if not select.select([sock], [], [], max(0.0, waiting))[0]:
                continue
            if is_answer(sock.recv(LARGEST)):
                return round(1e3 * (time.monotonic() - sent), 2), False
        except ConnectionError:  # what came back is a refusal, told to the next one who asks the socket
            refused = True
            if not due:
                break
        except BlockingIOError:  # a datagram with a wrong checksum was there a moment ago
            continue
    return None, refused


def _is_stun(transaction: bytes) -> IsAnswer:
    def is_answer(datagram: bytes) -> bool:
        try:
            message = rfc_8489.unpack(datagram)
        except rfc_8489.BadMessage:
            return False
        answers = (rfc_8489.BINDING_SUCCESS, rfc_8489.BINDING_ERROR)
        return message.kind in answers and message.transaction == transaction

    return is_answer


def _is_sip(call_id: str) -> IsAnswer:
    def is_answer(datagram: bytes) -> bool:
        try:
            return datagram.startswith(b"SIP/2.0 ") and rfc_3261.call_id(datagram) == call_id
        except rfc_3261.BadMessage:
            return False

    return is_answer


def _refusal(end: FarEnd, refuser: Refuser) -> ProbeError:
    """Return whose refusal it is, as far as the system tells: Linux alone does."""
    who = refuser(end, end.port)
    if who is not None and who != end.address:
        message = f"somebody on the way to {end.name} refuses UDP in its place"
        return ProbeError("udp_refused_on_the_way", FILTER_ADVICE, message=message, at_fault="home_link")
    return server_error("target_refused", f"nobody listens at UDP port {end.port} of {end.host}")


def _silence(target: Target, end: FarEnd) -> ProbeError:
    asked = NAMES[target.asked_by]
    either = "it may be out of order, or a filter on the way stops it"
    message = f"{end.name} gives no answer to {asked} over UDP: {either}"
    return ProbeError("udp_silent", FILTER_ADVICE, message=message, at_fault="server")
