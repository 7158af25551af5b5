"""`homecheck collector bench`: what one report costs a collector on this computer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from homecheck.collector.bench.run import Measured, Wanted

HEAD = "reports/s   CPU us/report   of it database   fsyncs/report   p50 ms   p99 ms"


def bench(wanted: Wanted, output: str) -> None:
    """Run a bench and print what it found."""
    from homecheck.collector.bench.run import run

    found = run(wanted, lambda text: click.echo(text, err=True))
    if output == "json":
        click.echo(json.dumps(found.members(), indent=2))
        return
    click.echo(HEAD)
    click.echo(_row(found))
    click.echo(
        f"\nEach of {found.verified} acknowledged reports is stored once, with the receipt that was given for it; "
        f"{found.refused} were refused."
    )
    click.echo(
        f"p50 and p99 are of an open loop at {found.rate:.0f} reports/s, which took {found.delivered_per_s:.0f}."
    )
    click.echo(
        f"One report costs {found.cpu_us_per_report / found.unit_us:.2f} units of {found.unit_us:.0f} us (an Ed25519 "
        f"check and a SHA-256 on this computer); memory {found.memory_mib[0]:.0f} to {found.memory_mib[1]:.0f} MiB."
    )


def _row(found: Measured) -> str:
    figures = (
        f"{found.reports_per_s:.0f}",
        f"{found.cpu_us_per_report:.0f}",
        f"{found.database_cpu_us_per_report:.0f}",
        f"{found.fsyncs_per_report:.3f}",
        f"{found.p50_ms:.1f}",
        f"{found.p99_ms:.1f}",
    )
    widths = (9, 16, 17, 16, 9, 9)
    return "".join(f"{figure:>{width}}" for figure, width in zip(figures, widths, strict=True))
