"""This module writes numbers with their nouns."""


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: `1 seed`, `2 seeds`."""
    return f"{number} {noun}{'s' * (number != 1)}"
