"""This module writes numbers with their nouns."""


def known_kimg(kimg: float) -> str:
    """Returns a budget as text; 0 stands for that of a generator of which it is not known."""
    return f"{kimg:g}" if kimg else "unknown"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: `1 seed`, `2 seeds`."""
    return f"{number} {noun}{'s' * (number != 1)}"
