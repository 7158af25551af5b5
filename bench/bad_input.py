"""The network's bad inputs as a candidate meets them: the real command line in homes that are broken on purpose.

    sudo .venv/bin/python bench/bad_input.py                        every item, about half a minute each
    sudo .venv/bin/python bench/bad_input.py --item "half-open"     those whose name holds the words
    sudo .venv/bin/python bench/bad_input.py --texts folder --markdown table.md

Each item is a home of network namespaces (tests/routed_home.py) with a real responder behind TLS, one thing broken in
it, and `homecheck check` unattended and private. The table says what came of it: exit status, seconds, failures by code
and culprit, and the quantities that were measured all the same; with --texts, what was printed is kept too. Nothing is
judged here: docs/probes/bad-input.md does that, read by a person. Linux, root; Debian packages iproute2, iptables,
ethtool, faketime.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from homecheck.policy import load_policy
from tests.far_ends import Running, responder_process, write_certificate
from tests.routed_home import SERVER, Home, routed_home

ROOT: Final = Path(__file__).parents[1]
NOWHERE: Final = "203.0.113.9"  # RFC 5737; the provider drops what goes there
# What an ordinary home of these namespaces shows too: far ends without a name, one family, no collector, no NAT-PMP.
ORDINARY: Final = ("not_offered", "no_name", "no_collector", "not_told")
SHOWN: Final = tuple(f"network.{name}" for name in ("udp", "captive_portal", "download", "upload", "loss", "mos"))
RATE_MBIT_S, QUEUE_MS = 30.0, 60.0  # of the provider's line
IDLE, LOADED = 12.0, 29.5  # seconds after the start of a check: its idle call, its loads
POLICY: Final = """
name = "network"
version = "1"
title = "The network alone"
""" + "".join(
    f'\n[[requirement]]\nquantity = "network.{name}"\n{limit}\nreason = "r"\nadvice = "The policy\'s own advice."\n'
    for name, limit in (
        ("download", "at_least = 3"), ("upload", "at_least = 1"), ("rtt", "at_most = 150"), ("loss", "at_most = 3"),
        ("pdv_p95", "at_most = 150"), ("mos", "at_least = 3.5"), ("udp", "equals = true"),
        ("loaded_mos", "at_least = 1.5"), ("rpm", "at_least = 20"), ("sip_alg", "equals = false"),
    )
)  # fmt: skip


@dataclass
class Check:
    """One check that is about to be made: where to, with what, and what happens meanwhile, after so many seconds."""

    url: str
    options: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    prefix: list[str] = field(default_factory=list)
    meanwhile: list[tuple[float, Callable[[subprocess.Popen[str]], object]]] = field(default_factory=list)
    policy: str | None = None


@dataclass(frozen=True)
class Place:
    """An ordinary home, and a folder for what an item needs."""

    home: Home
    folder: Path
    certificate: Path
    key: Path

    def drop(self, end: str, *rule: str) -> None:
        """Have `end` drop without a word what the rule of iptables fits."""
        self.home.run(end, "iptables", "-w", "-I", *rule, "-j", "DROP")

    @contextmanager
    def responder(self, *options: str, kind: str = "", tls: tuple[Path, Path] | None = None) -> Iterator[Running]:
        """Run a real responder at the server's end; `kind` is one of tests/odd_responder.py."""
        certificate, key = tls or (self.certificate, self.key)
        given = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key), "--sip-port=5060", *options)
        script = str(ROOT / "tests" / "odd_responder.py")
        program = (sys.executable, script, kind) if kind else (sys.executable, "-m", "homecheck")
        with responder_process(self.folder / "far", *given, prefix=self.home.at("server"), program=program) as running:
            yield running

    @contextmanager
    def listener(self, behave: str) -> Iterator[str]:
        """Run one of the far ends of tests/rude_far_end.py, and yield its address."""
        script = str(ROOT / "tests" / "rude_far_end.py")
        command = [
            *self.home.at("server"),
            sys.executable,
            script,
            behave,
            SERVER,
            str(self.certificate),
            str(self.key),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                yield f"https://{SERVER}:{port}"
            finally:
                process.kill()


Item = Callable[[Place], AbstractContextManager[Check]]
ITEMS: dict[str, Item] = {}


def item(name: str) -> Callable[[Callable[[Place], Iterator[Check]]], Item]:
    def add(function: Callable[[Place], Iterator[Check]]) -> Item:
        ITEMS[name] = contextmanager(function)
        return ITEMS[name]

    return add


# --- The way there ----------------------------------------------------------------------------------------------------


@item("nothing wrong")
def nothing_wrong(place: Place) -> Iterator[Check]:
    with place.responder("--plain-port", "80") as running:
        yield Check(running.url)


@item("no route")
def no_route(place: Place) -> Iterator[Check]:
    place.home.run("client", "ip", "route", "del", "default")
    place.home.run("client", "ip", "-6", "route", "del", "default")
    yield Check(f"https://{SERVER}:8862")


@item("no route, far end by name")
def no_route_by_name(place: Place) -> Iterator[Check]:
    place.home.run("client", "ip", "route", "del", "default")
    place.home.run("client", "ip", "-6", "route", "del", "default")
    place.home.ask_for_names_at("11.97.2.2")
    yield Check("https://responder.homecheck.example")


@item("cable unplugged before")
def unplugged(place: Place) -> Iterator[Check]:
    place.home.run("client", "ip", "link", "set", "home0", "down")
    yield Check(f"https://{SERVER}:8862")


@item("router switched off")
def router_off(place: Place) -> Iterator[Check]:
    place.home.run("router", "ip", "link", "set", "home1", "down")
    yield Check(f"https://{SERVER}:8862")


@item("router switched off in the call")
def router_off_in_the_call(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        down = ("ip", "link", "set", "home1", "down")
        yield Check(running.url, meanwhile=[(IDLE, lambda _: place.home.run("router", *down))])


@item("line dead, router says so")
def line_dead(place: Place) -> Iterator[Check]:
    place.home.run("router", "ip", "link", "set", "line0", "down")
    yield Check(f"https://{SERVER}:8862")


@item("line dead, router drops")
def line_dead_without_a_word(place: Place) -> Iterator[Check]:
    place.drop("router", "FORWARD", "-i", "home1")
    yield Check(f"https://{SERVER}:8862")


@item("line dead, router drops, far end by name")
def line_dead_by_name(place: Place) -> Iterator[Check]:
    place.drop("router", "FORWARD", "-i", "home1")
    place.home.ask_for_names_at(SERVER)
    yield Check("https://responder.homecheck.example")


@item("DNS drops packets")
def dns_dead(place: Place) -> Iterator[Check]:
    place.home.ask_for_names_at(NOWHERE)
    yield Check("https://responder.homecheck.example")


@item("DNS: nobody at its port")
def dns_refused(place: Place) -> Iterator[Check]:
    place.home.ask_for_names_at(SERVER)
    yield Check("https://responder.homecheck.example")


@item("DNS: name unknown")
def dns_unknown(place: Place) -> Iterator[Check]:
    script = str(ROOT / "tests" / "name_server.py")
    command = [*place.home.at("server"), sys.executable, script, "other.example", SERVER, "1"]
    place.home.ask_for_names_at(SERVER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Check("https://responder.homecheck.example")
        process.kill()


# --- The far end ------------------------------------------------------------------------------------------------------


@item("responder absent: address drops")
def absent(_: Place) -> Iterator[Check]:
    yield Check(f"https://{NOWHERE}:8862")


@item("responder absent: port closed")
def closed(_: Place) -> Iterator[Check]:
    yield Check(f"https://{SERVER}:8862")


@item("responder absent: machine off")
def machine_off(_: Place) -> Iterator[Check]:
    yield Check("https://11.97.2.77:8862")


for _kind, _words in {
    "silent": "slow: accepts, never answers",
    "silent-after-tls": "slow: TLS, then no answer",
    "drips": "slow: drips its answer",
    "endless": "answers without end",
    "no-http": "answers no HTTP",
    "plain": "no TLS there",
    "resets": "breaks off at once",
    "busy": "busy (429)",
    "stranger": "another web server",
    "sessions-hang": "slow: session never opens",
}.items():

    def _rude(place: Place, kind: str = _kind) -> Iterator[Check]:
        with place.listener(kind) as url:
            yield Check(url)

    item(_words)(_rude)


@item("half-open: far end vanishes in the call")
def vanishes_in_the_call(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, meanwhile=[(IDLE, lambda _: place.drop("provider", "FORWARD", "-s", SERVER))])


@item("half-open: far end vanishes in the load")
def vanishes_in_the_load(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, meanwhile=[(LOADED, lambda _: place.drop("provider", "FORWARD", "-s", SERVER))])


@item("half-open: far end killed in the call")
def killed_in_the_call(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, meanwhile=[(IDLE, lambda _: running.process.kill())])


@item("half-open: far end killed in the load")
def killed_in_the_load(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, meanwhile=[(LOADED, lambda _: running.process.kill())])


@item("half-open: far end hangs in the load")
def hangs_in_the_load(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, meanwhile=[(LOADED, lambda _: running.process.send_signal(signal.SIGSTOP))])
        running.process.send_signal(signal.SIGCONT)


@item("cable pulled in the call")
def pulled(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        down = ("ip", "link", "set", "home0", "down")
        yield Check(running.url, meanwhile=[(IDLE, lambda _: place.home.run("client", *down))])


@item("cable pulled in the load")
def pulled_in_the_load(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        down = ("ip", "link", "set", "home0", "down")
        yield Check(running.url, meanwhile=[(LOADED, lambda _: place.home.run("client", *down))])


# --- Certificates -----------------------------------------------------------------------------------------------------


@item("certificate: self-signed")
def self_signed(place: Place) -> Iterator[Check]:
    with place.responder(tls=write_certificate(place.folder / "other", SERVER)) as running:
        yield Check(running.url)


@item("certificate: other name")
def other_name(place: Place) -> Iterator[Check]:
    certificate, key = write_certificate(place.folder / "other", "11.97.2.3")
    with place.responder(tls=(certificate, key)) as running:
        yield Check(running.url, environment={"SSL_CERT_FILE": str(certificate)})


@item("certificate: expired")
def expired(place: Place) -> Iterator[Check]:
    then = datetime.now(UTC) - timedelta(days=30)
    certificate, key = write_certificate(place.folder / "other", SERVER, now=then)
    with place.responder(tls=(certificate, key)) as running:
        yield Check(running.url, environment={"SSL_CERT_FILE": str(certificate)})


@item("certificate: good, clock of the computer a year behind")
def clock_behind(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, prefix=["faketime", "-f", "-365d"])


# --- What the responder says ------------------------------------------------------------------------------------------


for _kind, _words in {
    "forgets": "session expired at the responder",
    "token": "token refused from the start",
    "lies-rate": "lies: a rate that its bins do not show",
    "lies-loss": "lies: packets that it never saw",
    "lies-bytes": "lies: more bytes than were sent",
    "lies-less": "lies: fewer bytes than arrived",
    "unsigned": "lies: signed by another key than it says",
    "clock": "its clock steps during the call",
    "full": "all its sessions are taken",
}.items():

    def _odd(place: Place, kind: str = _kind) -> Iterator[Check]:
        with place.responder(kind=kind) as running:
            yield Check(running.url)

    item(_words)(_odd)


# --- Packets ----------------------------------------------------------------------------------------------------------


def _proving(place: Place, running: Running) -> None:
    """Let somebody else have answers from this responder first: a neighbour at the router."""
    script = str(ROOT / "tests" / "probe_in_namespace.py")
    setup = json.dumps({"responder_url": running.url})
    environment = {**os.environ, "SSL_CERT_FILE": str(place.certificate)}
    command = [*place.home.at("provider"), sys.executable, script, "network", setup]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)


@item("replays an old observation")
def replaying(place: Place) -> Iterator[Check]:
    with place.responder(kind="replays") as running:
        _proving(place, running)  # the old one
        yield Check(running.url)


@item("UDP filtered at home, upwards")
def udp_up(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        place.drop("router", "FORWARD", "-i", "home1", "-p", "udp")
        yield Check(running.url)


@item("UDP filtered at home, downwards")
def udp_down(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        place.drop("router", "FORWARD", "-o", "home1", "-p", "udp")
        yield Check(running.url)


@item("UDP filtered on our side, nobody proven")
def udp_ours(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        place.drop("server", "INPUT", "-p", "udp")
        yield Check(running.url)


@item("UDP refused at home by ICMP")
def udp_rejected(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        place.home.run("router", "iptables", "-w", "-I", "FORWARD", "-i", "home1", "-p", "udp", "-j", "REJECT")
        yield Check(running.url)


@item("UDP refused by a firewall on the computer")
def udp_own_firewall(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        place.home.run("client", "iptables", "-w", "-I", "OUTPUT", "-p", "udp", "-j", "REJECT")
        yield Check(running.url)


@item("UDP dropped by a firewall on the computer")
def udp_own_firewall_drops(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        place.drop("client", "OUTPUT", "-p", "udp")
        yield Check(running.url)


@item("UDP stops in the middle of the call")
def udp_stops(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        _proving(place, running)
        drop = ("FORWARD", "-o", "home1", "-p", "udp")
        yield Check(running.url, meanwhile=[(IDLE, lambda _: place.drop("router", *drop))])


def _fate(way: str, **fate: float) -> Callable[[Place], Iterator[Check]]:
    def run(place: Place) -> Iterator[Check]:
        script = str(ROOT / "tests" / "unkind_router.py")
        with place.responder() as running:
            command = [*place.home.at("router"), sys.executable, script, way, str(running.udp_port), json.dumps(fate)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                process.stdout.readline()
                yield Check(running.url)
                process.terminate()

    return run


item("packets from strangers, to the agent")(_fate("agent", strangers=1.0))
item("packets malformed, to the agent")(_fate("agent", malformed=1.0))
item("packets duplicated, to the agent")(_fate("agent", copies=1.0))
item("packets from strangers, to the responder")(_fate("responder", strangers=1.0))
item("packets malformed, to the responder")(_fate("responder", malformed=1.0))
item("packets duplicated, to the responder")(_fate("responder", copies=1.0))
item("packets replayed late, to the agent")(_fate("agent", late=0.2))


# --- Time and money ---------------------------------------------------------------------------------------------------


# Replaces Python's own wall clock and the stamps of packets in one process: the machine's clock belongs to others.
STEPPING_CLOCK: Final = """
import sys, time

began, real_ns, real = time.monotonic(), time.time_ns, time.time

def step():
    return {seconds} if time.monotonic() - began > {at} else 0

time.time_ns = lambda: real_ns() + step() * 10**9
time.time = lambda: real() + step()

class Later:  # the stamps, once the module that reads them is there
    def find_spec(self, name, path=None, target=None):
        if name == "homecheck.instruments.voice_path" and "homecheck.instruments.packet_clock" in sys.modules:
            clock = sys.modules["homecheck.instruments.packet_clock"]
            stamp = clock.arrival_ns
            clock.arrival_ns = lambda *a, **k: (lambda ns: ns if ns is None else ns + step() * 10**9)(stamp(*a, **k))
            sys.meta_path.remove(self)

sys.meta_path.insert(0, Later())
"""


def _stepping(seconds: float, at: float) -> Callable[[Place], Iterator[Check]]:
    def run(place: Place) -> Iterator[Check]:
        clock = place.folder / "clock"
        clock.mkdir()
        (clock / "sitecustomize.py").write_text(STEPPING_CLOCK.format(seconds=seconds, at=at))
        with place.responder() as running:
            yield Check(running.url, environment={"PYTHONPATH": f"{clock}:{ROOT}"})

    return run


item("clock steps forward an hour in the call")(_stepping(3600, IDLE))
item("clock steps back a minute in the call")(_stepping(-60, IDLE))
item("clock steps back a minute in the load")(_stepping(-60, LOADED))


def _asleep(at: float, seconds: float) -> Callable[[Place], Iterator[Check]]:
    def run(place: Place) -> Iterator[Check]:
        def sleep(process: subprocess.Popen[str]) -> None:
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGCONT)

        with place.responder() as running:
            yield Check(running.url, meanwhile=[(at, sleep)])

    return run


item("stands still for a minute in the call")(_asleep(IDLE, 60))
item("stands still for a minute in the load")(_asleep(LOADED, 60))
item("stands still for three seconds in the load")(_asleep(LOADED, 3))


def _metered(*options: str) -> Callable[[Place], Iterator[Check]]:
    def run(place: Place) -> Iterator[Check]:
        programs = place.folder / "bin"
        programs.mkdir()
        nmcli = programs / "nmcli"
        nmcli.write_text("#!/bin/sh\necho 'GENERAL.METERED:yes (guessed)'\n")
        nmcli.chmod(0o755)
        with place.responder() as running:
            yield Check(running.url, list(options), {"PATH": f"{programs}:{os.environ['PATH']}"})

    return run


item("metered link")(_metered())
item("metered link, --metered")(_metered("--metered"))


@item("policy allows 3 MB")
def few_megabytes(place: Place) -> Iterator[Check]:
    with place.responder() as running:
        yield Check(running.url, policy=POLICY + "\n[network]\nmost_megabytes = 3\n")


# --- What stands in between -------------------------------------------------------------------------------------------


@item("sign-in page takes port 80")
def portal(place: Place) -> Iterator[Check]:
    with place.responder("--plain-port", "80") as running, _at_router(place, "sign_in_page.py"):
        _redirect(place, "--dport", "80", "--to-ports", "8080")
        yield Check(running.url)


@item("sign-in page takes every connection")
def portal_for_all(place: Place) -> Iterator[Check]:
    with place.responder("--plain-port", "80") as running, _at_router(place, "sign_in_page.py"):
        _redirect(place, "--to-ports", "8080")
        place.drop("router", "FORWARD", "-i", "home1")
        yield Check(running.url)


@item("sign-in page resets TLS")
def portal_resets(place: Place) -> Iterator[Check]:
    with place.responder("--plain-port", "80") as running, _at_router(place, "sign_in_page.py"):
        _redirect(place, "--dport", "80", "--to-ports", "8080")
        reject = ("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
        place.home.run("router", "iptables", "-w", "-I", "FORWARD", "-i", "home1", *reject)
        place.drop("router", "FORWARD", "-i", "home1", "-p", "udp")
        yield Check(running.url)


@item("proxy in the environment")
def environment_proxy(place: Place) -> Iterator[Check]:
    with place.responder("--plain-port", "80") as running:
        proxy = f"http://{NOWHERE}:3128"
        yield Check(running.url, environment={"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy})


@contextmanager
def _at_router(place: Place, program: str) -> Iterator[None]:
    command = [*place.home.at("router"), sys.executable, str(ROOT / "tests" / program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


def _redirect(place: Place, *rule: str) -> None:
    at, to = rule[:-2], rule[-2:]
    where = ("PREROUTING", "-i", "home1", "-p", "tcp", *at, "-j", "REDIRECT", *to)
    place.home.run("router", "iptables", "-w", "-t", "nat", "-A", *where)


@item("far end at a link-local address")
def link_local(place: Place) -> Iterator[Check]:
    address = place.home.run("router", "ip", "-6", "-o", "addr", "show", "dev", "home1", "scope", "link").split()[3]
    yield Check(f"https://[{address.partition('/')[0]}%25home0]:8862")


# --- Walking ----------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--item", action="append", default=[], help="only items whose name holds these words")
    parser.add_argument("--texts", type=Path, help="keep what was printed in this folder")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    wanted = parser.parse_args()
    names = [name for name in ITEMS if not wanted.item or any(words in name for words in wanted.item)]
    lines = ["| item | exit | seconds | cause | code (at fault) quantities | measured |", "|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name in names:
        line = walked(name, wanted.texts)
        lines.append(line)
        print(line, flush=True)
    if wanted.markdown:
        wanted.markdown.write_text("\n".join(lines) + "\n")


def walked(name: str, texts: Path | None) -> str:
    """Return the line of one item."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        home = undo.enter_context(routed_home())
        home.run("provider", "ip", "route", "add", "default", "via", SERVER)  # as any provider's
        home.run("provider", "iptables", "-w", "-A", "FORWARD", "-d", NOWHERE, "-j", "DROP")
        home.narrow("line", RATE_MBIT_S, QUEUE_MS)
        place = Place(home, folder, *write_certificate(folder / "good", SERVER))
        check = undo.enter_context(ITEMS[name](place))
        status, seconds, text, evidence = perform(place, check)
    if texts is not None:
        texts.mkdir(parents=True, exist_ok=True)
        safe = "".join(character if character.isalnum() else "-" for character in name)
        (texts / f"{safe}.txt").write_text(text)
        (texts / f"{safe}.json").write_text(json.dumps(evidence, indent=1))
    return f"| {name} | {status} | {seconds:.0f} | {causes(evidence)} | {values(evidence)} |"


def perform(place: Place, check: Check) -> tuple[int, float, str, dict[str, Any]]:
    """Make the check; return its exit status, seconds, what it printed, and what was measured."""
    policy = place.folder / "policy.toml"
    policy.write_text(check.policy or POLICY)
    load_policy(str(policy))
    saved = place.folder / "evidence.jws"
    environment = {
        **os.environ,
        "HOMECHECK_HOME": str(place.folder / "home"),
        "SSL_CERT_FILE": str(place.certificate),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
        **check.environment,
    }
    command = [
        *place.home.at("client"), *check.prefix, sys.executable, "-m", "homecheck", "check", "--policy", str(policy),
        "--only", "network*", "--unattended", "--responder", check.url, "--save", str(saved), *check.options,
    ]  # fmt: skip
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )
    for after, act in check.meanwhile:
        threading.Timer(after, act, (process,)).start()
    text, _ = process.communicate(timeout=400)
    seconds = time.monotonic() - began
    return process.returncode, seconds, text, read(saved)


def read(saved: Path) -> dict[str, Any]:
    """Return what saved evidence holds, unverified: this program made it."""
    import base64

    if not saved.exists():
        return {}
    payload = saved.read_text().split(".")[1]
    evidence: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return evidence


def measurements(evidence: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["quantity"]: one for run in evidence.get("runs", []) for one in run["measurements"]}


def failures(evidence: dict[str, Any]) -> list[dict[str, str]]:
    """Return what could not be measured, without what an ordinary home shows too."""
    found = (one["failure"] for one in measurements(evidence).values())
    return [failure for failure in found if failure and failure["code"] not in ORDINARY]


def causes(evidence: dict[str, Any]) -> str:
    """Return the words of the most frequent failure as the last probe puts it, and all failures by code and culprit."""
    found = failures(evidence)
    if not found:
        return "– | –"
    kinds = Counter((one["code"], one["at_fault"]) for one in found)
    code, _ = kinds.most_common(1)[0][0]
    words = re.sub(r"\d+\.\d+ ms", "… ms", [one["message"] for one in found if one["code"] == code][-1])
    told = ", ".join(f"`{kind}` ({at_fault}) {count}" for (kind, at_fault), count in kinds.most_common())
    return f"{words} | {told}"


def values(evidence: dict[str, Any]) -> str:
    """Return those measured values that a policy usually asks for."""
    found = ((name, one["value"]) for name, one in measurements(evidence).items() if not one["failure"])
    shown = ((name.removeprefix("network."), value) for name, value in found if name in SHOWN)
    return ", ".join(f"{name} {value:.1f}" if isinstance(value, float) else f"{name} {value}" for name, value in shown)


if __name__ == "__main__":
    main()
