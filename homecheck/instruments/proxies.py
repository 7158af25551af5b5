"""The web proxies that this computer is set to use, and whether a script decides about them."""

from __future__ import annotations

import sys
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from homecheck.errors import ProbeError
from homecheck.instruments.host.program import Runner, output_of
from homecheck.loopback import is_loopback

INTERNET_SETTINGS: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
SECONDS: Final = 5.0
KIND_ADVICE: Final = (
    "Nothing to do: homecheck cannot measure through this kind of proxy. The softphone may use it all the same."
)
WEB: Final = ("http", "https", "all")
KINDS: Final = ("socks", "socks4", "socks4a", "socks5", "socks5h", "https")  # that exist, and are not spoken here
SOCKS: Final = "SOCKS"


@dataclass(frozen=True)
class ProxySettings:
    """`schemes` go through a proxy by the system's settings; `script` names what else decides, or is empty."""

    schemes: tuple[str, ...]
    script: str = ""


def system_settings() -> ProxySettings:
    """Return the settings of environment, Windows' registry or macOS, as urllib reads them, and the script beside."""
    return ProxySettings(schemes_of(urllib.request.getproxies()), script())


def schemes_of(proxies: Mapping[str, str]) -> tuple[str, ...]:
    """Return the schemes of web pages and calls that have a proxy."""
    return tuple(scheme for scheme in WEB if proxies.get(scheme))


@dataclass(frozen=True)
class Proxy:
    """The proxy through which one host is reached; `authorization` is what its address holds of a name and password."""

    host: str
    port: int
    authorization: str = ""

    @property
    def name(self) -> str:
        """How messages and details call it: without name and password."""
        return f"{self.host}:{self.port}"


def proxy_for(host: str) -> Proxy | None:
    """Return the proxy that encrypted connections to `host` take by the system's settings; None: they go directly.

    Raises ProbeError ``proxy_kind`` (agent) for one that does not speak HTTP.
    """
    settings = urllib.request.getproxies()
    address = settings.get("https") or settings.get("all")
    if not address or is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return read_proxy(address)


def read_proxy(address: str) -> Proxy:
    """Return what a setting names, such as ``http://user:password@proxy.example:3128``. Raises ProbeError."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or 80
    except ValueError:
        raise _unknown_proxy() from None
    if parts.scheme != "http" or not parts.hostname:
        raise _unknown_proxy(parts.scheme)
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(parts.hostname, port, b64encode(secret.encode()).decode() if secret else "")


def _unknown_proxy(kind: str = "") -> ProbeError:
    message = "this computer is set to use a proxy that is not of the usual kind (HTTP)"
    if kind in KINDS:
        message = f"this computer is set to use a proxy of the kind {kind}, and homecheck speaks to HTTP proxies alone"
    return ProbeError("proxy_kind", KIND_ADVICE, message=message, at_fault="agent")


def script() -> str:
    """Return "PAC" or "WPAD" where such a script is set, as far as this system tells; "SOCKS" for that proxy alone."""
    found = ""
    if sys.platform == "win32":
        found = from_registry(_registry())
    if sys.platform == "darwin":
        found = from_scutil(lambda command: output_of(command, SECONDS))
    return found or socks_alone(urllib.request.getproxies())


def socks_alone(proxies: Mapping[str, str]) -> str:
    """Return "SOCKS" where browsers may take such a proxy and no other is set: on macOS it stands beside the others."""
    return SOCKS if proxies.get("socks") and not schemes_of(proxies) else ""


def from_registry(values: Mapping[str, object]) -> str:
    """Return what Windows' Internet Settings say: the address of a script."""
    return "PAC" if values.get("AutoConfigURL") else ""


def from_scutil(run: Runner) -> str:
    """Return what ``scutil --proxy`` says of macOS."""
    lines = [line.strip() for line in run(("scutil", "--proxy")).splitlines()]
    if "ProxyAutoConfigEnable : 1" in lines:
        return "PAC"
    return "WPAD" if "ProxyAutoDiscoveryEnable : 1" in lines else ""


def _registry() -> dict[str, object]:
    if sys.platform != "win32":
        return {}
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, INTERNET_SETTINGS) as key:
            return {"AutoConfigURL": winreg.QueryValueEx(key, "AutoConfigURL")[0]}
    except OSError:
        return {}
