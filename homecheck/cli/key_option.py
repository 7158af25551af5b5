"""The option --key: where the private half of a new device key is to live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from homecheck.key_stores import STORES


def key_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option; `default` says where a key goes when nobody chooses."""
    return click.option(
        "--key",
        type=click.Choice(STORES),
        help="Where to keep the key: a file of yours, the system's keyring (it opens when you sign in), or the TPM (a "
        f"chip that no key can be copied from; Linux). No other place is ever taken instead. Default: {default}.",
    )
