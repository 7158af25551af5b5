"""ITU-T G.107 (06/2015): the E-model, which rates a telephone call from its transmission parameters.

    R = Ro - Is - Id - Ie,eff + A            0 … about 93 for narrow-band calls; 70 and more is called acceptable

Ro is the basic signal-to-noise ratio, Is what happens together with the voice, Id what delay and echo cost, Ie,eff
what the codec costs under packet loss, A the advantage factor (0 for a fixed place). All terms are the complete ones
of clause 7 with the default values of Table 2 except where a caller says otherwise; nothing is linearised.

Valid for a one-way delay of 0 to 500 ms, packet loss of 0 to 20 %, and a burst ratio of 1 to 8, above 2 only below 2 %
of loss; `outside_range` names what lies beyond. Codec values are those of G.113 Appendix I.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

JITTER_BUFFER_MS: Final = 60.0  # the playout delay of an ordinary softphone: later packets are as good as lost
PACKET_MS: Final = 20.0  # speech per packet: G.711 at 50 packets a second
G711_PLC_BPL: Final = 25.1  # G.113 Appendix I: G.711 with packet loss concealment; its Ie is 0


@dataclass(frozen=True)
class Terminals:
    """Everything in G.107 Table 2 that belongs to the telephones and rooms, at its default value.

    slr, rlr, stmr, telr, wepl, lstr, ds, dr are loudness ratings and losses in dB; qdu counts quantizing distortion
    units; nc and nfor are noise powers in dBm0p, ps and pr room noise in dB(A); s_t and m_t (ms) describe how much
    the talkers mind delay (Table 1), advantage is A.
    """

    slr: float = 8.0
    rlr: float = 2.0
    stmr: float = 15.0
    lstr: float = 18.0
    ds: float = 3.0
    dr: float = 3.0
    telr: float = 65.0
    wepl: float = 110.0
    qdu: float = 1.0
    nc: float = -70.0
    nfor: float = -64.0
    ps: float = 35.0
    pr: float = 35.0
    s_t: float = 1.0
    m_t: float = 100.0
    advantage: float = 0.0


@dataclass(frozen=True)
class Rating:
    """R and what it is made of, all on the R scale; the parts are what each impairment costs."""

    r: float
    ro: float
    i_olr: float
    i_st: float
    i_q: float
    i_dte: float
    i_dle: float
    i_dd: float
    ie_eff: float

    @property
    def i_s(self) -> float:
        """Is (clause 7.3): what happens together with the voice."""
        return self.i_olr + self.i_st + self.i_q

    @property
    def i_d(self) -> float:
        """Id (clause 7.4): talker echo, listener echo and pure delay."""
        return self.i_dte + self.i_dle + self.i_dd


DEFAULT_TERMINALS: Final = Terminals()


def rate(
    *,
    one_way_delay_ms: float,
    loss_pct: float,
    burst_ratio: float = 1.0,
    ie: float = 0.0,
    bpl: float = G711_PLC_BPL,
    terminals: Terminals = DEFAULT_TERMINALS,
) -> Rating:
    """Return R with its parts (clause 7.1, equation 7-1).

    `one_way_delay_ms` is mouth to ear (T = Ta, Tr = 2 Ta): see `mouth_to_ear_ms`. `loss_pct` counts packets discarded
    by the jitter buffer too. `ie` and `bpl` describe the codec; the default is G.711 with packet loss concealment.
    Raises ValueError for negative or non-finite input and for a burst ratio below 1.
    """
    check(one_way_delay_ms, loss_pct, burst_ratio, ie, bpl)
    t = terminals
    no = noise_sum(t)
    ro = 15 - 1.5 * (t.slr + no)  # 7-2
    i_st = sidetone(t, one_way_delay_ms)
    i_olr, i_q = loudness(t, no), quantizing(t, ro)
    i_dte, i_dle = talker_echo(t, no, i_st, one_way_delay_ms), listener_echo(t, ro, 2 * one_way_delay_ms)
    i_dd, ie_eff = pure_delay(t, one_way_delay_ms), equipment(ie, bpl, loss_pct, burst_ratio)
    r = ro - (i_olr + i_st + i_q) - (i_dte + i_dle + i_dd) - ie_eff + t.advantage
    return Rating(r, ro, i_olr, i_st, i_q, i_dte, i_dle, i_dd, ie_eff)


def r_factor(
    *,
    one_way_delay_ms: float,
    loss_pct: float,
    burst_ratio: float = 1.0,
    ie: float = 0.0,
    bpl: float = G711_PLC_BPL,
    terminals: Terminals = DEFAULT_TERMINALS,
) -> float:
    """Return R alone; arguments and errors are those of `rate`."""
    return rate(
        one_way_delay_ms=one_way_delay_ms,
        loss_pct=loss_pct,
        burst_ratio=burst_ratio,
        ie=ie,
        bpl=bpl,
        terminals=terminals,
    ).r


def mos_cqe(r: float) -> float:
    """Return the estimated mean opinion score of a conversation (Annex B, equation B-4): 1 … 4.5.

    The cubic dips below 1 for R under 6.5, where no score exists: clamped.
    """
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mouth_to_ear_ms(
    rtt_ms: float,
    *,
    jitter_buffer_ms: float = JITTER_BUFFER_MS,
    packet_ms: float = PACKET_MS,
    look_ahead_ms: float = 0.0,
) -> float:
    """Return Ta for a call over packets: half the round trip, jitter buffer, packetisation and codec look-ahead, in ms.

    G.711 looks nothing ahead. Half the round trip stands for one way: nobody outside can tell how a path is divided.
    """
    return rtt_ms / 2 + jitter_buffer_ms + packet_ms + look_ahead_ms


def outside_range(one_way_delay_ms: float, loss_pct: float, burst_ratio: float) -> str:
    """Return what lies outside the range that G.107 was made for, or an empty text."""
    if not 0 <= one_way_delay_ms <= 500:
        return f"one-way delay {one_way_delay_ms:.0f} ms is beyond 500 ms"
    if not 0 <= loss_pct <= 20:
        return f"packet loss {loss_pct:.1f} % is beyond 20 %"
    if burst_ratio > 8 or (burst_ratio > 2 and loss_pct >= 2):
        return f"burst ratio {burst_ratio:.1f} with {loss_pct:.1f} % of loss is beyond 8, or 2 from 2 % of loss on"
    return ""


def check(one_way_delay_ms: float, loss_pct: float, burst_ratio: float, ie: float, bpl: float) -> None:
    """Raise ValueError for what no call can have."""
    given = {"one_way_delay_ms": one_way_delay_ms, "loss_pct": loss_pct, "ie": ie}
    for name, value in given.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}: {value!r} is not a number of 0 or more")
    if not (math.isfinite(burst_ratio) and burst_ratio >= 1):
        raise ValueError(f"burst_ratio: {burst_ratio!r} is not a number of 1 or more")
    if not (math.isfinite(bpl) and bpl > 0):
        raise ValueError(f"bpl: {bpl!r} is not a number above 0")


def noise_sum(t: Terminals) -> float:
    """Return No, the sum of all noises at the 0 dBr point, in dBm0p (7-3 to 7-7)."""
    olr = t.slr + t.rlr
    nos = t.ps - t.slr - t.ds - 100 + 0.004 * (t.ps - olr - t.ds - 14) ** 2  # 7-4
    pre = t.pr + 10 * math.log10(1 + 10 ** ((10 - t.lstr) / 10))  # 7-6
    nor = t.rlr - 121 + pre + 0.008 * (pre - 35) ** 2  # 7-5
    nfo = t.nfor + t.rlr  # 7-7
    return 10 * math.log10(sum(10 ** (level / 10) for level in (t.nc, nos, nor, nfo)))


def loudness(t: Terminals, no: float) -> float:
    """Return Iolr: a connection that is too loud (7-9, 7-10)."""
    xolr = t.slr + t.rlr + 0.2 * (64 + no - t.rlr)
    return 20 * (math.pow(1 + math.pow(xolr / 8, 8), 1 / 8) - xolr / 8)


def sidetone(t: Terminals, delay_ms: float) -> float:
    """Return Ist: a sidetone that is not at its best (7-11, 7-12)."""
    stmro = -10 * math.log10(10 ** (-t.stmr / 10) + math.exp(-delay_ms / 4) * 10 ** (-t.telr / 10))
    return (
        12 * math.pow(1 + math.pow((stmro - 13) / 6, 8), 1 / 8)
        - 28 * math.pow(1 + math.pow((stmro + 1) / 19.4, 35), 1 / 35)
        - 13 * math.pow(1 + math.pow((stmro - 3) / 33, 13), 1 / 13)
        + 29
    )


def quantizing(t: Terminals, ro: float) -> float:
    """Return Iq: quantizing distortion (7-13 to 7-17)."""
    q = 37 - 15 * math.log10(t.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (ro - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return 15 * math.log10(1 + 10**y + 10**z)


def talker_echo(t: Terminals, no: float, i_st: float, delay_ms: float) -> float:
    """Return Idte: hearing one's own voice come back (7-19 to 7-24)."""
    if delay_ms < 1:
        return 0.0
    terv = t.telr - 40 * math.log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * math.exp(-0.3 * delay_ms**2)
    if t.stmr < 9:
        terv += i_st / 2
    re = 80 + 2.5 * (terv - 14)
    roe = -1.5 * (no - t.rlr)
    half = (roe - re) / 2
    i_dte = (half + math.sqrt(half**2 + 100) - 1) * (1 - math.exp(-delay_ms))
    return math.hypot(i_dte, i_st) if t.stmr > 20 else i_dte


def listener_echo(t: Terminals, ro: float, round_trip_ms: float) -> float:
    """Return Idle: hearing the other's voice twice (7-25, 7-26)."""
    rle = 10.5 * (t.wepl + 7) * math.pow(round_trip_ms + 1, -0.25)
    half = (ro - rle) / 2
    return half + math.sqrt(half**2 + 169)


def pure_delay(t: Terminals, delay_ms: float) -> float:
    """Return Idd: a delay that is too long even without echo (7-27, 7-28)."""
    if delay_ms <= t.m_t:
        return 0.0
    x = math.log10(delay_ms / t.m_t) / math.log10(2)
    power = 6 * t.s_t
    root = 1 / power
    return 25 * (math.pow(1 + math.pow(x, power), root) - 3 * math.pow(1 + math.pow(x / 3, power), root) + 2)


def equipment(ie: float, bpl: float, loss_pct: float, burst_ratio: float) -> float:
    """Return Ie,eff: what the codec costs at this packet loss (7-29); `loss_pct` in per cent."""
    return ie + (95 - ie) * loss_pct / (loss_pct / burst_ratio + bpl)
