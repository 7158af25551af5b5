"""Sums over samples that no standard describes: hum, modulation, events, clipping, resampling. Pure; needs numpy."""
