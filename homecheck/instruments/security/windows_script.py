"""What Windows tells an ordinary user about its protection: one PowerShell script, and its answer as JSON.

Each part stands alone: one that fails leaves null, which is "not told", unlike an empty list. Numbers and moments come
out in one form for every language: `ToString('s')` does not depend on it, and Win32_QuickFixEngineering holds its date
as month/day/year whatever the language, which is read as it is stored. Definitions of Microsoft Defender arrive several
times a day and would push every other update out of the list; they are left out here, and titles leave Windows only as
far as this program.

Sources: Microsoft Learn for AntiVirusProduct and FirewallProduct (root/SecurityCenter2), Get-MpComputerStatus,
Get-NetFirewallProfile (GpoBoolean 0, 1, 2 not configured; ActiveStore holds what is in force), IUpdateSearcher
QueryHistory (UTC; ResultCode 2 and 3 succeeded, Operation 1 installed), IAutomaticUpdatesResults,
Win32_QuickFixEngineering; the property System.Volume.BitLockerProtection is what Explorer paints its lock from, and
unlike manage-bde it needs no administrator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from homecheck.instruments.powershell import failed_script

SECONDS: Final = 60.0
_PRODUCT: Final = "Select-Object displayName, productState"
_PARTS: Final = (
    "$ErrorActionPreference = 'Stop'",
    "$ProgressPreference = 'SilentlyContinue'",
    "try { [Console]::OutputEncoding = [Text.Encoding]::UTF8 } catch { }",
    "$antivirus = $null",
    "try { $antivirus = @(Get-CimInstance -Namespace root/SecurityCenter2 -ClassName AntiVirusProduct | "
    + _PRODUCT
    + ") } catch { }",
    "$firewall = $null",
    "try { $firewall = @(Get-CimInstance -Namespace root/SecurityCenter2 -ClassName FirewallProduct | "
    + _PRODUCT
    + ") } catch { }",
    "$profiles = $null",
    "try { $profiles = @(Get-NetFirewallProfile -PolicyStore ActiveStore | "
    "ForEach-Object { @{ name = [string]$_.Name; enabled = [int]$_.Enabled } }) } catch { }",
    "$defender = $null",
    "try { $defender = Get-MpComputerStatus | Select-Object AMRunningMode, AntivirusEnabled, "
    "RealTimeProtectionEnabled, AntivirusSignatureAge } catch { }",
    "$drives = @($env:SystemDrive)",
    "try { $drives += (Split-Path -Qualifier $env:USERPROFILE) } catch { }",
    "$bitlocker = $null",
    "try { $shell = New-Object -ComObject Shell.Application; $bitlocker = @($drives | Select-Object -Unique | "
    "ForEach-Object { @{ drive = $_; state = $shell.NameSpace($_ + '\\').Self"
    ".ExtendedProperty('System.Volume.BitLockerProtection') } }) } catch { }",
    "$history = $null",
    "try { $searcher = (New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher(); "
    "$count = [Math]::Min($searcher.GetTotalHistoryCount(), 1000); $history = @(); "
    "if ($count -gt 0) { $history = @($searcher.QueryHistory(0, $count) | Where-Object { $_.Operation -eq 1 -and "
    "($_.ResultCode -eq 2 -or $_.ResultCode -eq 3) -and $_.Title -notmatch 'KB2267602' } | Select-Object -First 60 | "
    "ForEach-Object { @{ at = $_.Date.ToString('s'); title = [string]$_.Title } }) } } catch { }",
    "$hotfixes = $null",
    "try { $hotfixes = @(Get-CimInstance -ClassName Win32_QuickFixEngineering | "
    "ForEach-Object { [string]$_.CimInstanceProperties['InstalledOn'].Value }) } catch { }",
    "$looked = $null",
    "try { $looked = (New-Object -ComObject Microsoft.Update.AutoUpdate).Results.LastSearchSuccessDate.ToString('s') } "
    "catch { }",
    "ConvertTo-Json -Compress -Depth 4 @{ language = [string]$ExecutionContext.SessionState.LanguageMode; "
    "antivirus = $antivirus; firewall = $firewall; profiles = $profiles; defender = $defender; "
    "bitlocker = $bitlocker; history = $history; hotfixes = $hotfixes; looked = $looked }",
)
SCRIPT: Final = "; ".join(_PARTS)

Answer = Mapping[str, Any]


def parse(text: str) -> Answer:
    """Return the script's answer. Raises ProbeError ``powershell_unreadable`` for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise failed_script("powershell_unreadable", "PowerShell's answer is in a form that is not known here")
    return found


def rows(value: object) -> list[Any] | None:
    """Return a list of the answer; None for what was not told.

    PowerShell 5.1 may write a list as ``{"value": [...], "Count": n}``, and a single row without its list.
    """
    if isinstance(value, dict) and isinstance(value.get("value"), list) and "Count" in value:
        return list(value["value"])
    if value is None or isinstance(value, list):
        return value
    return [value]


def restricted(answer: Answer) -> bool:
    """Tell whether a company's policy lets PowerShell speak only part of its language."""
    return answer.get("language") not in (None, "FullLanguage")
