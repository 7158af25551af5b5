"""The task's XML holds elements of Microsoft's "Task Scheduler Schema" alone, each in an element that may hold it.

The names below were copied by hand from the pages taskschedulerschema-*-complextype of the Windows documentation
(github.com/MicrosoftDocs/win32, CC BY 4.0). Not tested: the order of elements, which some of these types prescribe, and
the XML against the schema itself. `Schtasks` is a stand-in of ours; neither schtasks.exe nor the scheduler ever ran.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.errors import SetupError
from homecheck.timers.job import Job
from homecheck.timers.system_program import Done
from homecheck.timers.task_scheduler import NAMESPACE, TaskScheduler, started_by, task_text

JOB = Job("homecheck", ("C:\\Program Files\\Ö & Co\\pythonw.exe", "-P", "-m", "homecheck", "--home", "C:\\a b\\"), 9)
DOCUMENTED = {
    "Task": {"RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"},
    "RegistrationInfo": {"URI", "SecurityDescriptor", "Source", "Date", "Author", "Version", "Description"},
    "Triggers": {"TimeTrigger", "CalendarTrigger", "LogonTrigger", "BootTrigger", "IdleTrigger", "EventTrigger"},
    "TimeTrigger": {"Repetition", "StartBoundary", "EndBoundary", "ExecutionTimeLimit", "Enabled", "RandomDelay"},
    "Repetition": {"Interval", "Duration", "StopAtDurationEnd"},
    "Principals": {"Principal"},
    "Principal": {"UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"},
    "Settings": {
        "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
        "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "NetworkProfileName",
        "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings",
        "NetworkSettings", "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle", "UseUnifiedSchedulingEngine",
        "DisallowStartOnRemoteAppSession",
    },
    "Actions": {"Exec", "ComHandler", "SendEmail", "ShowMessage"},
    "Exec": {"Command", "Arguments", "WorkingDirectory"},
}  # fmt: skip


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text.removeprefix('<?xml version="1.0" encoding="UTF-16"?>\n'))


def local(element: ET.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def test_every_element_is_documented_where_it_stands() -> None:
    for element in parsed(task_text(JOB)).iter():
        assert element.tag.startswith(f"{{{NAMESPACE}}}")
        children = [local(child) for child in element]
        assert set(children) <= DOCUMENTED.get(local(element), set()), local(element)
        assert len(set(children)) == len(children)


def test_it_starts_every_quarter_of_an_hour_for_whoever_is_signed_in_whatever_the_power() -> None:
    found = {local(element): element.text for element in parsed(task_text(JOB)).iter()}
    assert found["StartBoundary"] == "2026-01-01T00:09:00"
    assert found["Interval"] == "PT15M"
    assert "Duration" not in found  # repetitionType: "If no value is specified, the pattern is repeated indefinitely."
    assert (found["LogonType"], found["RunLevel"]) == ("InteractiveToken", "LeastPrivilege")
    assert (found["DisallowStartIfOnBatteries"], found["StopIfGoingOnBatteries"]) == ("false", "false")
    assert (found["StartWhenAvailable"], found["MultipleInstancesPolicy"]) == ("true", "IgnoreNew")


def test_paths_are_quoted_as_windows_programs_read_them() -> None:
    command, arguments, *_ = started_by(task_text(JOB).encode("utf-16")) or ()
    assert command == "C:\\Program Files\\Ö & Co\\pythonw.exe"
    # CommandLineToArgvW: a backslash before the closing quote is doubled.
    assert arguments == '-P -m homecheck --home "C:\\a b\\\\"'


@pytest.mark.parametrize("path", ["C:\\%TEMP%\\x", "C:\\$(Arg0)"])
def test_a_path_that_the_scheduler_would_change_is_refused(path: str) -> None:
    with pytest.raises(SetupError, match="task scheduler replaces a part of this path"):
        task_text(Job("homecheck", (path,)))


def test_one_percent_sign_is_no_variable() -> None:
    assert "100%" in task_text(Job("homecheck", ("C:\\100%",)))


class Schtasks:
    """schtasks.exe: keeps a definition, and adds to it as Windows does."""

    def __init__(self) -> None:
        self.definition: bytes | None = None

    def __call__(self, command: Sequence[str], given: bytes) -> Done:
        match command:
            case ["schtasks", "/create", "/tn", "homecheck", "/xml", file, "/f"]:
                self.definition = Path(file).read_bytes().replace("<Date>".encode("utf-16-le"), b"")
            case ["schtasks", "/delete", "/tn", "homecheck", "/f"]:
                self.definition = None
            case ["schtasks", "/query", "/tn", "homecheck", *_] if self.definition is None:
                return Done(1, complaint="ERROR: The system cannot find the file specified.")
            case ["schtasks", "/query", "/tn", "homecheck", "/xml"]:
                assert self.definition is not None
                text = self.definition.decode("utf-16").replace("<Settings>", "<Settings>\n    <Hidden>false</Hidden>")
                return Done(0, text.encode("utf-8"))
        return Done(0)


def test_it_is_made_replaced_and_deleted() -> None:
    schtasks = Schtasks()
    scheduler = TaskScheduler(schtasks)
    assert scheduler.is_there()
    assert not scheduler.is_installed(JOB)
    scheduler.install(JOB)
    assert scheduler.is_installed(JOB)
    assert not scheduler.is_installed(Job("homecheck", JOB.command, 3))
    assert scheduler.remove(JOB)
    assert schtasks.definition is None
    assert not scheduler.remove(JOB)


def test_a_definition_in_the_code_page_of_consoles_is_read_as_well() -> None:
    # chcp 850 is the OEM code page of Western Europe: Ö is 0x99 there.
    written = task_text(JOB).encode("cp850")
    assert b"\x99 &amp; Co" in written
    assert started_by(written, "cp850") == started_by(task_text(JOB).encode("utf-16"))


@pytest.mark.parametrize("answer", [b"", b"ERROR", b"<Task", b"<!DOCTYPE a><Task/>", b"\xff\xfe\x00"])
def test_what_is_no_definition_is_no_task(answer: bytes) -> None:
    assert started_by(answer) is None
