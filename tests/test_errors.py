"""The errors for a person: one shape in all four packages, also for those that come from another process."""

import importlib
import pickle
import pkgutil
from collections.abc import Iterator

import pytest
from ray.exceptions import RayError, RayTaskError

import analysis
import cluster
import gan
import sweeps
from gan.deployment.extras import EXTRAS
from sweeps.errors import Explained

PACKAGES = (gan, cluster, analysis, sweeps)
RULE = ("A width is at least 1", 0, "Give a greater one.")

# One of each, made as the code makes it.
EXAMPLES: tuple[ValueError, ...] = (
    gan.GanError(*RULE),
    gan.ArtifactError(*RULE),
    gan.AbsentScoreError(*RULE),
    gan.FormatError(*RULE),
    cluster.ClusterError(*RULE),
    analysis.AnalysisError(*RULE),
    sweeps.SweepError(*RULE),
    sweeps.SpecError("sweep.yaml", ["line 3: widht: unknown key.", "line 5: seed: missing."]),
    sweeps.UndeliveredError("tiny", 2),
    sweeps.NothingFinishedError(*RULE),
    sweeps.NothingFeasibleError(*RULE),
)
each_example = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def errors_below(kind: type[ValueError]) -> Iterator[type[ValueError]]:
    for each in kind.__subclasses__():
        yield each
        yield from errors_below(each)


def test_every_error_of_the_packages_has_an_example_here() -> None:
    optional = {name for extra in EXTRAS.values() for name in extra.modules}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith(".__main__"):
                continue
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:  # of an extra that is not installed here
                if error.name not in optional:
                    raise
    names = {package.__name__ for package in PACKAGES}
    own = {error for error in errors_below(ValueError) if error.__module__.partition(".")[0] in names}
    assert own == {type(error) for error in EXAMPLES}


@each_example
def test_an_error_has_rule_value_and_remedy_as_text(error: ValueError) -> None:
    assert isinstance(error, Explained)
    assert all(isinstance(part, str) and part for part in (error.rule, error.value, error.remedy))


@each_example
def test_an_error_is_the_same_in_another_process(error: ValueError) -> None:
    through_ray = RayError.from_bytes(RayTaskError("work", "Traceback", error).to_bytes())
    for found in (pickle.loads(pickle.dumps(error)), through_ray.cause):
        assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
    raised = through_ray.as_instanceof_cause()  # what `ray.get` raises
    assert isinstance(raised, type(error))
    assert isinstance(raised, Explained)


def test_no_other_error_has_the_shape() -> None:
    assert not isinstance(ValueError("a fault of the program"), Explained)


def test_a_specification_names_its_mistakes_as_values() -> None:
    error = sweeps.SpecError("sweep.yaml", ["line 3: widht: unknown key.", "line 5: seed: missing."])
    assert error.mistakes == ("line 3: widht: unknown key.", "line 5: seed: missing.")
    assert error.value == "2 mistakes in sweep.yaml"
    assert str(error) == "sweep.yaml is not a valid sweep:\n  line 3: widht: unknown key.\n  line 5: seed: missing."
