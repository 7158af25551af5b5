"""Files in MaxMind's DB format, written by an independent writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.errors import SetupError
from homecheck.observation import Region
from homecheck.responder.geoip import GeoIp, region_of
from tests.far_ends import write_regions

AUSTIN = {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "TX"}]}


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> GeoIp:
    path = tmp_path_factory.mktemp("geoip") / "city.mmdb"
    return GeoIp(write_regions(path, {"192.0.2.0/24": AUSTIN, "2001:db8::/32": {"country": {"iso_code": "SE"}}}))


@pytest.mark.parametrize(
    ("source", "region"),
    [
        ("192.0.2.7", Region("US", "TX")),
        ("::ffff:192.0.2.7", Region("US", "TX")),  # what a socket of both families tells
        ("2001:db8::1", Region("SE")),
        ("198.51.100.1", Region()),
        ("2001:db9::1", Region()),
        ("fe80::1%eth0", Region()),
        ("no address", Region()),
        ("", Region()),
    ],
)
def test_an_address_is_looked_up(regions: GeoIp, source: str, region: Region) -> None:
    assert regions(source) == region


def test_a_file_of_ipv4_alone_knows_no_address_of_ipv6(tmp_path: Path) -> None:
    regions = GeoIp(write_regions(tmp_path / "four.mmdb", {"192.0.2.0/24": AUSTIN}, ip_version=4))
    assert regions("192.0.2.7") == Region("US", "TX")
    assert regions("2001:db8::1") == Region()


@pytest.mark.parametrize(
    "record",
    [
        None,
        "US",
        {},
        {"country": "US"},
        {"country": {"iso_code": "us"}},
        {"country": {"iso_code": "USA"}},
        {"country": {"iso_code": 7}},
        {"subdivisions": [{"iso_code": "TX"}]},
        {"autonomous_system_number": 64496},
    ],
)
def test_a_record_without_a_country_code_says_nothing(record: object) -> None:
    assert region_of(record) == Region()


@pytest.mark.parametrize(
    "subdivisions", [[], {}, None, [{}], ["TX"], [{"iso_code": "Texas"}], [{"names": {"en": "Texas"}}]]
)
def test_a_subdivision_without_a_code_is_left_out(subdivisions: object) -> None:
    assert region_of({"country": {"iso_code": "US"}, "subdivisions": subdivisions}) == Region("US")


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    for content in (None, b"", b"no database"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SetupError, match=r"city\.mmdb"):
            GeoIp(path)
