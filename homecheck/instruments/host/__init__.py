"""What the operating system says about the computer: one module per system, one vocabulary for all of them."""

from __future__ import annotations
