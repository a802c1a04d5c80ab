"""This module has the error that a person can act on."""


class AnalysisError(ValueError):
    """An AnalysisError tells a person which rule was broken, by which value, and what to do.

    >>> raise AnalysisError("A level lies above 0", -1, "Choose another.")
    Traceback (most recent call last):
    analysis.errors.AnalysisError: A level lies above 0, got -1. Choose another.
    """

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        self.rule, self.value, self.remedy = rule, str(value), remedy
        super().__init__(f"{rule}, got {value}. {remedy}")

    def __reduce__(self) -> tuple[type["AnalysisError"], tuple[str, str, str]]:
        return type(self), (self.rule, self.value, self.remedy)  # it crosses from one process to another
