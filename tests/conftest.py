"""What every test may use: the project's root on the import path, and the virtual sound card.

Fixtures for one part alone live beside that part's tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# pytest's importlib mode leaves the import path alone; `tests.needs` and its like are found from the project's root.
sys.path.insert(0, str(Path(__file__).parents[1]))

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
