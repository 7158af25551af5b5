from __future__ import annotations

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import has_default_route
from homecheck.instruments.link_facts import LinkFacts, Wifi
from homecheck.instruments.route import Route
from homecheck.measurement import CheckSetup, Measurement, Probe
from probes.link import Link


def measured(facts: LinkFacts, speed_mbit_s: int = 0, host: str | None = "responder.example") -> dict[str, Measurement]:
    def find_route(asked: str | None) -> Route:
        assert asked == host
        return Route(asked or "default route", "192.168.1.20", facts.interface, 1500, speed_mbit_s, ("wlan0",), 1480)

    probe = Link(host, find_route, lambda _: facts)
    found = list(probe.run())
    assert [measurement.quantity for measurement in found] == list(Link.quantities)
    return {measurement.quantity.name: measurement for measurement in found}


def test_the_probe_keeps_the_contract() -> None:
    probe = Link.for_check(CheckSetup(responder_url="https://[2001:db8::7]:8862/path"))
    assert isinstance(probe, Probe)
    assert probe.host == "2001:db8::7"
    assert Link.for_check(CheckSetup()).host is None


def test_a_cable_has_a_speed_and_no_signal() -> None:
    found = measured(LinkFacts("enp3s0", "ethernet", False, 1000.0, (), "driver e1000e"))
    assert found["link.type"].value == "ethernet"
    assert found["link.type"].details == {
        "interface": "enp3s0", "judged": "responder.example", "told_by": "driver e1000e", "mtu": 1500,
        "path_mtu": 1480, "others_up": ["wlan0"],
    }  # fmt: skip
    assert found["link.vpn"].value is False
    assert (found["link.speed"].value, found["link.speed"].uncertainty) == (1000.0, 0.0)
    failure = found["link.wifi_signal"].failure
    assert failure is not None
    assert failure.code == "not_wifi"


def test_the_signal_is_the_mean_of_its_readings_with_their_interval() -> None:
    found = measured(LinkFacts("wlan0", "wifi", False, None, (-52.0, -54.0, -53.0, -52.0, -54.0)))
    signal = found["link.wifi_signal"]
    assert signal.value == -53.0
    # t(4) * s / sqrt(5) = 2.776 * 1 / 2.236 = 1.2415, together with 1 dB of resolution: 1.594
    assert signal.uncertainty == pytest.approx(1.59, abs=0.01)


def test_a_single_reading_is_as_good_as_its_resolution() -> None:
    assert measured(LinkFacts("en0", "wifi", False, 866.0, (-60.0,)))["link.wifi_signal"].uncertainty == 1.0


def test_what_the_system_does_not_tell_is_a_failure_and_no_guess() -> None:
    found = measured(LinkFacts("Wi-Fi", "wifi", False, None, ()))
    for name in ("link.speed", "link.wifi_signal"):
        failure = found[name].failure
        assert failure is not None
        assert failure.code == "not_told"


def test_the_systems_own_table_helps_with_the_speed() -> None:
    assert measured(LinkFacts("en8", "ethernet"), speed_mbit_s=100)["link.speed"].value == 100.0


def test_a_tunnel_is_a_vpn_and_its_invented_speed_is_not_told() -> None:
    found = measured(LinkFacts("wg0", "other", vpn=True, speed_mbit_s=10000.0))
    assert found["link.vpn"].value is True
    assert found["link.speed"].value is None


def test_a_responder_on_this_computer_says_nothing_about_the_home() -> None:
    """On the real machine, which may have no route at all: loopback itself is never judged."""
    if not has_default_route():
        with pytest.raises(ProbeError) as raised:
            list(Link("127.0.0.1").run())
        assert (raised.value.code, raised.value.at_fault) == ("no_route", "home_link")
        return
    found = list(Link("127.0.0.1").run())
    assert found[0].details["judged"] == "default route"
    assert found[0].details["interface"] not in ("lo", "lo0")


def test_without_a_route_nothing_is_judged() -> None:
    def find_route(_: str | None) -> Route:
        raise ProbeError("no_route", "advice", at_fault="home_link")

    with pytest.raises(ProbeError):
        list(Link(None, find_route).run())


def test_wifi_has_its_channel_and_rate_in_the_details() -> None:
    wifi = Wifi(band="5 GHz", channel=36, frequency_mhz=5180.0, standard="802.11ax", rate_mbit_s=866.7)
    found = measured(LinkFacts("wlan0", "wifi", wifi=wifi))
    assert found["link.type"].details["wifi"] == {
        "band": "5 GHz", "channel": 36, "frequency_mhz": 5180.0, "standard": "802.11ax", "rate_mbit_s": 866.7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "metered", "told_by"),
    [
        (LinkFacts("wlan0", "wifi", metered=True, metered_by="NetworkManager: yes"), True, "NetworkManager: yes"),
        (LinkFacts("eth0", "ethernet", metered=False, metered_by="NetworkManager: no"), False, "NetworkManager: no"),
        (LinkFacts("wwan0", "cellular"), True, "a mobile network"),
        (
            LinkFacts("wwan0", "cellular", metered=False, metered_by="Windows: unrestricted"),
            False,
            "Windows: unrestricted",
        ),
    ],
)
def test_data_costs_what_the_system_says_and_on_a_mobile_network_unless_it_says_no(
    facts: LinkFacts, metered: bool, told_by: str
) -> None:
    found = measured(facts)["link.metered"]
    assert (found.value, found.details) == (metered, {"told_by": told_by})


def test_what_data_costs_is_not_guessed() -> None:
    failure = measured(LinkFacts("en0", "wifi"))["link.metered"].failure
    assert failure is not None
    assert failure.code == "not_told"
