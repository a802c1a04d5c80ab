"""This module has the errors that a person can act on.

ValueError
└── GanError           rule, value, remedy
    └── ArtifactError  a stored artifact is missing, damaged or not what its card says
"""


class GanError(ValueError):
    """A GanError says what was wrong with what was asked for: the rule, the value that breaks it, and what to do.

    >>> str(GanError("A width is at least 1", 0, "Raise it."))
    'A width is at least 1, got 0. Raise it.'
    """

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        self.rule, self.value, self.remedy = rule, str(value), remedy
        super().__init__(f"{rule}, got {value}. {remedy}")

    def __reduce__(self) -> tuple[type["GanError"], tuple[str, str, str]]:
        return type(self), (self.rule, self.value, self.remedy)  # it crosses from one process to another


class ArtifactError(GanError):
    """A stored artifact is missing, damaged, or not what its card says.

    >>> try:
    ...     load_generator(folder / "nothing")
    ... except ArtifactError as error:
    ...     print(error.rule)
    A stored model has a card.json that describes it
    """
