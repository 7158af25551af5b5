"""ITU-T G.113: what a codec costs on the scale of the E-model, as provisional planning values.

`ie` is the equipment impairment without loss, `bpl` how well the codec withstands packet loss; None where nobody has
published one, and then there is no rating under loss. Narrow-band values (Appendix I) go with G.107, wideband ones
(Appendix IV) with G.107.1: two scales, of which only the MOS can be compared. Neither edition of G.113 was readable;
`source` says how well a value is known. Opus is not among them: the ITU has published nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Codec:
    """A codec with 20 ms of speech per packet. `look_ahead_ms` is what it waits for beyond that (G.114)."""

    name: str
    ie: float
    bpl: float | None
    look_ahead_ms: float
    wideband: bool
    source: str


G711_PLC: Final = Codec("G.711 with PLC", 0, 25.1, 0, False, "Appendix I, four secondary sources agree")
G711: Final = Codec("G.711 without PLC", 0, 4.3, 0, False, "Appendix I, four secondary sources agree")
G729A: Final = Codec("G.729A + VAD", 11, 19, 5, False, "Appendix I, four secondary sources agree")
G722: Final = Codec("G.722 64 kbit/s", 13, None, 1.5, True, "Appendix IV, one secondary source")
AMR_WB: Final = Codec("AMR-WB 12.65 kbit/s, both ears", 20, 4.3, 5, True, "Appendix IV (09/2024), secondary sources")

CODECS: Final = (G711_PLC, G711, G729A, G722, AMR_WB)
