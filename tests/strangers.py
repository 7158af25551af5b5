"""What strangers may send: any bytes, and good messages of which a few bytes were changed, lost or put in.

A minute or more of each parser under a fuzzer that follows its branches came before; these tests keep what that showed.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

thoroughly: Final = settings(max_examples=80, deadline=None, derandomize=True, database=None)
briefly: Final = settings(thoroughly, max_examples=25)  # where each takes a connection


@st.composite
def spoiled(draw: st.DrawFn, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


def strange(*good: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes, or one of the `good` messages, spoiled."""
    return st.one_of(st.binary(max_size=200), *map(spoiled, good))
