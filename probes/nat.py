"""NAT: what the router does to addresses and ports, and whether somebody on the way rewrites telephone calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

from homecheck.errors import ProbeError
from homecheck.instruments import far_end, lost_way, nat, proven, sip_alg, udp_refusal
from homecheck.instruments.nat import Credential, Unanswered
from homecheck.instruments.network_run import IDLE_FLOW, give_up
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.sip_alg import Mirror, Mirrored, SipOffer
from homecheck.instruments.voice_path import UDP_ADVICE, Log, VoiceFlow
from homecheck.loopback import is_loopback
from homecheck.measurement import CheckSetup, Details, Json, Measurement, Need, Quantity, clean_text
from homecheck.standards import rfc_3261, rfc_6890

NAT = Quantity.text("network.nat", "RFC 5780 4.3, mapping, in the words of RFC 4787 4.1")
SIP_ALG = Quantity.yes_no("network.sip_alg", "an INVITE (RFC 3261) does not arrive as it was sent")

VOICE_SECONDS: Final = 0.5  # of voice packets, to see whether UDP passes at all
MOST_PIECES: Final = 20
PIECE_CHARACTERS: Final = 200

SIP_ADVICE: Final = (
    "The router or the internet provider stops SIP. In the router's settings, look for SIP, VoIP or ALG "
    "and turn it off."
)


@dataclass(frozen=True)
class Nat:
    """Asks the STUN server and the SIP mirror of a responder."""

    url: str | None = None
    key: dict[str, str] | None = None
    sleep: Callable[[float], None] = time.sleep
    enrolled: bool = False  # with a company, which should have named a responder

    name: ClassVar[str] = "nat"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (NAT, SIP_ALG)
    needs: ClassVar[frozenset[Need]] = frozenset({Need.NETWORK_QUIET})
    reveals: ClassVar[str] = (
        "What your router does to addresses and calls; the responder also sees your internet address, and your "
        "computer's address in your home network."
    )
    deadline_seconds: ClassVar[float] = 70.0  # ten seconds of measuring, and a minute for a far end slow to answer

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Nat:
        """Return the probe that `setup` asks for."""
        key = None if setup.responder_key is None else dict(setup.responder_key)
        return cls(setup.responder_url, key, enrolled=setup.collector_url is not None)

    def run(self) -> Iterator[Measurement]:
        """Measure. Raises ProbeError when there is no responder, or none that can be reached."""
        if self.url is None:
            raise far_end.none_known(enrolled=self.enrolled)
        with lost_way.explained(self.url):
            # Nobody is shown the observation, so no challenge is woven into it.
            session = ResponderSession.open(far_end.find(self.url), (), self.key)
        answered: set[str] = set()  # by which services, for those who come later
        try:
            # Once in a session: the responder answers every packet of a flow once.
            voice = cache(lambda: self.voice(session, answered))
            found = [
                attempt(NAT, lambda: self.nat(session, voice)),
                attempt(SIP_ALG, lambda: self.sip_alg(session, voice, answered)),
            ]
        finally:
            give_up(session, answered)
        yield from found

    def nat(self, session: ResponderSession, voice: Callable[[], Log]) -> Measurement:
        """Return network.nat. Raises ProbeError."""
        if session.stun is None:
            raise not_offered(session, "STUN server")
        credential = Credential.of_session(session.udp.ssid, session.udp.key)
        found = nat.discover(session.far_end, session.stun, credential)
        if isinstance(found, Unanswered):
            if found.changed:
                message = f"{found.changed} STUN answers were changed on their way"
                raise ProbeError("answers_changed", UDP_ADVICE, message=message, at_fault="home_link")
            raise silence(session, f"STUN at port {session.stun.port}", voice())
        return measured(found)

    def sip_alg(self, session: ResponderSession, voice: Callable[[], Log], answered: set[str]) -> Measurement:
        """Return network.sip_alg. Raises ProbeError."""
        offer = session.sip
        if offer is None:
            raise not_offered(session, "SIP mirror")
        # On loopback there is no router, and the mirror itself may have the port.
        here = is_loopback(session.far_end.address)
        local_port = 0 if here else rfc_3261.PORT
        mirror = sip_alg.look(session.far_end, offer, session.udp.ssid, session.udp.key, local_port)
        if mirror.sip.arrived is not None:
            answered.add(proven.SIP)
        rewritten = mirror.sip.rewritten or mirror.control.rewritten
        if rewritten:
            return Measurement(SIP_ALG, value=True, details=sip_details(mirror, offer))
        if mirror.sip.rewritten is None and mirror.control.rewritten is None:
            raise silence(session, f"SIP at ports {offer.port} and {offer.control_port}", voice())
        if mirror.sip.rewritten is None:
            message = f"SIP at port {offer.port} gets no answer, the same at port {offer.control_port} does"
            error = ProbeError("sip_blocked", SIP_ADVICE, message=message, at_fault="home_link")
            if proven.SIP not in proven.services(session.far_end):
                error = proven.unproven(message)
            return Measurement.failed(SIP_ALG, error, sip_details(mirror, offer))
        if offer.port != rfc_3261.PORT and not here:  # what arrives unchanged where no router looks says nothing
            raise not_offered(session, f"SIP mirror at port {rfc_3261.PORT}")
        return Measurement(SIP_ALG, value=False, details=sip_details(mirror, offer))

    def voice(self, session: ResponderSession, answered: set[str]) -> Log:
        """Return how a few voice packets fare."""
        flow = VoiceFlow(session.far_end, session.udp, IDLE_FLOW)
        flow.start()
        try:
            self.sleep(VOICE_SECONDS)
        finally:
            log = flow.stop()
        if log.answered:
            answered.add(proven.VOICE)
        return log


def attempt(quantity: Quantity, measure: Callable[[], Measurement]) -> Measurement:
    """Return what is measured, or why it is not: the other quantity is measured all the same."""
    try:
        return measure()
    except ProbeError as error:
        return Measurement.failed(quantity, error)


def silence(session: ResponderSession, asked: str, voice: Log) -> ProbeError:
    """Return why nothing came back: voice packets, which take another port, tell whose doing it is."""
    if voice.answered:
        # Most likely nobody opened it at the far end; a home where other UDP passes is not to be blamed.
        message = f"{asked} gets no answer from {session.far_end.name}, while voice packets pass"
        return far_end.server_error("port_blocked", message)
    if voice.refused and not udp_refusal.is_strangers(session.far_end, session.udp.port):
        return far_end.server_error("udp_refused", f"{session.far_end.name}: nobody listens at its UDP port")
    message = f"{asked} gets no answer, nor does any UDP packet come back, while TCP works"
    if proven.VOICE not in proven.services(session.far_end):
        return proven.unproven(message)
    return ProbeError("udp_blocked", UDP_ADVICE, message=message, at_fault="home_link")


def not_offered(session: ResponderSession, what: str) -> ProbeError:
    """Return the failure of a responder that lacks a service."""
    return far_end.server_error("not_offered", f"{session.far_end.name} offers no {what}")


def measured(found: nat.Nat) -> Measurement:
    """Return network.nat: no address of the home is told, only of what kind it is."""
    details: Details = {
        "mapping": found.mapping and found.mapping.value,
        "filtering": found.filtering and found.filtering.value,
        "port_preserved": found.mapped.port == found.local.port,
        "address_here": rfc_6890.kind(found.local.address),
        "address_there": rfc_6890.kind(found.mapped.address),
        "server_addresses": found.server_addresses,
    }
    if not found.translated:
        return Measurement(NAT, "none", details=details)
    return Measurement(NAT, found.mapping.value if found.mapping is not None else "nat", details=details)


def sip_details(mirror: Mirror, offer: SipOffer) -> Details:
    """Return what arrived at both ports, and the lines that were rewritten, with kinds in place of addresses."""
    return {
        "port": offer.port,
        "arrived": word(mirror.sip),
        "control_port": offer.control_port,
        "control_arrived": word(mirror.control),
        "rewritten": pieces(mirror.sip),
        "control_rewritten": pieces(mirror.control),
    }


def word(mirrored: Mirrored) -> str:
    """Return how an INVITE arrived."""
    return {None: "no answer", True: "rewritten", False: "as sent"}[mirrored.rewritten]


def pieces(mirrored: Mirrored) -> list[Json]:
    """Return the rewritten lines of one INVITE."""
    return [
        {"line": short(piece.name), "sent": short(piece.sent), "arrived": short(piece.arrived)}
        for piece in mirrored.pieces[:MOST_PIECES]
    ]


def short(text: str) -> str:
    """Return a text for the details."""
    return clean_text(rfc_6890.without_addresses(text))[:PIECE_CHARACTERS]
