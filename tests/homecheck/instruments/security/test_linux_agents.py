"""Linux: known programs against viruses by the names of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.security.linux_agents import AGENTS, LONGEST, antivirus


def processes(root: Path, *names: str) -> Path:
    for number, name in enumerate(names, start=1):
        folder = root / "proc" / str(number)
        folder.mkdir(parents=True)
        (folder / "comm").write_text(name[:LONGEST] + "\n")
    return root


@pytest.mark.parametrize("agent", AGENTS)
def test_a_known_program_is_found_although_the_kernel_cuts_its_name(tmp_path: Path, agent: str) -> None:
    told = antivirus(processes(tmp_path, "systemd", agent, agent))
    assert (told.value, told.details) == (True, {"products": [AGENTS[agent]]})


def test_an_ordinary_linux_has_none_and_no_other_program_is_named(tmp_path: Path) -> None:
    told = antivirus(processes(tmp_path, "systemd", "freshclam", "clamdscan", "firefox"))
    assert (told.value, told.details) == (False, {"products": []})


def test_hidden_processes_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "proc/4711").mkdir(parents=True)
    (tmp_path / "proc/4711/comm").write_text("bash\n")
    with pytest.raises(ProbeError, match="hides the programs of other users"):
        antivirus(tmp_path)
