"""Linux firewalls, as an ordinary user and as an administrator sees them; nothing untold is ever a "no"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.security.linux_firewall import UNITS, file_refuses, firewall, ufw_enabled

# Rules as nft 1.0.6 (Debian 12) prints them, run in a network namespace; names and order are like firewalld's.
FIREWALLD = [
    {"metainfo": {"version": "1.0.9", "json_schema_version": 1}},
    {"chain": {"family": "inet", "table": "firewalld", "name": "filter_INPUT", "handle": 7, "type": "filter",
               "hook": "input", "prio": 10, "policy": "accept"}},
    {"rule": {"family": "inet", "table": "firewalld", "chain": "filter_INPUT", "handle": 8, "expr": [
        {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}},
        {"accept": None}]}},
    {"rule": {"family": "inet", "table": "firewalld", "chain": "filter_INPUT", "handle": 12, "expr": [
        {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]}},
]  # fmt: skip
POLICY_DROP = [
    {
        "chain": {
            "family": "inet",
            "table": "filter",
            "name": "input",
            "type": "filter",
            "hook": "input",
            "policy": "drop",
        }
    }
]
BEFORE_ROUTING = [
    {
        "chain": {
            "family": "inet",
            "table": "raw",
            "name": "early",
            "type": "filter",
            "hook": "prerouting",
            "policy": "drop",
        }
    }
]
# fail2ban: one address is refused, everybody else is let in.
FAIL2BAN = [
    {"chain": {"family": "inet", "table": "f2b", "name": "in", "type": "filter", "hook": "input", "policy": "accept"}},
    {"rule": {"family": "inet", "table": "f2b", "chain": "in", "expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "192.0.2.7"}},
        {"drop": None}]}},
]  # fmt: skip
# A limit on how fast connections come: who keeps to it is let in.
LIMITED = [
    {"chain": {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input", "policy": "accept"}},
    {"rule": {"family": "inet", "table": "t", "chain": "in", "expr": [
        {"limit": {"rate": 100, "burst": 5, "per": "second", "inv": True}}, {"counter": {"packets": 0, "bytes": 0}},
        {"drop": None}]}},
]  # fmt: skip
# What counts and logs before it refuses, refuses everybody all the same.
LOGGED = [
    {"chain": {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input", "policy": "accept"}},
    {"rule": {"family": "inet", "table": "t", "chain": "in", "expr": [
        {"counter": {"packets": 0, "bytes": 0}}, {"log": {"prefix": "no: "}}, {"drop": None}]}},
]  # fmt: skip
# Frames between the ports of a bridge, and ARP: nothing of it is IP that comes in.
BRIDGE = [
    {"chain": {"family": family, "table": "t", "name": "in", "type": "filter", "hook": "input", "policy": "drop"}}
    for family in ("bridge", "arp")
]
# docker: what is passed on is filtered, what comes in is not.
DOCKER = [
    {
        "chain": {
            "family": "ip",
            "table": "filter",
            "name": "FORWARD",
            "type": "filter",
            "hook": "forward",
            "policy": "drop",
        }
    },
    {"rule": {"family": "ip", "table": "filter", "chain": "DOCKER", "expr": [{"drop": None}]}},
]
ACCEPT = "-P INPUT ACCEPT\n"


class Computer:
    """Answers the three programs; what it does not know prints nothing, like a program that is not there."""

    def __init__(self, units: str = "", nft: object = None, iptables: str = "") -> None:
        known = dict(word.split("=") for word in units.split())
        self.units = "".join(f"{known.get(unit, 'inactive')}\n" for unit in UNITS) if units else ""
        self.nft = "" if nft is None else json.dumps({"nftables": nft})
        self.iptables = iptables

    def __call__(self, command: Sequence[str]) -> str:
        return {"systemctl": self.units, "nft": self.nft, "iptables": self.iptables}[command[0]]


def conf(root: Path, name: str, text: str) -> None:
    file = root / "etc" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def not_told(computer: Computer, root: Path) -> str:
    with pytest.raises(ProbeError) as failed:
        firewall(computer, root)
    assert failed.value.code == "not_told"
    return failed.value.message


def test_fedora_runs_firewalld(tmp_path: Path) -> None:
    told = firewall(Computer("firewalld=active"), tmp_path)
    assert (told.value, told.told_by) == (True, "firewalld is active")


def test_ubuntu_with_ufw_on(tmp_path: Path) -> None:
    conf(tmp_path, "ufw/ufw.conf", "# /etc/ufw/ufw.conf\n\nENABLED=yes\nLOGLEVEL=low\n")
    assert firewall(Computer("ufw=active"), tmp_path).value is True


def test_ufw_that_is_switched_off_is_no_firewall_although_its_service_is_active(tmp_path: Path) -> None:
    conf(tmp_path, "ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n")
    told = firewall(Computer("ufw=active"), tmp_path)
    assert told.value is False
    assert "ENABLED=no" in told.told_by


def test_ufw_that_is_on_in_its_file_but_not_running_is_not_told(tmp_path: Path) -> None:
    conf(tmp_path, "ufw/ufw.conf", "ENABLED=yes\n")
    assert "no known firewall runs" in not_told(Computer("ufw=failed"), tmp_path)


def test_debians_example_for_nftables_lets_everything_in_and_is_no_proof(tmp_path: Path) -> None:
    example = "table inet filter {\n chain input {\n type filter hook input priority filter;\n }\n}\n"
    conf(tmp_path, "nftables.conf", example)
    assert "nftables" in not_told(Computer("nftables=active"), tmp_path)


def test_nftables_with_a_policy_that_drops(tmp_path: Path) -> None:
    text = "table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n}\n"
    conf(tmp_path, "nftables.conf", text)
    assert firewall(Computer("nftables=active"), tmp_path).value is True
    assert not file_refuses("# type filter hook input priority 0; policy drop;")
    assert not file_refuses("chain input { type filter hook input priority 0; } chain f { hook forward; policy drop; }")


def test_another_service_whose_rules_only_an_administrator_reads_is_not_told(tmp_path: Path) -> None:
    conf(tmp_path, "ufw/ufw.conf", "ENABLED=no\n")
    assert "netfilter-persistent" in not_told(Computer("netfilter-persistent=active"), tmp_path)


def test_an_ordinary_user_without_any_known_firewall_is_told_nothing(tmp_path: Path) -> None:
    assert "only an administrator" in not_told(Computer("ufw=inactive"), tmp_path)
    assert "only an administrator" in not_told(Computer(), tmp_path)  # no systemd either


@pytest.mark.parametrize(
    ("rules", "iptables", "value"),
    [
        (FIREWALLD, "", True),
        (POLICY_DROP, "", True),
        (BEFORE_ROUTING, ACCEPT, True),
        (FAIL2BAN, ACCEPT, False),
        (DOCKER, ACCEPT, False),
        (LIMITED, ACCEPT, False),
        (LOGGED, ACCEPT, True),
        (BRIDGE, ACCEPT, False),
        ([], ACCEPT, False),
        (None, ACCEPT, False),
        (None, "-P INPUT DROP\n", True),
        (
            [],
            "-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n",
            True,
        ),
        ([], "-P INPUT ACCEPT\n-A INPUT -s 192.0.2.7/32 -j DROP\n", False),
    ],
)
def test_an_administrator_sees_the_rules_in_force(tmp_path: Path, rules: object, iptables: str, value: bool) -> None:
    assert firewall(Computer(nft=rules, iptables=iptables), tmp_path).value is value


def test_iptables_alone_does_not_show_the_tables_of_a_service_that_runs(tmp_path: Path) -> None:
    assert "opensnitch" in not_told(Computer("opensnitch=active", iptables=ACCEPT), tmp_path)
    assert firewall(Computer("opensnitch=active", nft=[], iptables=ACCEPT), tmp_path).value is False


def test_rules_in_force_count_more_than_the_file_they_once_came_from(tmp_path: Path) -> None:
    text = "chain input { type filter hook input priority 0; policy drop; }"
    conf(tmp_path, "nftables.conf", text)
    assert firewall(Computer("nftables=active", nft=[], iptables=ACCEPT), tmp_path).value is False


@pytest.mark.parametrize("text", ["{", "[]", '{"nftables": 7}'])
def test_an_odd_answer_of_nft_tells_nothing(tmp_path: Path, text: str) -> None:
    computer = Computer()
    computer.nft = text
    not_told(computer, tmp_path)


def test_objects_of_odd_form_among_the_rules_are_passed_over(tmp_path: Path) -> None:
    odd = [7, {"chain": 7}, {"rule": None}, {"rule": {"expr": [7]}}]
    assert firewall(Computer(nft=[*odd, *POLICY_DROP]), tmp_path).value is True
    assert firewall(Computer(nft=odd), tmp_path).value is False


@pytest.mark.parametrize(
    ("text", "enabled"),
    [("ENABLED=yes", True), ('ENABLED = "no"', False), ("", None), ("#ENABLED=yes", None), ("ENABLED=maybe", None)],
)
def test_ufw_conf_is_read_as_a_shell_would(text: str, enabled: bool | None) -> None:
    assert ufw_enabled(text) is enabled
