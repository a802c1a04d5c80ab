"""Errors that a person can act on."""


class AnalysisError(ValueError):
    """A mistake in what was asked for: the rule it breaks, the value given, and what to do."""

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        super().__init__(f"{rule}, got {value}. {remedy}")
