"""What the probe concludes from what it sees, and what it does on loopback with far ends that are absent or silent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path as File

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import find, named
from homecheck.instruments.hops import Hop
from homecheck.instruments.hops import Path as Trace
from homecheck.instruments.plain_answer import Plain, answer
from homecheck.instruments.plain_http import ask
from homecheck.instruments.proxies import ProxySettings
from homecheck.measurement import CheckSetup, Measurement, Probe
from probes.path import (
    IPV6,
    Around,
    Path,
    captive_portal,
    cgnat,
    family,
    http_proxy,
    late_router,
    median,
    plain_port,
    surely,
)
from tests.far_ends import responder_process
from tests.ndt7_servers import answering

GENUINE = Plain(200, genuine=True, changed=False, proxy_headers=(), elsewhere=False)
BLOCKED = ProbeError("plain_blocked", "", at_fault="home_link")
NO_PROXY = ProxySettings(())


def run(probe: Path) -> dict[str, Measurement]:
    found = list(replace(probe, settings=lambda: NO_PROXY).run())
    assert sorted(one.quantity.name for one in found) == sorted(one.name for one in Path.quantities)
    return {one.quantity.name: one for one in found}


def failure(measured: Measurement) -> tuple[str, str]:
    assert measured.failure is not None, measured
    return measured.failure.code, measured.failure.at_fault


def test_the_probe_keeps_the_contract() -> None:
    probe = Path.for_check(CheckSetup(responder_url="https://a.example", collector_url="https://b.example"))
    assert isinstance(probe, Probe)
    assert (probe.url, probe.collector_url) == ("https://a.example", "https://b.example")


def test_with_both_far_ends_on_this_computer_nothing_leaves_it(tmp_path: File) -> None:
    with responder_process(tmp_path, "--plain-port", "0") as responder:
        found = run(Path(responder.url, responder.url))
    assert found["network.ipv4"].value is True
    assert found["network.captive_portal"].value is False
    assert found["network.http_proxy"].value is False
    assert isinstance(found["network.collector_rtt"].value, float)
    for name in ("gateway_rtt", "first_hop_rtt", "cgnat"):
        assert failure(found[f"network.{name}"]) == ("on_this_computer", "agent")
    assert failure(found["network.dns_time"]) == ("no_name", "agent")


def test_without_far_ends_everything_is_named_at_once() -> None:
    began = time.monotonic()
    found = run(Path())
    assert time.monotonic() - began < 5
    assert failure(found["network.gateway_rtt"]) == ("no_responder", "agent")
    assert failure(found["network.collector_rtt"]) == ("no_collector", "agent")


def test_absent_far_ends_are_our_servers_fault() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    found = run(Path(url, url))
    assert failure(found["network.ipv4"]) == ("responder_refused", "server")
    assert failure(found["network.captive_portal"]) == ("responder_refused", "server")
    assert failure(found["network.collector_rtt"]) == ("collector_refused", "server")


def test_a_responder_that_takes_connections_and_says_nothing_is_not_waited_for_long() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        began = time.monotonic()
        found = run(Path(f"http://127.0.0.1:{listener.getsockname()[1]}"))
    assert time.monotonic() - began < 15
    assert found["network.ipv4"].value is True
    assert failure(found["network.captive_portal"]) == ("responder_mute", "server")
    assert failure(found["network.http_proxy"]) == ("responder_mute", "server")


def test_an_older_responder_offers_no_plain_answer(tmp_path: File) -> None:
    with responder_process(tmp_path) as responder:
        found = run(Path(responder.url))
    assert failure(found["network.captive_portal"]) == ("not_offered", "server")


@pytest.mark.parametrize("url", ["ftp://a.example", "https://", "https://a.example:99999", "nonsense"])
def test_an_address_that_is_none_is_the_settings_fault(url: str) -> None:
    assert failure(run(Path(url))["network.ipv4"]) == ("bad_address", "agent")


@contextmanager
def front(reply: bytes | None) -> Iterator[int]:
    """Stand where the responder should: answer with `reply`, or for None as a proxy that writes requests anew."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                head = sock.recv(4096)
                rewritten = head.replace(b"Connection: close", b"Via: 1.1 cache-7\r\nConnection: close")
                sock.sendall(reply or answer(rewritten) or b"")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def asked(reply: bytes | None) -> Plain:
    with front(reply) as port:
        return ask(replace(named("http://127.0.0.1"), family=socket.AF_INET, address="127.0.0.1"), port)


def test_a_proxy_that_nobody_has_set_is_seen_by_what_it_changes() -> None:
    found = asked(None)
    assert captive_portal(found).value is False
    proxy = http_proxy(NO_PROXY, found)
    assert (proxy.value, proxy.details["told_by"]) == (True, "the request arrived changed")


def test_a_page_in_the_responders_place_is_a_sign_in_page() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nWelcome"
    found = captive_portal(asked(page))
    assert (found.value, found.details["told_by"]) == (True, "another page")


def test_what_is_no_answer_in_http_blocks_the_view() -> None:
    with pytest.raises(ProbeError) as raised:
        asked(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert (raised.value.code, raised.value.at_fault) == ("plain_blocked", "home_link")


def test_a_redirect_to_the_responder_itself_is_no_sign_in_page() -> None:
    with pytest.raises(ProbeError) as raised:
        surely(asked(b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"))
    assert (raised.value.code, raised.value.at_fault) == ("responder_answer", "server")


@pytest.mark.parametrize(
    ("settings", "seen", "value", "told_by"),
    [
        (ProxySettings(("https",), "PAC"), BLOCKED, True, "system settings"),
        (NO_PROXY, replace(GENUINE, proxy_headers=("via",)), True, "the answer carries via"),
        (ProxySettings((), "WPAD"), GENUINE, False, "request and answer came unchanged"),
    ],
)
def test_a_proxy_is_told_by_settings_or_by_its_traces(
    settings: ProxySettings, seen: Plain | ProbeError, value: bool, told_by: str
) -> None:
    found = http_proxy(settings, seen)
    assert (found.value, found.details["told_by"], found.details["script"]) == (value, told_by, settings.script)


def test_without_a_plain_answer_no_proxy_is_not_claimed() -> None:
    assert failure(http_proxy(NO_PROXY, BLOCKED)) == ("plain_blocked", "home_link")


def around(*hops: str, own: str = "192.168.1.7", outer: str | None = None, tunnel: bool = False) -> Around:
    routers = tuple(Hop(distance, address, (1.0,)) for distance, address in enumerate(hops, 1))
    return Around(own, Trace(routers), outer, tunnel)


@pytest.mark.parametrize(
    ("seen", "value"),
    [
        (around("192.168.1.1", "100.64.0.1", "11.1.1.1"), True),
        (around("192.168.1.1", "10.0.0.1", "100.127.255.254"), True),
        (around("192.168.1.1", outer="100.72.3.4"), True),
        (around("192.168.1.1", outer="10.20.30.40"), True),
        (around("192.168.1.1", own="100.80.1.1"), True),
        (around("192.168.1.1", "11.1.1.1", outer="11.2.3.4"), False),
        (around("11.1.1.1", own="11.1.1.9"), False),
    ],
)
def test_cgnat_is_told_by_hops_by_the_router_or_by_the_own_address(seen: Around, value: bool) -> None:
    assert cgnat(seen).value is value
    assert cgnat(seen).details["told_by"]


@pytest.mark.parametrize(
    "seen",
    [
        around("192.168.1.1", "11.1.1.1"),
        around("192.168.1.1", "10.0.0.1", "10.0.0.2"),  # providers number their own routers like that
        around("192.168.1.1", "11.1.1.1", "11.1.1.2", "100.64.0.1"),  # too far away to be the home's
        around("192.168.1.1", "100.128.0.1"),  # next to the range
        around("fd97::1", own="2a02::7"),
    ],
)
def test_where_nothing_tells_there_is_no_answer(seen: Around) -> None:
    assert failure(cgnat(seen)) == ("not_told", "home_link")


def test_behind_a_vpn_nothing_is_said_about_the_home() -> None:
    assert failure(cgnat(around("100.64.0.1", tunnel=True)))[0] == "vpn"


V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
BOTH = {V4: "11.1.1.1", V6: "2a02::1"}
SILENT = ProbeError("responder_silent", "", at_fault="server")
REFUSED = ProbeError("responder_refused", "", at_fault="server")
NO_ROUTE = ProbeError("no_route", "", at_fault="home_link")


def by_both() -> frozenset[str]:
    return frozenset({"ipv4", "ipv6"})


def by_ipv4() -> frozenset[str]:
    return frozenset({"ipv4"})


def test_a_family_that_is_silent_while_the_other_works_does_not_work() -> None:
    assert family(IPV6, V6, BOTH, {str(V4): 12.0, str(V6): SILENT}, by_both).value is False
    assert family(IPV6, V6, BOTH, {str(V4): SILENT, str(V6): NO_ROUTE}, by_ipv4).value is False
    assert family(IPV6, V6, BOTH, {str(V4): SILENT, str(V6): 12.0}, by_ipv4).value is True


def test_a_family_in_which_nobody_reaches_the_responder_says_nothing_about_the_home() -> None:
    found = family(IPV6, V6, BOTH, {str(V4): 12.0, str(V6): SILENT}, by_ipv4)
    assert failure(found) == ("port_unproven", "server")


@pytest.mark.parametrize(
    ("addresses", "reached", "code"),
    [
        ({V4: "11.1.1.1"}, {str(V4): 12.0}, "not_offered"),
        (BOTH, {str(V4): 12.0, str(V6): REFUSED}, "responder_refused"),
        (BOTH, {str(V4): SILENT, str(V6): SILENT}, "responder_silent"),
        ({V6: "2a02::1"}, {str(V6): SILENT}, "responder_silent"),
    ],
)
def test_what_the_responder_does_not_give_says_nothing_about_the_home(
    addresses: dict[int, str], reached: dict[str, object], code: str
) -> None:
    assert failure(family(IPV6, V6, addresses, reached, by_both)) == (code, "server")


def test_a_median_takes_three_times_and_carries_their_scatter() -> None:
    quantity = Path.quantities[0]
    found = median(quantity, (3.0, 1.0, 2.0), {})
    assert (found.value, found.uncertainty, found.details["answers"]) == (2.0, 1.0, 3)
    assert failure(median(quantity, (1.0, 2.0), {})) == ("too_few_answers", "home_link")
    assert failure(median(quantity, (1.0, 2.0), {}, "line")) == ("too_few_answers", "line")


def test_the_providers_router_is_not_the_homes() -> None:
    assert late_router("public").at_fault == "line"
    assert late_router("gateway").at_fault == "home_link"


def test_a_port_that_is_none_is_our_servers_fault() -> None:
    document = b'{"role": "responder", "plain_port": 70000}'

    def about(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(document) + document)

    with answering(about) as url, pytest.raises(ProbeError) as raised:
        plain_port(find(url))
    assert (raised.value.code, raised.value.at_fault) == ("responder_answer", "server")


def test_an_address_that_nobody_can_read_spoils_nothing_else() -> None:
    found = run(Path("http://[::1", "http://[::1"))
    assert failure(found["network.dns_time"]) == ("bad_address", "agent")
    assert failure(found["network.collector_rtt"])[0] == "bad_address"
