from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from homecheck.errors import ProbeError
from homecheck.instruments import far_end
from homecheck.instruments.far_end import server_error
from homecheck.instruments.proxies import Proxy, read_proxy
from homecheck.instruments.target_connection import Reached
from homecheck.instruments.target_round import Surroundings, Tried, try_all
from homecheck.measurement import Target
from homecheck.policy import MOST_TARGETS
from tests.certificates import Authority
from tests.targets import HOST, accepts, answers, over_tls, stun, tcp_server, udp_server

Addresses = Sequence[tuple[Any, ...]]


def names(**known: Sequence[str]) -> Any:
    """A name service that knows these hosts (dots as _), and says of others that they do not exist."""

    def look_up(host: str, port: int) -> Addresses:
        addresses = known.get(host.replace(".", "_"))
        if addresses is None:
            raise server_error("responder_unknown", f"the name {host!r} is not known to DNS")
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    return look_up


HERE = names(
    **{"127_0_0_1": ["127.0.0.1"]},
    calls_example_com=["127.0.0.1"],
    media_example_com=["127.0.0.1"],
    both_example_com=["::1", "127.0.0.1"],
)


def around(**changes: Any) -> Surroundings:
    usual: dict[str, Any] = {
        "find_proxy": lambda _host: None,
        "networks": lambda: (),
        "look_up": HERE,
        "trust": ssl.create_default_context,
    }
    return Surroundings(**{**usual, **changes})


def code(tried: Tried) -> str:
    errors = [one for one in (tried.error, *tried.outcomes.values()) if isinstance(one, ProbeError)]
    return errors[0].code


def test_targets_of_every_protocol_are_tried_at_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    secured = authority.server(HOST)
    with ExitStack() as stack:
        ports = {
            "tcp": stack.enter_context(tcp_server(accepts)),
            "tls": stack.enter_context(tcp_server(over_tls(secured))),
            "https": stack.enter_context(tcp_server(over_tls(secured, answers("200 OK")))),
            "wss": stack.enter_context(tcp_server(over_tls(secured, answers("403 Forbidden")))),
            "udp": stack.enter_context(udp_server(stun)),
        }
        targets = [Target(protocol, HOST, port, protocol) for protocol, port in ports.items()]
        found = try_all(targets, local=True, around=around(trust=authority.trusted))
    assert [one.target.name for one in found] == list(ports)
    assert all(one.reached and one.is_here for one in found)


def test_each_family_is_tried_and_one_that_answers_is_enough() -> None:
    with tcp_server(accepts) as port:
        (found,) = try_all([Target("phone", "both.example.com", port, "tcp")], local=True, around=around())
    v6, v4 = found.outcomes.items()
    assert (v6[0].address, v4[0].address) == ("::1", "127.0.0.1")
    assert isinstance(v6[1], ProbeError)
    assert isinstance(v4[1], Reached)
    assert found.reached


def test_nothing_is_sent_to_this_computer_where_the_collector_is_elsewhere() -> None:
    connected = threading.Event()
    with tcp_server(lambda _sock: connected.set()) as port:
        (found,) = try_all([Target("phone", HOST, port, "tcp")], local=False, around=around())
    assert code(found) == "target_private"
    assert not found.outcomes
    assert not connected.is_set()


def test_a_name_that_dns_does_not_know_is_the_targets() -> None:
    (found,) = try_all([Target("phone", "gone.example.com", 443, "tls")], local=True, around=around())
    assert (code(found), found.reached) == ("target_unknown", False)


def test_a_name_service_that_knows_others_is_not_blamed_for_one() -> None:
    def mostly(host: str, port: int) -> Addresses:
        if host == "media.example.com":
            raise ProbeError("dns_failed", "", message="no answer", at_fault="home_link")
        found: Addresses = HERE(host, port)
        return found

    with tcp_server(accepts) as port:
        targets = [Target("phone", HOST, port, "tcp"), Target("media", "media.example.com", port, "tcp")]
        phone, media = try_all(targets, local=True, around=around(look_up=mostly))
        (alone,) = try_all(targets[1:], local=True, around=around(look_up=mostly))
        # An address needs no name service, and says nothing about one.
        by_address = [Target("phone", "127.0.0.1", port, "tcp"), targets[1]]
        beside_an_address = try_all(by_address, local=True, around=around(look_up=mostly))[1]
    assert code(beside_an_address) == "dns_failed"
    assert phone.reached
    assert media.error is not None
    assert (media.error.code, media.error.at_fault) == ("target_unknown", "server")
    assert alone.error is not None
    assert (alone.error.code, alone.error.at_fault) == ("dns_failed", "home_link")


def test_a_name_service_that_hangs_holds_up_nobody_for_longer_than_three_seconds() -> None:
    over = threading.Event()

    def hangs(host: str, port: int) -> Addresses:
        if host != HOST:
            over.wait(30)
        found: Addresses = HERE(host, port)
        return found

    with tcp_server(accepts) as port:
        targets = [Target("phone", HOST, port, "tcp"), Target("media", "media.example.com", port, "tcp")]
        began = time.monotonic()
        phone, media = try_all(targets, local=True, around=around(look_up=hangs))
        took = time.monotonic() - began
    over.set()
    assert phone.reached
    assert code(media) == "target_unknown"
    assert took < 12


def test_a_name_that_only_the_proxy_knows_is_tried_through_it() -> None:
    """What the proxy says is what counts: here it refuses."""
    with tcp_server(answers("403 Forbidden")) as port:
        proxied = around(find_proxy=lambda _host: Proxy("127.0.0.1", port), look_up=names())
        web, phone = try_all(
            [Target("web", "inside.example.com", 443, "https"), Target("phone", "inside.example.com", 5061, "tls")],
            local=False,
            around=proxied,
        )
    assert code(web) == "proxy_refused"
    assert web.proxy is not None
    assert web.proxy.name == f"127.0.0.1:{port}"
    assert (code(phone), phone.proxy) == ("target_unknown", None)


def test_a_proxy_does_not_open_the_home_to_a_policy() -> None:
    asked = threading.Event()
    with tcp_server(lambda _sock: asked.set()) as port:
        proxied = around(find_proxy=lambda _host: Proxy("127.0.0.1", port), look_up=far_end.resolve)
        (found,) = try_all([Target("router", "192.168.1.1", 443, "https")], local=False, around=proxied)
    assert code(found) == "target_private"
    assert not asked.is_set()


def test_a_proxy_that_homecheck_cannot_use_is_told() -> None:
    def socks(_host: str) -> Proxy | None:
        return read_proxy("socks5://127.0.0.1:1080")

    (found,) = try_all([Target("web", HOST, 443, "https")], local=True, around=around(find_proxy=socks))
    assert code(found) == "proxy_kind"


def test_as_many_targets_as_a_policy_may_have_cost_little(tmp_path: Path) -> None:
    """The figure is for the page of the probe; the limit is many times what was measured."""
    authority = Authority(tmp_path)
    with ExitStack() as stack:
        serve = over_tls(authority.server(HOST))
        ports = [stack.enter_context(tcp_server(serve)) for _ in range(MOST_TARGETS)]
        targets = [Target(f"t{port}", HOST, port, "tls") for port in ports]
        before = psutil.Process().cpu_times()
        found = try_all(targets, local=True, around=around(trust=authority.trusted))
        after = psutil.Process().cpu_times()
    assert all(one.reached for one in found)
    spent = after.user + after.system - before.user - before.system
    print(f"{len(targets)} targets over TLS: {spent:.3f} s of CPU, both ends")
    assert spent < 3
