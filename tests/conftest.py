"""What every test may use: the project's root on the import path, and the virtual sound card.

Fixtures for one part alone live beside that part's tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.soundcard import SoundCard


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundCard]:
    """A virtual sound card that this process and its children use, with every device plugged in."""
    from tests.soundcard import SoundCard  # here, so that tests without sound do not wait for numpy

    with SoundCard.plugged_in() as card:
        for name, value in card.environment.items():
            monkeypatch.setenv(name, value)
        yield card
