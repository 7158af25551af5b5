"""How near the truth the network measurements are, beside iperf3, irtt and speedtest-cli on the same lines.

    sudo .venv/bin/python bench/network.py                      every line below, about a minute each
    sudo .venv/bin/python bench/network.py --line 50,30,60,0    one line: Mbit/s, RTT ms, queue ms, loss %
    sudo .venv/bin/python bench/network.py --without speedtest-cli --markdown table.md

Lines are network namespaces of this machine: shaped by the kernel where the round trip is 0, else emulated in user
space. The truth is what the line was told: rate x payload / packet, delay, queue, and the emulator's own count of what
it lost. A line without loss on which iperf3 itself is off by more than 2 % is void: then the machine, not the program,
was measured.

CPU is that of the thread that moves the bytes (homecheck) or of the process (iperf3, speedtest-cli), in seconds per
Gbit. Linux, root; Debian packages iperf3 and irtt.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import emulated_line, namespaces
from tests.emulated_line import EmulatedLine, Faults
from tests.far_ends import Running, responder_process, write_certificate
from tests.namespaces import shaped_line

ROOT: Final = Path(__file__).parents[1]
VOID_SHARE: Final = 0.02
LINES: Final = (
    (10, 0, 50, 0), (50, 0, 50, 0), (100, 0, 50, 0), (500, 0, 50, 0),
    (10, 120, 100, 0), (20, 40, 60, 0), (20, 20, 300, 0), (50, 20, 30, 0), (50, 120, 60, 0),
    (100, 2, 60, 0), (100, 40, 60, 0), (100, 120, 100, 0), (200, 20, 60, 0), (300, 40, 60, 0),
    (20, 40, 60, 0.5), (50, 40, 60, 1),
)  # fmt: skip
TOOLS: Final = ("homecheck", "iperf3", "irtt", "speedtest-cli")


@dataclass(frozen=True)
class Line:
    """One line of the sweep, the same in both directions."""

    rate_mbit_s: float
    rtt_ms: float
    queue_ms: float
    loss_pct: float

    @property
    def truth_mbit_s(self) -> float:
        """TCP goodput."""
        share = emulated_line.PAYLOAD_SHARE if self.rtt_ms else namespaces.PAYLOAD_SHARE
        return self.rate_mbit_s * share

    def __str__(self) -> str:
        return f"{self.rate_mbit_s:g} Mbit/s, {self.rtt_ms:g} ms, queue {self.queue_ms:g} ms, loss {self.loss_pct:g} %"


@dataclass
class Reading:
    """What one tool read on one line; None where it does not tell."""

    tool: str
    down: float | None = None
    up: float | None = None
    covered: str = ""  # of two intervals, how many hold the truth
    seconds: float | None = None  # down and up
    megabytes: float | None = None
    cpu_per_gbit: tuple[float, float] | None = None
    rtt_ms: float | None = None
    loaded_ms: float | None = None
    loss_pct: float | None = None


@dataclass
class Up:
    """A line that is up, with the servers at its far end."""

    client: tuple[str, ...]
    address: str
    responder: Running
    certificate: Path
    emulated: EmulatedLine | None
    ookla_port: int
    extra: dict[str, Any] = field(default_factory=dict)

    def run(self, *command: str, seconds: float = 120.0, **environment: str) -> tuple[str, float, float]:
        """Run a command at the near end; return what it printed, its wall-clock seconds and its CPU seconds."""
        before, began = os.times(), time.monotonic()
        done = subprocess.run(
            [*self.client, *command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        if done.returncode != 0:
            print(f"{command[0]}: {done.stderr.strip()[-300:] or done.stdout.strip()[-300:]}", file=sys.stderr)
        return done.stdout, time.monotonic() - began, cpu


@contextmanager
def line_up(line: Line, folder: Path) -> Iterator[Up]:
    """Put the line up with all servers at its far end."""
    if line.rtt_ms:
        faults = Faults(
            rate_mbit_s=line.rate_mbit_s,
            delay_ms=line.rtt_ms / 2,
            queue_ms=line.queue_ms,
            loss_pct=line.loss_pct,
            seed=round(1000 * line.rtt_ms + line.rate_mbit_s),
        )
        with (
            emulated_line.emulated_line(faults, faults) as emulated,
            served(emulated.at("client"), emulated.at("server"), emulated_line.SERVER, folder, emulated) as up,
        ):
            yield up
    else:
        with (
            shaped_line(line.rate_mbit_s, line.queue_ms) as shaped,
            served(shaped.at("client"), shaped.at("server"), namespaces.SERVER, folder, None) as up,
        ):
            yield up


@contextmanager
def served(
    client: tuple[str, ...], server: tuple[str, ...], address: str, folder: Path, emulated: EmulatedLine | None
) -> Iterator[Up]:
    """Run the servers of all tools at the far end."""
    certificate, key = write_certificate(folder, address)
    tls = ("--host", address, "--tls-cert", str(certificate), "--tls-key", str(key))
    ookla = (
        "from tests.ookla import ookla\n"
        f"with ookla(host={address!r}, seconds=10) as server: print(server.port, flush=True); input()"
    )
    others = [
        subprocess.Popen([*server, "iperf3", "-s"], stdout=subprocess.DEVNULL),
        subprocess.Popen([*server, "irtt", "server", "-b", f"{address}:2112"], stdout=subprocess.DEVNULL),
    ]
    with subprocess.Popen(
        [*server, sys.executable, "-c", ookla], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as speedtest:
        assert speedtest.stdout is not None
        port = int(speedtest.stdout.readline())
        try:
            with responder_process(folder, *tls, prefix=server) as responder:
                yield Up(client, address, responder, certificate, emulated, port)
        finally:
            for process in others:
                process.kill()
                process.wait()
            speedtest.kill()


def homecheck(up: Up) -> Reading:
    """The network probe as a check runs it, with five seconds of idle call."""
    program = str(ROOT / "tests" / "network_in_namespace.py")
    text, _, _ = up.run(sys.executable, program, up.responder.url, "5", SSL_CERT_FILE=str(up.certificate))
    if not text:
        return Reading("homecheck")
    found = json.loads(text)
    up.extra["homecheck"] = found
    loads = [found[name] for name in ("network.download", "network.upload")]
    details = [load["details"] for load in loads]
    cpu = [
        one["cpu_share"] * one["seconds"] / (one["bytes"] * 8e-9) if one.get("bytes") else float("nan")
        for one in details
    ]
    return Reading(
        "homecheck",
        loads[0]["value"],
        loads[1]["value"],
        seconds=sum(one["seconds"] for one in details),
        megabytes=sum(one["bytes"] for one in details) / 1e6,
        cpu_per_gbit=(cpu[0], cpu[1]),
        rtt_ms=found["network.rtt"]["value"],
        loaded_ms=found["network.loaded_rtt_increase"]["value"],
        loss_pct=found["network.loss"]["value"],
    )


def iperf3(up: Up) -> Reading:
    """Four streams of five seconds, of which the first two are left out."""
    reading = Reading("iperf3", seconds=0.0, megabytes=0.0)
    cpus = []
    for reverse in (True, False):
        options = ("-c", up.address, "-J", "-P", "4", "-t", "5", "-O", "2", *(("-R",) if reverse else ()))
        text, seconds, cpu = up.run("iperf3", *options)
        try:
            summary = json.loads(text)["end"]["sum_received"]
            rate = summary["bits_per_second"] / 1e6
        except (ValueError, KeyError):
            continue
        setattr(reading, "down" if reverse else "up", rate)
        megabytes = rate / 8 * 7
        reading.seconds = (reading.seconds or 0) + seconds
        reading.megabytes = (reading.megabytes or 0) + megabytes
        cpus.append(cpu / (megabytes * 8e-3))
    if len(cpus) == 2:
        reading.cpu_per_gbit = (cpus[0], cpus[1])
    return reading


def irtt(up: Up) -> Reading:
    """Five seconds of packets like those of a call."""
    text, _, _ = up.run("irtt", "client", "-i", "20ms", "-l", "172", "-d", "5s", "-q", "-o", "-", up.address)
    try:
        stats = json.loads(text)["stats"]
    except (ValueError, KeyError):
        return Reading("irtt")
    sent, received = stats["packets_sent"], stats["packets_received"]
    return Reading("irtt", rtt_ms=stats["rtt"]["median"] / 1e6, loss_pct=100 * (sent - received) / sent)


def speedtest_cli(up: Up) -> Reading:
    """Speedtest-cli as it comes, its servers played by the far end."""
    proxy = f"http://{up.address}:{up.ookla_port}"
    text, seconds, cpu = up.run(
        sys.executable, "-W", "ignore", "-m", "speedtest", "--json", seconds=180, http_proxy=proxy, no_proxy=""
    )
    try:
        found = json.loads(text)
    except ValueError:
        return Reading("speedtest-cli")
    megabytes = (found["bytes_received"] + found["bytes_sent"]) / 1e6
    each = cpu / (megabytes * 8e-3)
    return Reading(
        "speedtest-cli",
        found["download"] / 1e6,
        found["upload"] / 1e6,
        seconds=seconds,
        megabytes=megabytes,
        cpu_per_gbit=(each, each),
        rtt_ms=found["ping"],
    )


RUNS: Final = {"homecheck": homecheck, "iperf3": iperf3, "irtt": irtt, "speedtest-cli": speedtest_cli}


def measured(line: Line, tools: Sequence[str], folder: Path) -> list[Reading]:
    """Return what every tool read on one line; the reference comes first."""
    with line_up(line, folder) as up:
        readings = [RUNS[tool](up) for tool in TOOLS if tool in tools]
        found = up.extra.get("homecheck")
    ours = next((reading for reading in readings if reading.tool == "homecheck"), None)
    if ours is not None and found:
        hits = [
            abs(one["value"] - line.truth_mbit_s) <= one["uncertainty"]
            for one in (found["network.download"], found["network.upload"])
            if one["value"] is not None
        ]
        ours.covered = f"{sum(hits)}/{len(hits)}"
    return readings


def error_pct(value: float | None, truth: float) -> float | None:
    """Return by how many per cent a reading is off."""
    return None if value is None else 100 * (value / truth - 1)


def is_void(line: Line, readings: Sequence[Reading]) -> bool:
    """Tell whether the reference itself was off, where nothing but the machine can be the reason."""
    reference = next((reading for reading in readings if reading.tool == "iperf3"), None)
    if reference is None or line.loss_pct:
        return False
    return any(
        value is None or abs(value / line.truth_mbit_s - 1) > VOID_SHARE for value in (reference.down, reference.up)
    )


def row(line: Line, reading: Reading) -> list[str]:
    """Return the cells of one reading."""

    def cell(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    cpu = "" if reading.cpu_per_gbit is None else "{:.2f}/{:.2f}".format(*reading.cpu_per_gbit)
    return [
        reading.tool,
        cell(error_pct(reading.down, line.truth_mbit_s), "+.2f"),
        cell(error_pct(reading.up, line.truth_mbit_s), "+.2f"),
        reading.covered,
        cell(reading.seconds, ".1f"),
        cell(reading.megabytes, ".0f"),
        cpu,
        cell(reading.rtt_ms, ".2f"),
        cell(reading.loaded_ms, ".1f"),
        cell(reading.loss_pct, ".2f"),
    ]


HEAD: Final = (
    "line", "tool", "down %", "up %", "covered", "s", "MB", "CPU s/Gbit", "RTT ms", "loaded +ms", "loss %",
)  # fmt: skip


def summary(results: Sequence[tuple[Line, list[Reading]]]) -> list[str]:
    """Return median and worst error of every tool over the lines without loss that are not void."""
    texts = []
    good = [(line, readings) for line, readings in results if not line.loss_pct and not is_void(line, readings)]
    for tool in TOOLS:
        errors = [
            abs(error)
            for line, readings in good
            for reading in readings
            if reading.tool == tool
            for value in (reading.down, reading.up)
            if (error := error_pct(value, line.truth_mbit_s)) is not None
        ]
        if errors:
            texts.append(
                f"{tool}: |error| median {statistics.median(errors):.2f} %, worst {max(errors):.2f} % of {len(errors)}"
            )
    hits = [reading.covered.split("/") for _, readings in good for reading in readings if "/" in reading.covered]
    if hits:
        texts.append(
            f"homecheck: {sum(int(a) for a, _ in hits)} of {sum(int(b) for _, b in hits)} intervals cover the truth"
        )
    voided = [str(line) for line, readings in results if is_void(line, readings)]
    texts += [f"void: {text}" for text in voided]
    return texts


def main() -> int:
    """Run the sweep and print a line per reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--line", action="append", metavar="RATE,RTT,QUEUE,LOSS", help="instead of the whole sweep")
    parser.add_argument("--without", action="append", default=[], choices=TOOLS, help="leave a tool out")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    chosen = [tuple(map(float, text.split(","))) for text in options.line or ()] or LINES
    tools = [tool for tool in TOOLS if tool not in options.without]
    results = []
    table = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    print(*HEAD, sep="\t")
    with tempfile.TemporaryDirectory() as folder:
        for numbers in chosen:
            line = Line(*numbers)
            readings = measured(line, tools, Path(folder))
            results.append((line, readings))
            name = f"{line}{' VOID' if is_void(line, readings) else ''}"
            for reading in readings:
                print(name, *row(line, reading), sep="\t", flush=True)
                table.append("| " + " | ".join([name, *row(line, reading)]) + " |")
    texts = summary(results)
    print(*texts, sep="\n")
    if options.markdown:
        options.markdown.write_text("\n".join([*table, "", *(f"- {text}" for text in texts)]) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
