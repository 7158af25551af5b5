"""Far ends seen from homes that have IPv4 alone or IPv6 alone, as most and as more and more homes have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.homes import namespaces
from tests.needs import need, need_program

ROOT = Path(__file__).parents[3]
# What the home's one family leads to is its own address, where nobody listens.
V4, V6 = "198.51.100.2", "2001:db8:7::2"
HOSTS = f"{V4} four.example both.example\n{V6} six.example both.example\n"


@contextmanager
def home(*addresses: str) -> Iterator[str]:
    """A home with these addresses, each with the default route of its family; the name of its namespace."""
    need(sys.platform == "linux" and os.geteuid() == 0, "network namespaces need Linux and root", "run as root")
    need_program("ip", package="iproute2")
    name = f"hcfam{os.getpid()}"
    names = Path("/etc/netns") / name
    with namespaces(name):
        run("ip", "-n", name, "link", "add", "lan", "type", "veth", "peer", "name", "wire")
        for device in ("lan", "wire"):
            run("ip", "-n", name, "link", "set", device, "addrgenmode", "none")
            run("ip", "-n", name, "link", "set", device, "up")
        for address in addresses:
            family, width = ("-6", "64") if ":" in address else ("-4", "24")
            nodad = ("nodad",) if ":" in address else ()
            run("ip", "-n", name, "addr", "add", f"{address}/{width}", "dev", "lan", *nodad)
            run("ip", "-n", name, family, "route", "add", "default", "dev", "lan")
        names.mkdir(parents=True)
        try:
            (names / "hosts").write_text(HOSTS)
            yield name
        finally:
            (names / "hosts").unlink()
            names.rmdir()


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def found(name: str, *urls: str) -> list[dict[str, str]]:
    script = str(ROOT / "tests/find_in_namespace.py")
    command = ["ip", "netns", "exec", name, sys.executable, script, *urls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    outcomes: list[dict[str, str]] = json.loads(done.stdout)
    return outcomes


def test_a_home_with_ipv6_alone_is_not_to_blame_for_a_far_end_that_has_none() -> None:
    with home(V6) as name:
        four, number, both = found(name, "https://four.example:1", f"https://{V4}:1", "https://both.example:1")
    assert (four["code"], four["at_fault"]) == ("other_ip_version", "server")
    words = "four.example:1 has no address of IPv6, and this network leads to the internet by IPv6 alone"
    assert four["message"] == words
    assert number["code"] == "other_ip_version"
    assert (both["code"], both["traced"]) == ("responder_refused", "IPv6")


def test_a_home_with_ipv4_alone_hears_of_the_address_that_it_has_a_way_to() -> None:
    with home(V4) as name:
        six, both = found(name, "https://six.example:1", "https://both.example:1")
    assert (six["code"], six["at_fault"]) == ("other_ip_version", "server")
    assert (both["code"], both["traced"]) == ("responder_refused", "IPv4")


def test_a_home_without_any_way_is_still_not_connected() -> None:
    with home() as name:
        four, both = found(name, "https://four.example:1", "https://both.example:1")
    assert (four["code"], four["at_fault"]) == ("no_route", "home_link")
    assert (both["code"], both["at_fault"]) == ("no_route", "home_link")
