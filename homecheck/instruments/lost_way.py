"""Where the way ends when a far end does not answer: at a sign-in page, the home's router, the line, or further on.

A dead router, a dead line and a dead server all look like silence to a connection. What tells them apart is who still
answers: the router itself, the routers behind it, the name service, a page that wants a sign-in. Where that is not
clear, the far end's own failure stands, which is our side's and counts against nobody.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import hop_watch, plain_http, resolvers, route
from homecheck.instruments.default_gateway import gateway_to, leaves_by_tunnel
from homecheck.instruments.far_end import FarEnd, named, resolve, server_error
from homecheck.instruments.plain_answer import Plain
from homecheck.instruments.side_by_side import side_by_side
from homecheck.loopback import is_loopback

UNCLEAR: Final = ("dns_failed", "no_route", "responder_silent", "responder_unreachable")
# What a sign-in page does to a connection that it takes in the far end's place.
TAKEN: Final = (
    "responder_answer",
    "responder_broke_off",
    "responder_certificate",
    "responder_mute",
    "responder_refused",
    "responder_silent",
    "responder_tls",
)
HTTP_PORT: Final = 80
SIGN_IN_FIRST: Final = 511  # RFC 6585 6
PAGE_SECONDS: Final = 2.0
ROUTER_SECONDS: Final = 4.0  # Linux gives a neighbour up that is silent for three
LOOK_SECONDS: Final = 5.0
DISCARD_PORT: Final = 9  # whether anybody listens there does not matter
GONE: Final = (errno.EHOSTUNREACH, getattr(errno, "EHOSTDOWN", -1), getattr(errno, "WSAEHOSTUNREACH", -1))
ROUTER_ADVICE: Final = (
    "Check that the router is switched on, and the cable or Wi-Fi of this computer; restart the router, then repeat "
    "the check."
)
LINE_ADVICE: Final = (
    "See whether other pages open in the browser. If not, restart the router and wait until it shows that it is "
    "connected; if it does not, call your internet provider. If they do, this is not your fault: tell the people who "
    "asked for the check."
)


@contextmanager
def explained(url: str | None, witnesses: Witnesses | None = None) -> Iterator[None]:
    """Raise a ProbeError of the context as what it proves to be, after at most about ten seconds of asking around."""
    try:
        yield
    except ProbeError as error:
        raise (error if url is None else cause_of(error, url, witnesses or Witnesses())) from None


def cause_of(error: ProbeError, url: str, witnesses: Witnesses) -> ProbeError:
    """Return `error` or what it proves to be.

    That is ``captive_portal``, ``router_silent`` (home_link), ``line_down`` (line), or ``responder_unreachable``
    (server).
    """
    if error.code not in (*UNCLEAR, *TAKEN) or is_loopback(host := named(url).host):
        return error
    if error.code in TAKEN and witnesses.signs_in(host):
        return plain_http.sign_in_page()
    target = _target(host)
    if error.code not in UNCLEAR or witnesses.is_vpn(target):
        return error
    router = witnesses.gateway(target)
    if router is None:
        return error
    if witnesses.is_gone(router):
        message = f"your router ({resolvers.shown(router)}) does not answer this computer"
        return ProbeError("router_silent", ROUTER_ADVICE, message=message, at_fault="home_link")
    if error.code == "responder_unreachable":  # somebody on the way says so: packets get that far
        return error
    told_by_router = error.code == "no_route"  # this computer knows a way: it is a router that does not
    if witnesses.answers_behind(target):
        message = f"a router on the way knows none to {host}"
        return server_error("responder_unreachable", message) if told_by_router else error
    if told_by_router or (resolvers.is_name(host) and error.code != "dns_failed" and not witnesses.names_work(host)):
        message = "your router is there, but nothing behind it answers: the line to your provider is down"
        return ProbeError("line_down", LINE_ADVICE, message=message, at_fault="line")
    # No more than that is known: providers whose routers never answer exist.
    message = f"{error.message}, nor does any router behind yours: the line to your provider may be down"
    return ProbeError(error.code, LINE_ADVICE, message=message, at_fault=error.at_fault)


def is_gone(router: str) -> bool:
    """Tell whether the system says that nobody is at the router's address; silence alone does not mean it."""
    family = hop_watch.family_of(router)
    try:
        address = socket.getaddrinfo(router, DISCARD_PORT, family=family, flags=socket.AI_NUMERICHOST)[0][4]
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(ROUTER_SECONDS)
            sock.connect(address)
    except OSError as error:
        return error.errno in GONE
    return False


def answers_behind(target: str) -> bool:
    """Tell whether a router behind the home's, or the target itself, answers packets of limited reach."""
    end = FarEnd("https", target, DISCARD_PORT, "", hop_watch.family_of(target), target)
    path = hop_watch.trace_to(end)
    return path.far_end is not None or any(hop.distance > 1 for hop in path.routers)


def signs_in(host: str) -> bool:
    """Tell whether the usual port of web pages sends whoever asks to another host, or to sign in first.

    A page with status 200 does not count: it may be that of a web server which the far end has besides.
    """
    found = side_by_side({"page": partial(_page, host)}, LOOK_SECONDS, resolvers.dns_failed)["page"]
    return (
        not isinstance(found, ProbeError) and not found.genuine and (found.elsewhere or found.status == SIGN_IN_FIRST)
    )


def _page(host: str) -> Plain:
    family, _, _, _, address = resolve(host, HTTP_PORT)[0]
    end = FarEnd("http", host, HTTP_PORT, "", family, str(address[0]))
    return plain_http.ask(end, HTTP_PORT, PAGE_SECONDS)


def names_work(host: str) -> bool:
    """Tell whether the name service answers for a name below `host` that no cache holds."""
    look_up = partial(resolvers.lookup_times, host, count=1)
    return not isinstance(side_by_side({host: look_up}, LOOK_SECONDS, resolvers.dns_failed)[host], ProbeError)


def _target(host: str) -> str:
    """Return the address itself, or for a name one that takes the default route."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0])) if host else route.anywhere()
    except ValueError:
        return route.anywhere()


def is_vpn(target: str) -> bool:
    """Tell whether packets leave by a tunnel: what lies around it cannot be seen."""
    return leaves_by_tunnel(target, hop_watch.is_tunnel)


@dataclass(frozen=True)
class Witnesses:
    """Who is asked; fields, so that a test needs no broken home."""

    gateway: Callable[[str], str | None] = gateway_to
    is_vpn: Callable[[str], bool] = is_vpn
    is_gone: Callable[[str], bool] = is_gone
    answers_behind: Callable[[str], bool] = answers_behind
    names_work: Callable[[str], bool] = names_work
    signs_in: Callable[[str], bool] = signs_in
