"""Path: what stands between the computer and the internet, and how long the nearest parts of the way take."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from homecheck.errors import AtFault, ProbeError, Refused
from homecheck.instruments import far_end, hop_watch, nat_pmp, plain_http, proven, proxies, resolvers, route
from homecheck.instruments.default_gateway import leaves_by_tunnel
from homecheck.instruments.far_end import FarEnd, server_error
from homecheck.instruments.hop_watch import Post, Posts
from homecheck.instruments.hops import Path as Trace
from homecheck.instruments.nat import port_of
from homecheck.instruments.plain_answer import Plain
from homecheck.instruments.proxies import ProxySettings
from homecheck.instruments.side_by_side import side_by_side
from homecheck.loopback import is_loopback
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Quantity
from homecheck.standards.order_statistics import quantile
from homecheck.strict_json import Record, parse_object

GATEWAY_RTT = Quantity(
    "network.gateway_rtt", "ms", "round trip to the first router (ICMP, or an answer to UDP), median"
)
FIRST_HOP_RTT = Quantity("network.first_hop_rtt", "ms", "round trip to the first router with a public address, median")
DNS_TIME = Quantity("network.dns_time", "ms", "query for a random name by the system's resolver, median")
COLLECTOR_RTT = Quantity("network.collector_rtt", "ms", "TCP connection to the collector, median")
IPV4 = Quantity.yes_no("network.ipv4", "TCP connection to the responder over IPv4 alone")
IPV6 = Quantity.yes_no("network.ipv6", "TCP connection to the responder over IPv6 alone")
CGNAT = Quantity.yes_no("network.cgnat", "RFC 6598 address among the first three hops, or the router's own (RFC 6886)")
CAPTIVE_PORTAL = Quantity.yes_no("network.captive_portal", "plain HTTP to the responder: a nonce comes back, or not")
HTTP_PROXY = Quantity.yes_no("network.http_proxy", "system settings, and whether plain HTTP arrives as it was sent")

SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598: between a provider's NAT and its customers
SHARED_HOPS: Final = 3
NAME_SECONDS: Final = 5.0
REACH_SECONDS: Final = 4.5
TIMING_SECONDS: Final = 2.4
CONNECT_SECONDS: Final = 2.0
ABOUT_SECONDS: Final = 2.0
PLAIN_SECONDS: Final = 2.0
QUESTIONS: Final = 15
SPACING_SECONDS: Final = 0.1
LAST_SECONDS: Final = 0.5
CONNECTIONS: Final = 5
LEAST: Final = 3  # samples of a median
FAMILIES: Final = {int(socket.AF_INET): proven.IPV4, int(socket.AF_INET6): proven.IPV6}
HTTP_PORT: Final = 80  # where a sign-in page catches everybody
NOTHING_TO_DO: Final = "Nothing needs to be done: your router does not say it."

Addresses = Mapping[int, str]  # by address family, in the order that the system prefers


def posts_towards(end: FarEnd) -> Posts:
    """Return the routers on the way to `end`."""
    return hop_watch.find_posts(end, judge_end=False)


@dataclass(frozen=True)
class Around:
    """What the home's router and the system tell about the way, for network.cgnat."""

    own_address: str | None
    trace: Trace
    outer_address: str | None
    tunnel: bool


@dataclass(frozen=True)
class Path:
    """Looks at the way to the responder at `url`; the instruments are fields, so that a test needs no network."""

    url: str | None = None
    collector_url: str | None = None
    find_posts: Callable[[FarEnd], Posts] = posts_towards
    look_up: resolvers.LookUp = resolvers.system_look_up
    settings: Callable[[], ProxySettings] = proxies.system_settings
    outer_address: Callable[[str], str | None] = nat_pmp.outer_address

    name: ClassVar[str] = "path"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        GATEWAY_RTT,
        FIRST_HOP_RTT,
        DNS_TIME,
        COLLECTOR_RTT,
        IPV4,
        IPV6,
        CGNAT,
        CAPTIVE_PORTAL,
        HTTP_PROXY,
    )
    needs: ClassVar[frozenset[Need]] = frozenset({Need.NETWORK_QUIET})
    reveals: ClassVar[str] = (
        "How quickly your router, your provider and your name server answer, the private addresses of your router and "
        "name servers, and whether a proxy, a sign-in page or a shared address stands between you and the internet."
    )
    deadline_seconds: ClassVar[float] = 30.0

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Path:
        """Return the probe that `setup` asks for."""
        return cls(setup.responder_url, setup.collector_url)

    def run(self) -> Iterator[Measurement]:
        """Measure, in about twelve seconds where nobody answers."""
        # 1. Names.
        names: dict[str, Callable[[], Any]] = {
            "responder": self._addresses,
            "collector": partial(collector_of, self.collector_url),
            "dns": self._lookup_times,
        }
        named = side_by_side(names, NAME_SECONDS, late_name)
        yield median(DNS_TIME, named["dns"], {"servers": list(resolvers.described())})
        addresses: Addresses | ProbeError = named["responder"]
        # 2. Both far ends, the responder over each family, what comes back in plain HTTP, and the routers on the way.
        works = self._reaching(addresses)
        works["collector"] = partial(collector_times, named["collector"])
        reached: dict[str, Any] = side_by_side(works, REACH_SECONDS, late_reach)
        cut_off = without_route(addresses, reached)
        if cut_off is not None:
            reached |= {"plain": cut_off, "posts": cut_off}
        portal = signed_in(reached["plain"])
        yield median(COLLECTOR_RTT, portal or reached["collector"], {})
        answering = partial(self._proven, addresses, reached)
        yield family(IPV4, socket.AF_INET, portal or addresses, reached, answering)
        yield family(IPV6, socket.AF_INET6, portal or addresses, reached, answering)
        yield captive_portal(reached["plain"])
        yield http_proxy(self.settings(), reached["plain"])
        # 3. The routers' times, while nothing else is sent.
        yield from self._routers(addresses, reached["posts"])

    def _addresses(self) -> Addresses:
        if self.url is None:
            raise far_end.none_known(enrolled=self.collector_url is not None)
        return addresses_of(self.url)

    def _lookup_times(self) -> tuple[float, ...]:
        """Return how long a few names took to look up. Raises ProbeError."""
        hosts = [far_end.named(url).host for url in (self.url, self.collector_url) if url]
        domain = next((host for host in hosts if resolvers.is_name(host)), None)
        if domain is None:
            message = "responder and collector have no names that would have to be looked up"
            raise ProbeError("no_name", "Nothing needs to be done.", message=message, at_fault="agent")
        return resolvers.lookup_times(domain, look_up=self.look_up)

    def _reaching(self, addresses: Addresses | ProbeError) -> dict[str, Callable[[], Any]]:
        works: dict[str, Callable[[], Any]] = {}
        if isinstance(addresses, ProbeError):
            works["plain"] = partial(fail, addresses)
            # Without names, the way to the router can be seen all the same.
            works["posts"] = gateway_alone if addresses.code == "dns_failed" else works["plain"]
            return works
        ends = self._ends(addresses)
        for number, end in ends.items():
            works[str(int(number))] = partial(connect_ms, end)
        works["plain"] = partial(plain, list(ends.values()))
        works["posts"] = partial(self.find_posts, ends[traced_family(addresses)])
        return works

    def _ends(self, addresses: Addresses) -> dict[int, FarEnd]:
        assert self.url is not None  # or it had no addresses
        named = far_end.named(self.url)
        return {number: replace(named, family=number, address=at) for number, at in addresses.items()}

    def _proven(self, addresses: Addresses | ProbeError, reached: Mapping[str, Any]) -> frozenset[str]:
        """Return what is proven to work at the responder, asked over a family in which it answers."""
        assert not isinstance(addresses, ProbeError)  # there were nothing to ask for
        ends = self._ends(addresses).items()
        answers = (end for number, end in ends if not isinstance(reached[str(int(number))], ProbeError))
        return proven.services(next(answers), ABOUT_SECONDS)

    def _routers(self, addresses: Addresses | ProbeError, posts: Posts | ProbeError) -> Iterator[Measurement]:
        if not isinstance(addresses, ProbeError) and all(map(is_loopback, addresses.values())):
            message = "the responder is on this computer: no router lies between"
            posts = ProbeError("on_this_computer", "Nothing needs to be done.", message=message, at_fault="agent")
        if isinstance(posts, ProbeError):
            yield from (Measurement.failed(quantity, posts) for quantity in (GATEWAY_RTT, FIRST_HOP_RTT, CGNAT))
            return
        gateway, public = posts.by_place.get("gateway"), posts.by_place.get("public")
        works: dict[str, Callable[[], Any]] = {
            "gateway": partial(post_times, gateway, silent_gateway()),
            "public": partial(post_times, public, no_public_hop(addresses)),
            "outer": partial(self._outer, gateway),
        }
        timed = side_by_side(works, TIMING_SECONDS, late_router)
        yield median(GATEWAY_RTT, with_trace(timed["gateway"], gateway, posts), gateway_details(gateway))
        yield median(FIRST_HOP_RTT, with_trace(timed["public"], public, posts), hop_details(public), "line")
        target = route.anywhere() if isinstance(addresses, ProbeError) else addresses[traced_family(addresses)]
        tunnel = leaves_by_tunnel(target, hop_watch.is_tunnel)
        outer = None if isinstance(timed["outer"], ProbeError) else timed["outer"]
        yield cgnat(Around(route.local_address(target), posts.path, outer, tunnel))

    def _outer(self, gateway: Post | None) -> str | None:
        if gateway is None or ":" in gateway.address:
            return None
        return self.outer_address(gateway.address)


def addresses_of(url: str) -> Addresses:
    """Return the addresses of the responder at `url`. Raises ProbeError."""
    parts = far_end.named(url)
    found: dict[int, str] = {}
    for number, _, _, _, address in far_end.resolve(parts.host, parts.port):
        found.setdefault(number, str(address[0]))
    return found


def collector_of(url: str | None) -> FarEnd:
    """Return the collector at the address that the system prefers. Raises ProbeError, ``no_collector`` for None."""
    if url is None:
        raise ProbeError("no_collector", "Enrol with a program.", message="no collector is known", at_fault="agent")
    parts = far_end.named(url)
    number, _, _, _, address = far_end.resolve(parts.host, parts.port)[0]
    return replace(parts, family=number, address=str(address[0]))


def collector_times(collector: FarEnd | ProbeError) -> tuple[float, ...]:
    """Return the times of a few connections. Raises ProbeError."""
    if isinstance(collector, ProbeError):
        raise collector
    try:
        return tuple(connect_ms(collector) for _ in range(CONNECTIONS))
    except ProbeError as error:
        code, message = error.code.replace("responder", "collector"), error.message
        raise ProbeError(code, error.advice, message=message, at_fault=error.at_fault) from None


def traced_family(addresses: Addresses, own_address: Callable[[str], str | None] = route.local_address) -> int:
    """Return the family whose way is looked at, of those that this computer has a way in.

    IPv4 where there are two, because addresses are shared there.
    """
    routed = [number for number, address in addresses.items() if own_address(address) is not None] or list(addresses)
    return socket.AF_INET if socket.AF_INET in routed else routed[0]


def fail(error: ProbeError) -> None:
    """Raise `error`."""
    raise error


def connect_ms(end: FarEnd) -> float:
    """Return how long a TCP connection takes, in ms; its TLS is not waited for. Raises ProbeError."""
    began = time.perf_counter()
    far_end.connect(replace(end, scheme="http"), CONNECT_SECONDS).close()
    return (time.perf_counter() - began) * 1e3


def gateway_alone() -> Posts:
    """Return the router of the default route, where the responder's address is not known."""
    target = route.anywhere()
    if leaves_by_tunnel(target, hop_watch.is_tunnel):
        return Posts()
    gateway = hop_watch.gateway_post(target, Trace())
    return Posts() if gateway is None else Posts({"gateway": gateway})


def plain(ends: Sequence[FarEnd]) -> Plain:
    """Return what comes back in plain HTTP from the responder. Raises ProbeError.

    Its port stands in the responder's own document. A network with a sign-in page lets nobody read that: then the
    usual port is tried, and only an answer that is surely a stranger's counts.
    """
    last: ProbeError | None = None
    for end in ends:
        try:
            port, sure = plain_port(end)
        except ProbeError as error:
            last = error
            continue
        try:
            return surely(plain_http.ask(end, port, PLAIN_SECONDS))
        except ProbeError as error:
            if error.code == "plain_blocked" and not sure:
                raise proven.unproven(error.message) from None
            raise
    assert last is not None
    if last.code == "not_offered":
        raise last
    try:
        found = plain_http.ask(ends[0], HTTP_PORT, PLAIN_SECONDS)
    except ProbeError:
        raise last from None
    if found.genuine or found.elsewhere or found.status in (200, 511):  # RFC 6585 6: sign in first
        return found
    raise last


def surely(found: Plain) -> Plain:
    """Return an answer that says who gave it. Raises ProbeError for a redirect to the responder itself: it is ours."""
    if 300 <= found.status < 400 and not found.elsewhere:
        message = f"the responder's plain port answers with HTTP status {found.status}"
        raise server_error("responder_answer", message)
    return found


def plain_port(end: FarEnd) -> tuple[int, bool]:
    """Return the port that the responder names, and whether it is sure to answer others.

    Raises ProbeError, ``not_offered`` where it names none.
    """
    path = "/.well-known/homecheck"
    reply = far_end.checked(far_end.call(end, "GET", path, seconds=ABOUT_SECONDS), end, path)
    try:
        about = Record(parse_object(reply.body), f"{end.name}{path}")
        if about.has("plain_port"):
            return port_of(about, "plain_port"), proven.PLAIN in proven.listed(about)
    except Refused as error:
        raise server_error("responder_answer", error.message) from None
    raise server_error("not_offered", f"{end.name} gives no answer in plain HTTP")


def post_times(post: Post | None, missing: ProbeError) -> tuple[float, ...]:
    """Return a router's round trips. Raises `missing` where there is none, and ProbeError where it cannot be asked."""
    if post is None:
        raise missing
    return hop_watch.time_post(post, QUESTIONS, SPACING_SECONDS, LAST_SECONDS)


def with_trace(times: tuple[float, ...] | ProbeError, post: Post | None, posts: Posts) -> Any:
    """Return the round trips together with those of the trace, for routers that answer once a second."""
    if isinstance(times, ProbeError) or post is None or post.hops == hop_watch.FAR:
        return times
    return times + sum((hop.rtts_ms for hop in posts.path.routers if hop.distance == post.hops), ())


def median(
    quantity: Quantity, times: Sequence[float] | ProbeError, details: Details, at_fault: AtFault = "home_link"
) -> Measurement:
    """Return the median of some times in ms, or why there is none; `at_fault` is whose so few answers are."""
    if isinstance(times, ProbeError):
        return Measurement.failed(quantity, times)
    if len(times) < LEAST:
        message = f"{len(times)} answers; {LEAST} are needed"
        error = ProbeError("too_few_answers", "Repeat the check.", message=message, at_fault=at_fault)
        return Measurement.failed(quantity, error, details)
    found = quantile(times, 0.5)
    more: Details = {**details, "answers": len(times), "minimum_ms": round(min(times), 3)}
    return Measurement(quantity, round(found.value, 3), round(found.half_width, 3), details=more)


def family(
    quantity: Quantity,
    number: int,
    addresses: Addresses | ProbeError,
    reached: Mapping[str, Any],
    answering: Callable[[], frozenset[str]],
) -> Measurement:
    """Return whether the responder can be reached over one family.

    A family that it does not offer says nothing about the home, and neither does one in which it refuses. Where it is
    silent in one and answers in the other, the way is broken, and that is an answer, unless the responder itself knows
    of nobody who came that way (`answering` tells who did).
    """
    if isinstance(addresses, ProbeError):
        return Measurement.failed(quantity, addresses)
    if number not in addresses:
        error = server_error("not_offered", f"the responder has no address of {far_end.FAMILIES[number]}")
        return Measurement.failed(quantity, error)
    result = reached[str(int(number))]
    if not isinstance(result, ProbeError):
        return Measurement(quantity, value=True, details={"connect_ms": round(result, 3)})
    others = (reached[str(int(other))] for other in addresses if other != number)
    broken = result.code in ("responder_silent", "responder_unreachable")
    works_otherwise = any(not isinstance(other, ProbeError) for other in others)
    if broken and works_otherwise and FAMILIES[number] not in answering():
        return Measurement.failed(quantity, proven.unproven(f"{far_end.FAMILIES[number]}: {result.message}"))
    if result.code == "no_route" or (broken and works_otherwise):
        return Measurement(quantity, value=False, details={"why": result.code})
    return Measurement.failed(quantity, result)


def signed_in(found: Plain | ProbeError) -> ProbeError | None:
    """Return the failure of what a sign-in page hides: it takes connections in everybody's place. None without one."""
    if isinstance(found, ProbeError) or found.genuine:
        return None
    return plain_http.sign_in_page()


def without_route(addresses: Addresses | ProbeError, reached: Mapping[str, Any]) -> ProbeError | None:
    """Return the failure of a computer that knows no way to the responder at all, or None."""
    if isinstance(addresses, ProbeError):
        return None
    results = [reached[str(int(number))] for number in addresses]
    lost = [result for result in results if isinstance(result, ProbeError) and result.code == "no_route"]
    if not lost or len(lost) < len(results):
        return None
    return far_end.other_ip_version("the responder", addresses, far_end.routed_families()) or lost[0]


def captive_portal(found: Plain | ProbeError) -> Measurement:
    """Return whether somebody else answers in the responder's place."""
    if isinstance(found, ProbeError):
        return Measurement.failed(CAPTIVE_PORTAL, found)
    if found.genuine:
        return Measurement(CAPTIVE_PORTAL, value=False, details={"told_by": "the nonce came back"})
    told_by = "a redirect to another host" if found.elsewhere else "another page"
    return Measurement(CAPTIVE_PORTAL, value=True, details={"told_by": told_by, "status": found.status})


def http_proxy(settings: ProxySettings, found: Plain | ProbeError) -> Measurement:
    """Return whether a proxy stands in the way: one that is set, or one that nobody has been told of."""
    details: Details = {"system": list(settings.schemes), "script": settings.script}
    if settings.schemes:
        return Measurement(HTTP_PROXY, value=True, details={**details, "told_by": "system settings"})
    if isinstance(found, ProbeError):
        return Measurement.failed(HTTP_PROXY, found, details)
    portal = signed_in(found)
    if portal is not None:
        return Measurement.failed(HTTP_PROXY, portal, details)
    if found.changed:
        return Measurement(HTTP_PROXY, value=True, details={**details, "told_by": "the request arrived changed"})
    if found.proxy_headers:
        told_by = f"the answer carries {', '.join(found.proxy_headers)}"
        return Measurement(HTTP_PROXY, value=True, details={**details, "told_by": told_by})
    return Measurement(HTTP_PROXY, value=False, details={**details, "told_by": "request and answer came unchanged"})


def cgnat(around: Around) -> Measurement:
    """Return whether the provider lets several customers share an address, as far as anything tells."""
    if around.tunnel:
        message = "a VPN is on: what lies around it cannot be seen"
        return Measurement.failed(CGNAT, ProbeError("vpn", "Switch the VPN off and repeat the check.", message=message))
    shared = [hop.distance for hop in around.trace.routers if hop.distance <= SHARED_HOPS and is_shared(hop.address)]
    if shared:
        return Measurement(CGNAT, value=True, details={"told_by": f"hop {shared[0]} has an address of RFC 6598"})
    for address, whose in ((around.outer_address, "the router's outer address"), (around.own_address, "own address")):
        if address is not None and is_shared(address):
            return Measurement(CGNAT, value=True, details={"told_by": f"{whose} is one of RFC 6598"})
    outer = around.outer_address
    if outer is not None:
        is_public = ipaddress.ip_address(outer).is_global
        word = "public" if is_public else "private"
        return Measurement(CGNAT, value=not is_public, details={"told_by": f"the router's outer address is {word}"})
    own = around.own_address
    if own is not None and ":" not in own and ipaddress.ip_address(own).is_global:
        return Measurement(CGNAT, value=False, details={"told_by": "this computer has a public address"})
    message = "neither the routers on the way nor the home's own tell it"
    return Measurement.failed(CGNAT, ProbeError("not_told", NOTHING_TO_DO, message=message, at_fault="home_link"))


def is_shared(address: str) -> bool:
    """Tell whether an address is one of 100.64.0.0/10."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.version == 4 and found in SHARED


def gateway_details(post: Post | None) -> Details:
    """Return how the gateway was asked, and its address where that is a private one."""
    return {} if post is None else {"asked_by": post.told_by, "address": resolvers.shown(post.address)}


def hop_details(post: Post | None) -> Details:
    """Return how far away the router is; its address would tell where the home is."""
    return {} if post is None else {"hops": post.hops}


def silent_gateway() -> ProbeError:
    """Return the failure of a gateway that is not there or does not answer."""
    message = "the first router answers neither echo nor UDP, or there is none (a VPN)"
    return ProbeError("gateway_silent", NOTHING_TO_DO, message=message, at_fault="home_link")


def no_public_hop(addresses: Addresses | ProbeError) -> ProbeError:
    """Return the failure of a way on which no router with a public address answers."""
    if isinstance(addresses, ProbeError):
        return addresses
    message = "no router with a public address answers on the way"
    return ProbeError("no_public_hop", NOTHING_TO_DO, message=message, at_fault="line")


def late_name(name: str) -> ProbeError:
    """Return the failure of what waits for a name for too long."""
    return resolvers.dns_failed(f"no answer of the name service within {NAME_SECONDS:.0f} s ({name})")


def late_reach(name: str) -> ProbeError:
    """Return the failure of what was not answered in time."""
    if name == "posts":
        return late_router("the routers on the way")
    if name == "collector":
        return server_error("collector_silent", f"the collector does not answer within {REACH_SECONDS:.1f} s")
    return server_error("responder_silent", f"the responder does not answer within {REACH_SECONDS:.1f} s ({name})")


def late_router(name: str) -> ProbeError:
    """Return the failure of a router that was asked for too long."""
    message = f"no answer within {TIMING_SECONDS:.1f} s ({name})"
    at_fault: AtFault = "line" if name == "public" else "home_link"
    return ProbeError("too_few_answers", "Repeat the check.", message=message, at_fault=at_fault)
