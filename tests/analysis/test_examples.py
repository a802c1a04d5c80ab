"""Every name that analysis exports shows an example, and every example of the package runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import analysis

MODULES = ("analysis", *(found.name for found in pkgutil.walk_packages(analysis.__path__, "analysis.")))
# Classes and functions: a constant has no docstring.
DOCUMENTED = [
    name for name in analysis.__all__ if inspect.isroutine(it := getattr(analysis, name)) or inspect.isclass(it)
]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_an_exported_name_shows_an_example(name: str) -> None:
    documented = inspect.getdoc(getattr(analysis, name)) or ""
    assert doctest.DocTestParser().get_examples(documented), f"analysis.{name} has no example"


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_are_true(module: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    said: list[str] = []
    for test in doctest.DocTestFinder().find(importlib.import_module(module), module):
        runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
