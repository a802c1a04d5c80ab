"""What a trial has of a GPU: said by hand, by how many share one, or left to a measurement."""

from fractions import Fraction
from typing import Any

import pytest

import sweeps
from cluster import Node, TrialNeed
from gan import count_parameters
from sweeps.driver.budget import Spending
from sweeps.driver.sameness import refuse_other_spec
from sweeps.ledger.tags import spec_tags
from sweeps.planning.points import largest_of, largest_student
from sweeps.spec.need import need_of


@pytest.fixture
def spec_with(tiny: dict[str, Any], spec_file: Any) -> Any:
    """The tiny sweep with other resources."""
    return lambda **resources: sweeps.load_spec(spec_file({**tiny, "resources": resources}))


@pytest.mark.parametrize("count", range(1, 65))
def test_exactly_as_many_trials_share_a_gpu_as_are_said(spec_with: Any, count: int) -> None:
    spec = spec_with(trials_per_gpu=count)
    share = spec.resources.gpus
    units = Fraction(share * 10_000).limit_denominator(1)  # what Ray counts in
    assert float(units) / 10_000 == share, "Ray rounds nothing"
    assert count * units <= 10_000 < (count + 1) * units
    assert spec.resources.compute.device == "cuda"
    need = need_of(spec)
    assert need == TrialNeed(cpus=1.0, gpus=share)
    assert need.places([Node(id="a", address="a", resources={"CPU": 1024.0, "GPU": 8.0}, labels={})]) == 8 * count, (
        "a part is of one GPU"
    )


def test_what_is_measured_has_one_student_in_a_process(spec_with: Any) -> None:
    assert spec_with(trials_per_gpu=4, fused_trials=8).resources.gpus == 0.25
    with pytest.raises(sweeps.SpecError, match="got fused_trials 8; give trials_per_gpu as a number"):
        spec_with(trials_per_gpu="auto", fused_trials=8)


def test_what_is_measured_is_not_known_before(spec_with: Any) -> None:
    resources = spec_with(trials_per_gpu="auto", cpus_per_trial=2).resources
    assert resources.gpus is None
    assert resources.compute.device == "cuda"
    assert resources.gpus_before_packing == 1.0, "teacher and measurement have a whole one"
    packed = resources.packed(4)
    assert (packed.gpus, packed.cpus_per_trial, packed.compute) == (0.25, 2, resources.compute)
    assert packed.gpus_before_packing == 0.25


def test_without_a_gpu_nothing_has_changed(spec_with: Any) -> None:
    assert spec_with().resources.gpus == 0.0
    assert spec_with().resources.compute.device == "cpu"
    assert spec_with(gpus_per_trial=0.25).resources.gpus == 0.25


@pytest.mark.parametrize("value", [0, 65, "automatic", 2.5, True])
def test_a_count_that_cannot_be(spec_with: Any, value: object) -> None:
    with pytest.raises(sweeps.SpecError) as caught:
        spec_with(trials_per_gpu=value)
    (said,) = str(caught.value).splitlines()[1:]
    assert "resources.trials_per_gpu: trials that share a GPU are auto or 1 to 64, got " + repr(value) in said


def test_one_of_two_ways_to_say_it(spec_with: Any) -> None:
    with pytest.raises(sweeps.SpecError) as caught:
        spec_with(gpus_per_trial=0.25, trials_per_gpu="auto")
    (said,) = str(caught.value).splitlines()[1:]
    assert "resources: a trial's part of a GPU is gpus_per_trial or trials_per_gpu" in said
    assert "got gpus_per_trial 0.25 and trials_per_gpu auto; leave one of them out" in said


def test_gpu_hours_are_counted_once_the_part_is_known(spec_with: Any) -> None:
    spec = spec_with(trials_per_gpu="auto")
    budget = spec.budget.model_copy(update={"gpu_hours": 1.0})
    spending = Spending(budget=budget, resources=spec.resources, trial_s=7200.0)
    assert not spending.is_over, "with a whole GPU each it would be"
    spending.resources = spec.resources.packed(4)
    assert spending.gpu_hours == 0.5
    spending.resources = spec.resources.packed(1)
    assert spending.exceeded == "budget.gpu_hours 1 is spent"


class _Parent:
    """A sweep's recorded run."""

    def __init__(self, spec: sweeps.SweepSpec) -> None:
        self.data = self
        self.tags = spec_tags(spec.model_dump_json())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"trials_per_gpu": "auto"}, {"trials_per_gpu": 4}),
        ({"gpus_per_trial": 0.25}, {"trials_per_gpu": "auto"}),
        ({"trials_per_gpu": 64}, {"gpus_per_trial": 1.0}),
    ],
)
def test_a_sweep_goes_on_with_another_packing(spec_with: Any, before: Any, after: Any) -> None:
    parent: Any = _Parent(spec_with(**before))
    refuse_other_spec(parent, spec_with(**after))


@pytest.mark.parametrize(
    "after", [{}, {"trials_per_gpu": 2, "precision": "bfloat16"}, {"trials_per_gpu": 2, "cpus_per_trial": 2}]
)
def test_but_not_on_another_device_or_in_another_precision(spec_with: Any, after: Any) -> None:
    parent: Any = _Parent(spec_with(trials_per_gpu=2))
    with pytest.raises(sweeps.SweepError, match="goes on with the spec it began with"):
        refuse_other_spec(parent, spec_with(**after))


def test_the_largest_student_is_of_those_that_are_allowed(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["search"]["space"] |= {
        "block": {"type": "choice", "values": ["separable", "dcgan"]},
        "student": {"batch_size": {"type": "choice", "values": [32, 128]}},
    }
    tiny["search"].pop("points")
    spec = sweeps.load_spec(spec_file(tiny))
    student, recipe = largest_student(spec)
    assert (student.width, student.depth) == (4, 2)
    assert (recipe.batch_size, recipe.gan_weight) == (128, 0.05)
    tiny["search"]["constraints"] = {"max_parameters": count_parameters(student) - 1}
    constrained = sweeps.load_spec(spec_file(tiny))
    smaller, _ = largest_student(constrained)
    assert constrained.search.constraints.allow(smaller)
    assert smaller != student
    assert largest_of([constrained, spec]) is spec
