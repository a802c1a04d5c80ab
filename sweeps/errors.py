"""This module has the errors that a person can act on.

ValueError
└── SweepError         rule, value, remedy
    ├── SpecError      a sweep specification breaks one or several rules, all named at once
    ├── NothingFeasibleError  no student of the space keeps the constraints
    ├── NothingFinishedError  no trial of the sweep reached the end of its budget
    └── UndeliveredError  the sweep ran to its end, and the tracking store was away

Those of the other three packages have the same shape and no class in common with these: `Explained` is the shape.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Explained(Protocol):
    """Explained is the shape of every error for a person: the rule, the value that breaks it, the remedy."""

    rule: str
    value: str
    remedy: str


class SweepError(ValueError):
    """A SweepError is a mistake in what was asked for: the rule it breaks, the value given, and what to do."""

    rule: str
    value: str
    remedy: str

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        self.rule, self.value, self.remedy = rule, str(value), remedy
        super().__init__(f"{rule}, got {value}. {remedy}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...], dict[str, Any]]:
        return _restored, (type(self), str(self)), self.__dict__  # it crosses from one process to another


def _restored(kind: type[SweepError], message: str) -> SweepError:
    error = kind.__new__(kind)
    ValueError.__init__(error, message)
    return error


class SpecError(SweepError):
    """A SpecError says that a specification breaks rules. Its message has one line for each of the `mistakes`."""

    mistakes: tuple[str, ...]

    def __init__(self, source: str, mistakes: Sequence[str]) -> None:
        count = f"{len(mistakes)} mistake{'s' * (len(mistakes) != 1)}"
        self.mistakes = tuple(mistakes)
        self.rule, self.value = "A sweep's specification breaks none of its rules", f"{count} in {source}"
        self.remedy = "Mend what each of its lines names."
        ValueError.__init__(self, f"{source} is not a valid sweep:\n  " + "\n  ".join(mistakes))


class NothingFeasibleError(SweepError):
    """No student of a sweep's space keeps its constraints, so nothing can be trained."""


class NothingFinishedError(SweepError):
    """No trial of a sweep reached the end of its budget; the error says what the first one failed of."""


class UndeliveredError(SweepError):
    """The sweep's work is done and kept on this machine; the tracking store, which is away, lacks a part."""

    def __init__(self, name: str, trials: int) -> None:
        super().__init__(
            "The tracking store is reachable when a sweep ends",
            f"no answer for {trials} trial{'s' * (trials != 1)}, which are complete and kept in the data directory",
            f"When it is back: ganlimit sweep sync {name}.",
        )


WANT_OF_MEMORY = (
    "OutOfMemory",  # Ray, and PyTorch on a GPU
    "out of memory",  # CUDA, where not even its context finds room
    "ALLOC_FAILED",  # cuBLAS and cuDNN
    "can't allocate memory",  # PyTorch's allocator on the CPU
    "could not create a primitive",  # oneDNN
    "Cannot allocate memory",  # the operating system
    "failed to map segment",  # the loader of shared libraries
)


def tells_of_memory(text: str) -> bool:
    """Returns whether an error's text says that memory was lacking: not every library has an error type for that."""
    return any(words in text for words in WANT_OF_MEMORY)
