"""Linux: whether what comes in from the network is filtered.

Rules can be read by an administrator alone. An ordinary user can see which of the known services runs and what
/etc/ufw/ufw.conf says, which everybody may read; ufw.service is "active" even while ufw is switched off, and
nftables.service even with the rules of Debian's example, which let everything in. So a service alone is never a proof
for these two. Without a known service and without rights nothing is told: a script of one's own may have set rules.

A firewall is an input chain that ends in refusal: its policy drops, or one of its rules drops or rejects whatever has
come so far. A rule against single addresses, as fail2ban sets them, is none.

Sources: ufw(8), firewall-cmd(1), systemctl(1) is-active, libnftables-json(5), iptables(8) -S.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from homecheck.instruments.host.linux import read
from homecheck.instruments.host.program import Runner
from homecheck.instruments.security.facts import Told, untold

UNITS: Final = ("ufw", "firewalld", "nftables", "iptables", "netfilter-persistent", "opensnitch", "shorewall")
UNDECIDED: Final = UNITS[2:]  # one of these may filter: only its rules tell
IS_ACTIVE: Final = ("systemctl", "is-active", *UNITS)
NFT: Final = ("nft", "--json", "list", "ruleset")
IPTABLES: Final = ("iptables", "-S", "INPUT")
_IPTABLES_REFUSES: Final = re.compile(r"^-P INPUT DROP$|^-A INPUT -j (?:DROP|REJECT)\b", re.MULTILINE)
_NFT_FILE_REFUSES: Final = re.compile(r"\bhook\s+input\b[^{}]*\bpolicy\s+drop\b")
_HOOKS: Final = ("input", "prerouting", "ingress")  # the ways of a packet that comes in
_REFUSALS: Final = frozenset({"drop", "reject"})
_OF_EVERY_PACKET: Final = _REFUSALS | {"counter", "log"}  # any other statement stands for a condition: a match, a limit
_OTHER_FAMILIES: Final = ("arp", "bridge")  # see no packet that comes in over IP


def firewall(run: Runner, root: Path) -> Told:
    """Return whether a firewall is on. Raises ProbeError ``not_told``."""
    units = states(run(IS_ACTIVE))
    ufw = ufw_enabled(read(root / "etc/ufw/ufw.conf"))
    if units.get("firewalld") == "active":
        return Told(True, "firewalld is active")
    if ufw and units.get("ufw") == "active":
        return Told(True, "ufw.conf: ENABLED=yes")
    ruleset, iptables = parse_ruleset(run(NFT)), run(IPTABLES)
    if sign := refusal(ruleset, iptables):
        return Told(True, sign)
    if ruleset is None and units.get("nftables") == "active" and file_refuses(read(root / "etc/nftables.conf")):
        return Told(True, "nftables.conf: policy drop")
    undecided = [unit for unit in UNDECIDED if units.get(unit) == "active"]
    if ruleset is None and undecided:  # iptables does not show the tables of nft
        raise untold("firewall", f"only an administrator can read the rules of {', '.join(undecided)}")
    if ruleset is not None or iptables:
        return Told(False, "the rules in force let everything in")
    if ufw is False and units:
        return Told(False, "ufw.conf: ENABLED=no, and no other known firewall runs")
    raise untold("firewall", "no known firewall runs, and only an administrator can read the kernel's rules")


def states(text: str) -> Mapping[str, str]:
    """Return each unit's state by systemctl; empty where systemd does not run."""
    lines = text.split()
    return dict(zip(UNITS, lines, strict=True)) if len(lines) == len(UNITS) else {}


def ufw_enabled(conf: str) -> bool | None:
    """Return what ufw.conf says; None where it says nothing."""
    found = re.search(r"^\s*ENABLED\s*=\s*[\"']?(yes|no)\b", conf, re.MULTILINE | re.IGNORECASE)
    return None if found is None else found[1].lower() == "yes"


def file_refuses(rules: str) -> bool:
    """Tell whether the rules of an nftables file have an input chain that drops what no rule lets in."""
    return _NFT_FILE_REFUSES.search(re.sub(r"#.*", "", rules)) is not None


def refusal(ruleset: list[dict[str, Any]] | None, iptables: str) -> str:
    """Return the sign that the rules in force refuse what they do not let in; empty without one."""
    if ruleset is not None and any(_refusing(ruleset)):
        return "nft: an input chain refuses what no rule lets in"
    return "iptables: INPUT refuses what no rule lets in" if _IPTABLES_REFUSES.search(iptables) else ""


def parse_ruleset(text: str) -> list[dict[str, Any]] | None:
    """Return the objects of `nft --json list ruleset`; None for anything else."""
    try:
        found = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError):
        return None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None


def _refusing(ruleset: list[dict[str, Any]]) -> Iterator[bool]:
    """Yield for each input chain whether it refuses by its policy, and for each of its rules whether that does."""
    inputs = set()
    for one in ruleset:
        chain = one.get("chain")
        if not isinstance(chain, dict) or chain.get("family") in _OTHER_FAMILIES:
            continue
        if chain.get("hook") in _HOOKS and chain.get("type") == "filter":
            inputs.add((chain.get("family"), chain.get("table"), chain.get("name")))
            yield chain.get("policy") == "drop"
    for one in ruleset:
        rule = one.get("rule")
        if isinstance(rule, dict) and (rule.get("family"), rule.get("table"), rule.get("chain")) in inputs:
            words = {word for part in rule.get("expr", ()) if isinstance(part, dict) for word in part}
            yield words <= _OF_EVERY_PACKET and not words.isdisjoint(_REFUSALS)
