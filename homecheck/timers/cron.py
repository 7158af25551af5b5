r"""cron (crontab(1), crontab(5)): one block in the person's own table, all other lines kept byte for byte.

A percent sign ends a command there unless a backslash stands before it, which cron then takes away; everything else is
read by a shell. Lines of the table that are not ours may hold anything, in any encoding, so tables are bytes.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import Final

from homecheck.errors import SetupError
from homecheck.timers.job import Job
from homecheck.timers.system_program import ABSENT, Run, must, run_program

_JOINED: Final = b" (an end of line was added above)"
_HINT: Final = "Written by: homecheck schedule install. Removed by: homecheck schedule remove"


def block(job: Job) -> bytes:
    """Return the lines for this job, with the marks by which they are found again."""
    minutes = ",".join(map(str, job.minutes)).encode()
    begin, end = _marks(job.name)
    return b"%s. %s\n%s * * * * %s\n%s\n" % (begin, _HINT.encode(), minutes, quoted(job.command), end)


def quoted(command: tuple[str, ...]) -> bytes:
    """Return a command for the shell that cron calls, as its table holds it."""
    return os.fsencode(shlex.join(command)).replace(b"%", b"\\%")


def with_block(table: bytes, job: Job) -> bytes:
    """Return the table with this job in place of an earlier one of its name, or at its end."""
    new = block(job)
    joined = b"\n" + new.replace(_marks(job.name)[0], _marks(job.name)[0] + _JOINED, 1)
    if found := _pattern(job.name).search(table):
        return table[: found.start()] + (joined if found[0].startswith(b"\n") else new) + table[found.end() :]
    return table + (joined if table and not table.endswith(b"\n") else new)


def without_block(table: bytes, name: str) -> bytes:
    """Return the table without the job of this name: what was there before, byte for byte."""
    return _pattern(name).sub(b"", table, count=1)


def _pattern(name: str) -> re.Pattern[bytes]:
    """Return what finds the job of this name: two marks, and whatever lines somebody has put between them.

    The end of line before it belongs to it where it was added with it. A mark that has lost its end does not reach to
    the end of another block.
    """
    begin, end = map(re.escape, _marks(name))
    joined = re.escape(_JOINED)
    between = rb"(?P<lines>(?:(?!%s)[^\n]*\n)*?)" % begin
    return re.compile(rb"(?:\n%s%s|(?m:^)%s)\. [^\n]*\n%s%s\n" % (begin, joined, begin, between, end))


def _marks(name: str) -> tuple[bytes, bytes]:
    return f"# {name} schedule: begin".encode(), f"# {name} schedule: end".encode()


@dataclass(frozen=True)
class Cron:
    """The cron of this computer, and this user's table."""

    run: Run = run_program
    name: str = "cron"

    def is_there(self) -> bool:
        """Tell whether this user may have a table."""
        done = self.run(("crontab", "-l"), b"")
        return done.status == 0 or _is_empty(done.complaint)

    def shown(self, job: Job) -> str:
        """Return the lines that `install` adds to the table."""
        return block(job).decode("utf-8", "surrogateescape")

    def is_installed(self, job: Job) -> bool:
        """Tell whether exactly this job is in the table, between its marks; of which the first may say more."""
        found, own = (_pattern(job.name).search(table) for table in (self._table(), block(job)))
        return found is not None and own is not None and found["lines"] == own["lines"]

    def install(self, job: Job) -> None:
        """Put the job into the table. SetupError."""
        must(self.run, "crontab", "-", given=with_block(self._table(), job))

    def remove(self, job: Job) -> bool:
        """Take the job out of the table, which goes when nothing is left; tell whether it was there. SetupError."""
        if self.run(("crontab", "-l"), b"").status == ABSENT:
            return False  # and without that program, whatever runs tables is gone as well
        table = self._table()
        others = without_block(table, job.name)
        if others == table:
            return False
        if others:
            must(self.run, "crontab", "-", given=others)
        else:
            must(self.run, "crontab", "-r")
        return True

    def _table(self) -> bytes:
        """Return the user's table. SetupError when it cannot be told: it would be lost in being written anew."""
        done = self.run(("crontab", "-l"), b"")
        if done.status == 0:
            return done.out
        if _is_empty(done.complaint):
            return b""
        if done.status == ABSENT:
            raise SetupError("there is no program crontab on this computer", "Install the package cron (or cronie).")
        raise SetupError(f"crontab -l: {done.complaint:.300}", "Ask whoever runs this computer to allow you a crontab.")


def _is_empty(complaint: str) -> bool:
    """Tell whether crontab says that there is no table: ``no crontab for ada``."""
    return "no crontab" in complaint.lower()
