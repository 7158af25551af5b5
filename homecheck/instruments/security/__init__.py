"""How a computer is guarded: one module per system, one vocabulary for all of them."""

from __future__ import annotations
