"""This module has the errors that a person can act on.

ValueError
└── GanError              rule, value, remedy
    ├── ArtifactError     a stored artifact is missing, damaged or not what its card says
    ├── AbsentScoreError  a score cannot be had of these images and this extractor
    └── FormatError       a network cannot be exported in a format
"""

# What reading a damaged file may raise, beside errors of the library that reads it.
DAMAGED = (ValueError, KeyError, IndexError, TypeError, AttributeError)


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


class FormatError(GanError):
    """A network cannot be exported in a format, whenever it is tried: that cannot express it, or draws other images.

    >>> str(FormatError("onnx is for networks that it has operators for", "none for aten::x", "Choose another."))
    'onnx is for networks that it has operators for, got none for aten::x. Choose another.'
    """


class AbsentScoreError(GanError):
    """A score cannot be had of these images and this extractor: of too few samples, or without classes.

    >>> try:
    ...     RealReference.of(Classifier(ClassifierConfig(features=2048), 1, num_classes=10).eval(), dataset)
    ... except AbsentScoreError as error:
    ...     print(error.reason)
    FID needs at least 2 * 2048 real images for 2048 features, got 1438
    """

    @property
    def reason(self) -> str:
        """Returns why, for people who read the other scores."""
        return f"{self.rule}, got {self.value}"
