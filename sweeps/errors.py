"""Errors that a person can act on.

ValueError
└── SweepError         rule, value, remedy
    └── SpecError      a sweep specification breaks one or several rules, all named at once
"""


class SweepError(ValueError):
    """A mistake in what was asked for: the rule it breaks, the value given, and what to do."""

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        super().__init__(f"{rule}, got {value}. {remedy}")


class SpecError(SweepError):
    """A sweep specification breaks its rules. The message has one line for each mistake."""

    def __init__(self, source: str, mistakes: list[str]) -> None:
        ValueError.__init__(self, f"{source} is not a valid sweep:\n  " + "\n  ".join(mistakes))
