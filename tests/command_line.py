"""The command line called in this process: status, stdout and stderr as a caller sees them."""

from __future__ import annotations

from dataclasses import dataclass

from click.testing import CliRunner

from homecheck.cli import run
from homecheck.config import Home


@dataclass(frozen=True)
class Result:
    """What one command left behind."""

    status: int
    out: str
    err: str


def homecheck(home: Home, *arguments: str, typed: str = "") -> Result:
    """Run one command with its state in `home` and what a person types."""
    runner = CliRunner(env={"HOMECHECK_HOME": str(home.root)})
    with runner.isolation(input=typed) as (out, err, _):
        status = run(list(arguments))
        return Result(status, out.getvalue().decode(), err.getvalue().decode())
