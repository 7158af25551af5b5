"""What every test may use: the project's root on the import path, and the virtual sound card.

Fixtures for one part alone live beside that part's tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

# pytest's importlib mode leaves the import path alone; `tests.needs` and its like are found from the project's root.
sys.path.insert(0, str(Path(__file__).parents[1]))
