r"""Windows' Task Scheduler (its XML schema, schtasks.exe): a task of the signed-in user. Never run here.

The elements are those of Microsoft's "Task Scheduler Schema". Conditions of the system's own are turned off: whether a
computer on battery measures is for homecheck to say, and to tell.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homecheck.errors import SetupError
from homecheck.schedule_settings import QUARTER
from homecheck.timers.job import Job
from homecheck.timers.system_program import Run, must, run_program

_CODE_PAGE: Final = "oem" if sys.platform == "win32" else "latin-1"
NAMESPACE: Final = "http://schemas.microsoft.com/windows/2004/02/mit/task"
# The scheduler replaces both in commands and arguments, and knows no way to write them as they are.
_REPLACED: Final = re.compile(r"%[^%]+%|\$\(")


def task_text(job: Job) -> str:
    """Return the task's definition. SetupError for a path that the scheduler would change."""
    for word in job.command:
        if _REPLACED.search(word):
            advice = "Move homecheck, or the folder in HOMECHECK_HOME, to a path without % and $( signs."
            raise SetupError(f"{word}: Windows' task scheduler replaces a part of this path", advice)
    task = ET.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})
    _add(task, "RegistrationInfo", Description="homecheck: re-check this home office when it is time")
    trigger = ET.SubElement(ET.SubElement(task, "Triggers"), "TimeTrigger")
    _add(trigger, "Repetition", Interval=f"PT{QUARTER}M")
    ET.SubElement(trigger, "StartBoundary").text = f"2026-01-01T00:{job.minute:02}:00"
    principal = _add(
        ET.SubElement(task, "Principals"), "Principal", LogonType="InteractiveToken", RunLevel="LeastPrivilege"
    )
    principal.set("id", "Author")
    _add(
        task,
        "Settings",
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        StartWhenAvailable="true",
        ExecutionTimeLimit="PT2H",
        Priority="5",  # normal; a task's usual 7 is below, which would be measured
    )
    arguments = subprocess.list2cmdline(job.command[1:])
    actions = ET.SubElement(task, "Actions", {"Context": "Author"})
    _add(actions, "Exec", Command=job.command[0], Arguments=arguments)
    ET.indent(task)
    return '<?xml version="1.0" encoding="UTF-16"?>\n' + ET.tostring(task, encoding="unicode") + "\n"


def _add(parent: ET.Element, name: str, **children: str) -> ET.Element:
    """Add an element with children that hold text, in this order."""
    element = ET.SubElement(parent, name)
    for child, text in children.items():
        ET.SubElement(element, child).text = text
    return element


@dataclass(frozen=True)
class TaskScheduler:
    """The task scheduler of this computer."""

    run: Run = run_program
    name: str = "task-scheduler"

    def is_there(self) -> bool:
        """Tell whether there is one that answers."""
        return self.run(("schtasks", "/query", "/fo", "csv", "/nh"), b"").status == 0

    def shown(self, job: Job) -> str:
        """Return the definition that `install` hands over; the scheduler keeps it."""
        return task_text(job)

    def is_installed(self, job: Job) -> bool:
        """Tell whether a task starts exactly this command at these minutes; the scheduler adds elements of its own."""
        done = self.run(("schtasks", "/query", "/tn", job.name, "/xml"), b"")
        return done.status == 0 and started_by(done.out) == started_by(task_text(job).encode("utf-16"))

    def install(self, job: Job) -> None:
        """Have the scheduler make or replace the task. SetupError."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "task.xml"
            file.write_bytes(task_text(job).encode("utf-16"))
            must(self.run, "schtasks", "/create", "/tn", job.name, "/xml", str(file), "/f")

    def remove(self, job: Job) -> bool:
        """Delete the task; tell whether there was one. SetupError."""
        if self.run(("schtasks", "/query", "/tn", job.name), b"").status != 0:
            return False
        must(self.run, "schtasks", "/delete", "/tn", job.name, "/f")
        return True


def started_by(definition: bytes, code_page: str = _CODE_PAGE) -> tuple[str, ...] | None:
    """Return command, arguments, first start and interval of a task's definition; None when it is none.

    schtasks writes it in the `code_page` of consoles where its output is read by a program, whatever the text says.
    """
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", _decoded(definition, code_page))
    if "<!DOCTYPE" in text:
        return None
    try:
        task = ET.fromstring(text)  # noqa: S314 - of this computer's own scheduler, and without a document type
    except ET.ParseError:
        return None
    names = ("Actions/Exec/Command", "Actions/Exec/Arguments", "Triggers/TimeTrigger/StartBoundary",
             "Triggers/TimeTrigger/Repetition/Interval")  # fmt: skip
    paths = ["/".join(f"{{{NAMESPACE}}}{part}" for part in name.split("/")) for name in names]
    return tuple(task.findtext(path, "") for path in paths)


def _decoded(definition: bytes, code_page: str) -> str:
    if definition.startswith((b"\xff\xfe", b"\xfe\xff")):
        return definition.decode("utf-16", "replace")
    try:
        return definition.decode("utf-8")
    except UnicodeDecodeError:
        return definition.decode(code_page, "replace")
