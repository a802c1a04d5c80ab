"""Errors that a person can act on.

ValueError
└── GanError           rule, value, remedy
    └── ArtifactError  a stored artifact is missing, damaged or not what its card says
"""


class GanError(ValueError):
    """A mistake in what was asked for: the rule it breaks, the value given, and what to do."""

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        self.rule, self.value, self.remedy = rule, str(value), remedy
        super().__init__(f"{rule}, got {value}. {remedy}")

    def __reduce__(self) -> tuple[type["GanError"], tuple[str, str, str]]:
        return type(self), (self.rule, self.value, self.remedy)  # it crosses from one process to another


class ArtifactError(GanError):
    """A stored artifact is missing, damaged, or not what its card says."""
