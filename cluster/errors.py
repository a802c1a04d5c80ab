"""This module has the error that a person can act on."""


class ClusterError(ValueError):
    """A ClusterError is a mistake in what was asked for: the rule it breaks, the value given, and what to do."""

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        self.rule, self.value, self.remedy = rule, str(value), remedy
        super().__init__(f"{rule}, got {value}. {remedy}")

    def __reduce__(self) -> tuple[type["ClusterError"], tuple[str, str, str]]:
        return type(self), (self.rule, self.value, self.remedy)  # it crosses from one process to another
