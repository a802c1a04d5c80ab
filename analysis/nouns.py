"""Numbers with their nouns."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 seed`, `2 seeds`."""
    return f"{number} {noun}{'s' * (number != 1)}"
