"""Cron's table: our lines as cron and the shell read them, and everybody else's byte for byte."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.errors import SetupError
from homecheck.timers.cron import Cron, block, quoted, with_block, without_block
from homecheck.timers.job import Job
from homecheck.timers.system_program import ABSENT, Done

ODD = ("/opt/hö me/py thon", "a'b", '"c"', "100%", "$HOME", "`id`", "\\", "*", "")
OTHERS = b"# mine \xff\nMAILTO=ada@example.com\nPATH=/bin\n*/5 * * * * /bin/echo 100\\% >/dev/null\n\n@reboot x\n"
JOB = Job("homecheck", ODD, 7)


@dataclass
class Crontab:
    """crontab(1) as Debian's: a table, or none; `refuses` is what it says instead."""

    table: bytes | None = None
    refuses: str = ""
    status: int = 1
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], given: bytes) -> Done:
        self.calls.append(tuple(command))
        if self.refuses:
            return Done(self.status, complaint=self.refuses)
        match command:
            case ["crontab", "-l"] if self.table is None:
                return Done(1, complaint="no crontab for ada")
            case ["crontab", "-l"]:
                assert self.table is not None
                return Done(0, self.table)
            case ["crontab", "-r"]:
                self.table = None
            case ["crontab", "-"]:
                self.table = given
            case _:
                raise AssertionError(command)
        return Done(0)


def as_cron_reads(line: bytes) -> bytes:
    """Return the command of a line: crontab(5), "percent-signs in the command, unless escaped with backslash"."""
    command = line.split(b" ", 5)[5]
    assert b"%" not in command.replace(b"\\%", b"")
    return command.replace(b"\\%", b"%")


def test_the_line_runs_every_quarter_of_an_hour() -> None:
    _, line, _ = block(JOB).splitlines()
    assert line.startswith(b"7,22,37,52 * * * * ")


def test_the_shell_gets_every_word_of_the_command_as_it_is() -> None:
    _, line, _ = block(Job("homecheck", ("printf", "%s\\n", *ODD))).splitlines()
    done = subprocess.run(["/bin/sh", "-c", as_cron_reads(line)], capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"{word}\n" for word in ODD)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30))
def test_whatever_a_path_holds_there_is_no_bare_percent_sign(word: str) -> None:
    assert b"%" not in quoted((word,)).replace(b"\\%", b"")


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0b", "\x1b[31m"])
def test_a_path_that_would_begin_another_line_is_refused(word: str) -> None:
    with pytest.raises(SetupError, match="no timer can start a path with unprintable characters"):
        Job("homecheck", (word,))


def test_other_lines_are_kept_byte_for_byte_and_come_back_so() -> None:
    crontab = Crontab(OTHERS)
    cron = Cron(crontab)
    cron.install(JOB)
    assert crontab.table == OTHERS + block(JOB)
    assert cron.is_installed(JOB)
    assert cron.remove(JOB)
    assert crontab.table == OTHERS


@given(before=st.binary(max_size=40).map(lambda table: table.replace(b"# ", b"#")), after=st.binary(max_size=40))
def test_lines_that_were_added_behind_ours_stay_as_well(before: bytes, after: bytes) -> None:
    with_ours = with_block(before, JOB)
    assert without_block(with_ours, JOB.name) == before
    if with_ours.startswith(before):
        assert without_block(with_ours + after.replace(b"# ", b"#"), JOB.name) == before + after.replace(b"# ", b"#")


def test_the_same_again_changes_nothing_and_another_job_takes_its_place() -> None:
    crontab = Crontab(OTHERS)
    cron = Cron(crontab)
    cron.install(JOB)
    once = crontab.table
    cron.install(JOB)
    assert crontab.table == once
    moved = Job("homecheck", ("/new/python",), 3)
    assert not cron.is_installed(moved)
    cron.install(moved)
    assert crontab.table == OTHERS + block(moved)


def test_another_job_stays_where_the_first_one_was_among_other_peoples_lines() -> None:
    for before in (OTHERS, b"no end of line"):
        crontab = Crontab(with_block(before, JOB) + b"SHELL=/bin/sh\n")
        Cron(crontab).install(Job("homecheck", ("/new",), 3))
        assert crontab.table == with_block(before, Job("homecheck", ("/new",), 3)) + b"SHELL=/bin/sh\n"
        assert Cron(crontab).remove(JOB)
        assert crontab.table == before + b"SHELL=/bin/sh\n"


def test_two_folders_of_state_have_a_job_each() -> None:
    crontab = Crontab()
    other = Job("homecheck-0a1b2c3d", ("/other",), 1)
    for job in (JOB, other):
        Cron(crontab).install(job)
    assert Cron(crontab).remove(JOB)
    assert crontab.table == block(other)


def test_a_table_that_was_made_for_us_goes_with_us() -> None:
    crontab = Crontab()
    Cron(crontab).install(JOB)
    assert Cron(crontab).remove(JOB)
    assert crontab.table is None
    assert not Cron(crontab).remove(JOB)


@pytest.mark.parametrize(
    "changed",
    [
        lambda mark, line, end: [mark, b"#" + line, end],
        lambda mark, line, end: [mark, b"# off for a while: " + line, end],
        lambda mark, line, end: [mark, b"SHELL=/bin/zsh", line, end],
        lambda mark, line, end: [mark, line, line, b"", end],
        lambda mark, line, end: [mark, end],
    ],
    ids=["commented out", "with a note", "a line more", "twice", "emptied"],
)
def test_a_job_that_was_changed_by_hand_is_not_taken_for_installed_and_still_replaced_and_removed(
    changed: Callable[[bytes, bytes, bytes], list[bytes]],
) -> None:
    by_hand = b"".join(line + b"\n" for line in changed(*block(JOB).splitlines()))
    crontab = Crontab(OTHERS + by_hand + b"SHELL=/bin/sh\n")
    assert not Cron(crontab).is_installed(JOB)
    Cron(crontab).install(JOB)
    assert crontab.table == OTHERS + block(JOB) + b"SHELL=/bin/sh\n"
    crontab.table = OTHERS + by_hand
    assert Cron(crontab).remove(JOB)
    assert crontab.table == OTHERS


def test_a_whole_block_that_was_commented_out_is_somebodys_note() -> None:
    note = b"".join(b"# " + line + b"\n" for line in block(JOB).splitlines())
    crontab = Crontab(note)
    assert not Cron(crontab).is_installed(JOB)
    Cron(crontab).install(JOB)
    assert crontab.table == note + block(JOB)
    assert Cron(crontab).is_installed(JOB)
    assert Cron(crontab).remove(JOB)
    assert crontab.table == note


def test_a_mark_without_its_end_does_not_reach_to_another_ones() -> None:
    begun = block(JOB).splitlines(keepends=True)[0]
    assert without_block(begun + OTHERS + block(JOB), JOB.name) == begun + OTHERS


def test_a_mark_without_its_end_takes_nobody_elses_lines_along() -> None:
    begun = block(JOB).splitlines(keepends=True)[0]
    assert without_block(begun + OTHERS, JOB.name) == begun + OTHERS


@pytest.mark.parametrize(
    ("says", "status", "told"),
    [
        ("You (ada) are not allowed to use this program (crontab)", 1, "not allowed to use this program"),
        ("crontab: No such file or directory", ABSENT, "there is no program crontab on this computer"),
    ],
)
def test_a_table_that_cannot_be_read_is_never_written(says: str, status: int, told: str) -> None:
    crontab = Crontab(refuses=says, status=status)
    assert not Cron(crontab).is_there()
    if status == ABSENT:
        assert not Cron(crontab).remove(JOB)
    for act in (Cron(crontab).install, *([Cron(crontab).remove] if status != ABSENT else [])):
        with pytest.raises(SetupError, match=told.replace("(", r"\(")):
            act(JOB)
    assert {call[1] for call in crontab.calls} == {"-l"}
