"""Reports without figures, whose drawing takes seconds: for tests that look at something else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def without_drawing() -> Iterator[None]:
    """Reports that this process writes in the block have no figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.results.report.drawn_figures", lambda chapter: {})
        yield
