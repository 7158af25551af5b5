"""Linux: which known program against viruses runs, by the names of processes.

No system keeps a list of such programs. The kernel tells every user the names of all processes, cut off after 15
characters, unless it was told to hide them (hidepid); then nothing is told. "No" means: none of these runs.

Sources: proc(5) /proc/pid/comm and hidepid; the names from the vendors' guides for their Linux agents: ClamAV (clamd,
clamonacc), Microsoft Defender for Endpoint, CrowdStrike, SentinelOne, Trend Micro, Sophos, ESET, Kaspersky,
Bitdefender, Carbon Black, Elastic, Trellix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from homecheck.instruments.host.linux import read
from homecheck.instruments.security.facts import Told, names, untold

LONGEST: Final = 15  # TASK_COMM_LEN without its NUL
AGENTS: Final = {
    "clamd": "ClamAV",
    "clamonacc": "ClamAV",
    "wdavdaemon": "Microsoft Defender",
    "falcon-sensor": "CrowdStrike Falcon",
    "falcon-sensor-bpf": "CrowdStrike Falcon",
    "s1-agent": "SentinelOne",
    "ds_agent": "Trend Micro",
    "sophos_threat_detector": "Sophos",
    "oaeventd": "ESET",
    "kesl": "Kaspersky",
    "bdsecd": "Bitdefender",
    "cbagentd": "Carbon Black",
    "elastic-endpoint": "Elastic Endpoint",
    "mfetpd": "Trellix",
    "xagt": "Trellix",
}
_BY_NAME: Final = {process[:LONGEST]: product for process, product in AGENTS.items()}


def antivirus(root: Path) -> Told:
    """Return whether a known program runs. Raises ProbeError ``not_told`` where processes of others are hidden."""
    if not read(root / "proc/1/comm"):
        raise untold("antivirus", "this system hides the programs of other users")
    running = {read(file) for file in (root / "proc").glob("[0-9]*/comm")}
    found = sorted({product for process, product in _BY_NAME.items() if process in running})
    return Told(bool(found), "names of running programs", details={"products": names(found)})
