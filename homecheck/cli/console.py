"""The console for everything that is coloured or in tables: what strangers wrote cannot steer the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from homecheck.printable import printable_lines


class SafeConsole(Console):
    """Shows control characters as such; rich passes the escape character on as it finds it in a text.

    Colours and moving lines are not touched: rich adds them behind this.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield the pieces of what is to be shown."""
        for segment in super().render(renderable, options):
            safe = segment.is_control or segment.text.isprintable()
            yield segment if safe else Segment(printable_lines(segment.text), segment.style)
