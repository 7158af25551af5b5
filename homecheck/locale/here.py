"""The language of the person at this computer, for the command line: found once it is needed, never before.

``HOMECHECK_LANG``, else ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` in the order of POSIX, else the language of Windows'
user interface. A language that has no catalogue is English.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

from homecheck.locale import LANGUAGES, N_, SOURCE, Translator, translator

__all__ = ["N_", "_", "here", "plural", "said", "speak_to_click", "wanted", "windows_language"]

OWN: Final = "HOMECHECK_LANG"
POSIX: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts, whether or not we speak it


def windows_language() -> str:
    """Return the tag of the language in which Windows speaks to this user, e.g. ``sv_SE``; empty elsewhere."""
    if sys.platform != "win32":
        return ""
    import ctypes  # here: on other systems nothing of this is needed, and `--version` is to be quick
    import locale as system_locale

    return system_locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")


def wanted(environment: Mapping[str, str], user_interface: Callable[[], str] = windows_language) -> str:
    """Return the language to speak, one of `LANGUAGES`."""
    named = next((environment[name] for name in (OWN, *POSIX) if environment.get(name)), None)
    tag = user_interface() if named is None else named
    language = tag.replace("-", "_").partition(".")[0].partition("_")[0].lower()
    return language if language in LANGUAGES else SOURCE


def here() -> Translator:
    """Return who says things in the person's language."""
    return translator(wanted(os.environ))


def _(message: str, **values: object) -> str:
    """Return one of our own messages in the person's language; `values` are put in as they are, numbers written."""
    return here().fill(message, **values)


def plural(one: str, many: str, count: int, **values: object) -> str:
    """Return the form for `count`, which both messages may name as ``{count}``."""
    return here().plural(one, many, count, **values)


def said(text: str) -> str:
    """Return a text that was made elsewhere (an error, a finding) in the person's language, as far as that is known."""
    return here().say(text)


def speak_to_click() -> None:
    """Let click's own words ("Usage", "No such option") be those of the person's language.

    click asks Python's gettext for them, which looks at LANGUAGE only; programs whose words homecheck reads are started
    with LC_ALL=C, which is stronger.
    """
    if here().language == SOURCE:
        return
    import gettext  # here: in English nobody needs it
    from importlib import resources

    os.environ["LANGUAGE"] = here().language
    gettext.bindtextdomain("homecheck", str(resources.files("homecheck.locale")))
    gettext.textdomain("homecheck")
