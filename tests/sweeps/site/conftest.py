"""A laboratory with a head and one other node, for the tests of one file."""

from collections.abc import Iterator

import pytest

from tests.cluster.lab import Lab, laboratory


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as made:
        made.up()
        made.join(made.one)
        yield made
