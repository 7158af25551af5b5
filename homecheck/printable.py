"""Strangers' text on a terminal: names of devices, words of a collector. Nothing in it may steer the terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a stranger's text without what moves the cursor or turns the writing round."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def printable_lines(text: str) -> str:
    """Return `text` in the same way, with its ends of lines kept."""
    return "\n".join(map(printable, text.split("\n")))
