"""`homecheck demo`: the main job on this machine, with a collector and a responder of its own on loopback."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from homecheck.cli.check import perform
from homecheck.cli.check_options import CheckOptions, check_options
from homecheck.cli.exit_status import NOT_DELIVERED
from homecheck.cli.local_servers import LocalServers
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.locale.here import _
from homecheck.policy import DEFAULT_POLICY, load_policy
from homecheck.upload import new_session

PROGRAM: Final = "demo"


@click.command(short_help="Try it all on this computer, with servers of its own.")
@click.option("--keep", is_flag=True, help="Leave collector and responder running, and their files in place.")
@click.option("--guided", is_flag=True, help="Somebody is there: ask for speech and answers (default: nobody is).")
@check_options
def demo(keep: bool, guided: bool, **options: Any) -> int:
    """Measure this machine for real: enrol it with a collector on loopback, check, upload, and show the result.

    Takes the options of `homecheck check`; --policy names the program's policy here. Exit status 0 when the job ran,
    whatever the verdict.
    """
    wanted = CheckOptions(**options)
    policy = wanted.policy or DEFAULT_POLICY
    load_policy(policy)  # a mistake in it is better told before anything starts
    folder = Path(tempfile.mkdtemp(prefix="homecheck-demo-"))
    servers = LocalServers(folder, name="homecheck demo", ndt7=wanted.method == "ndt7")
    finished = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end in order: nobody else would end the servers
    try:
        click.echo(_("Starting a responder and a collector on this machine …"), err=True)
        servers.start()
        invitation = servers.invite(PROGRAM, policy, person=_("You"))
        far_end = servers.responder_url if servers.ndt7 else None
        wanted = replace(
            wanted, policy=None, unattended=not guided, everything=True, responder=wanted.responder or far_end
        )
        status = _check(folder / "candidate", invitation, wanted)
        _tell(servers, keep=keep)
        finished = True
    finally:
        if not (keep and finished):
            servers.stop()
            shutil.rmtree(folder, ignore_errors=True)
    return NOT_DELIVERED if status == NOT_DELIVERED else 0


def _check(folder: Path, invitation_url: str, options: CheckOptions) -> int:
    """Enrol as a candidate whose state is in `folder`, and make one check."""
    home, http = Home.at(folder), new_session()
    enrolment = redeem(read_invitation(invitation_url, http), home, http, utc_now())
    return perform(replace(options, program=(enrolment.program,), yes=True, agreed=options.yes), home)


def _tell(servers: LocalServers, *, keep: bool) -> None:
    """Say where the result can be looked at. On stderr, since stdout may be one JSON document."""
    dashboard = f"{servers.url}/"
    if keep:
        click.echo("\n" + _("Dashboard: {address}", address=dashboard), err=True)
        pids = " ".join(str(process.pid) for process in servers.processes)
        click.echo(_("Sign in, once, with: {address}", address=servers.sign_in), err=True)
        named = {"folder": servers.folder, "command": f"kill {pids}"}
        click.echo(_("It keeps running; its files are in {folder}. To stop it:  {command}", **named), err=True)
    else:
        closed = _("Dashboard: {address} (closed again by now)", address=dashboard)
        click.echo(f"\n{closed}", err=True)
        named = {"command": f"{_called()} demo --keep", "other": "make run KEEP=1"}
        click.echo(_("To look around in it:  {command}   or:  {other}", **named), err=True)


def _called() -> str:
    """Return what to type for homecheck here: the bare name only where the shell finds it."""
    if shutil.which("homecheck") or Path(sys.argv[0]).name != "homecheck":
        return "homecheck"
    return shlex.quote(sys.argv[0])
