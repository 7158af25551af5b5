"""ITU-T G.107.1 (06/2019): the E-model for wideband calls, 50 to 7000 Hz.

    R = 129 - Id,WB - Ie,eff,WB + A            0 … 129; Is,WB is 0, as long as nothing of it has been studied

As G.107 (itu_g107) but for the signal-to-noise ratio, which is fixed, the noise floor, talker echo with the correction
K, pure delay times 1.29, and equipment impairment without a burst ratio (7-15). MOS follows from R / 1.29 (Annex A).

No,WB is left open by the recommendation; it is the sum of G.107 with Nfor = -96 dBm0p. Equation 7-6 was changed by
Corrigendum 1 (01/2020), which was not readable; it concerns talker echo alone, less than 1 of 129 up to 500 ms.
"""

from __future__ import annotations

import math
from typing import Final

from homecheck.standards import itu_g107
from homecheck.standards.itu_g107 import Rating, Terminals

RO: Final = 129.0
SCALE: Final = 1.29
WIDEBAND_TERMINALS: Final = Terminals(nfor=-96.0)


def rate(
    *,
    one_way_delay_ms: float,
    loss_pct: float,
    ie: float,
    bpl: float | None,
    terminals: Terminals = WIDEBAND_TERMINALS,
) -> Rating:
    """Return R,WB with its parts (7-1); arguments as for `itu_g107.rate`, with the codec's wideband values.

    Raises ValueError for input that is no number, and for loss where `bpl` is not known (None).
    """
    if bpl is None and loss_pct > 0:
        raise ValueError("without its Bpl,WB a codec has no rating under loss")
    robustness = itu_g107.G711_PLC_BPL if bpl is None else bpl  # without loss it does not matter
    itu_g107.check(one_way_delay_ms, loss_pct, 1.0, ie, robustness)
    i_dte = talker_echo(terminals, one_way_delay_ms)
    i_dle = itu_g107.listener_echo(terminals, RO, 2 * one_way_delay_ms)
    i_dd = SCALE * itu_g107.pure_delay(terminals, one_way_delay_ms)
    ie_eff = itu_g107.equipment(ie, robustness, loss_pct, 1.0)
    r = RO - (i_dte + i_dle + i_dd) - ie_eff + terminals.advantage
    return Rating(r, RO, 0.0, 0.0, 0.0, i_dte, i_dle, i_dd, ie_eff)


def talker_echo(t: Terminals, delay_ms: float) -> float:
    """Return Idte,WB: hearing one's own voice come back (7-5 to 7-10)."""
    k = 0.08 * delay_ms + 10 if delay_ms < 100 else 18.0
    terv = t.telr + k - 40 * math.log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * math.exp(-0.3 * delay_ms**2)
    re = 80 + 3 * (terv - 14)
    roe = -1.5 * (itu_g107.noise_sum(t) - t.rlr)
    half = (roe - re) / 2
    return (half + math.sqrt(half**2 + 100) - 1) * (1 - math.exp(-delay_ms))


def mos_cqe(r: float) -> float:
    """Return the estimated mean opinion score of a wideband conversation (Annex A): 1 … 4.5."""
    return itu_g107.mos_cqe(r / SCALE)
