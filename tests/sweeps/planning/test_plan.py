"""A sweep's plan: what it would do, and what speaks against it, before anything runs."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import sweeps
from gan import count_parameters, default_data_root
from sweeps.cli import main
from sweeps.planning.calibration import Calibration, Pace
from sweeps.planning.paces import affordable_batch
from sweeps.planning.plan import Plan, plan_sweep
from sweeps.spec.critics import makes_critic


@pytest.mark.parametrize(
    ("batch_size", "affordable", "timed"), [(64, 64.0, 64), (64, 20.0, 16), (100, 60.0, 48), (100, 1.0, 4), (3, 1.0, 3)]
)
def test_a_batch_that_takes_too_long_is_timed_by_a_part_of_whole_groups(
    batch_size: int, affordable: float, timed: int
) -> None:
    assert affordable_batch(batch_size, affordable) == timed


@pytest.fixture
def planned(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> Callable[..., Plan]:
    """Plans the tiny sweep with changes by dotted path."""

    def plan(**changes: Any) -> Plan:
        spec = sweeps.load_spec(spec_file(tiny), {name.replace("__", "."): value for name, value in changes.items()})
        return plan_sweep(spec, default_data_root(), data_dir=tmp_path, workers=2)

    return plan


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paces as if they had been measured, which takes seconds: for plans whose hours are not looked at."""
    paces = tuple(
        Pace(kind=mode, mac_g=0.1, s_per_kimg=1.0, evaluation_s=1.0, ending_s=1.0)
        for mode in ("teacher", "joint", "distilled", "scratch")
    )
    monkeypatch.setattr("sweeps.planning.plan.calibrate", lambda *_, **__: Calibration(paces, 1.0, checkpoint_bytes=0))


def test_trials_sizes_and_needs(planned: Callable[..., Plan], tiny: dict[str, Any], spec_file: Any) -> None:
    plan = planned()
    spec = sweeps.load_spec(spec_file(tiny))
    assert [(phase.name, phase.trials) for phase in plan.phases] == [("teacher", 0), ("search", 4), ("baseline", 4)]
    smallest, largest = (spec.student_architecture(*size) for size in ((1, 1), (4, 2)))
    assert plan.smallest.parameters == count_parameters(smallest)
    assert plan.largest.parameters == count_parameters(largest)
    assert plan.smallest.ratio == count_parameters(spec.teacher_architecture) / count_parameters(smallest)
    assert all(phase.core_hours > 0 for phase in plan.phases)
    assert 0 < plan.wall_hours < plan.core_hours
    assert 0.1 < plan.memory_gib < 8
    assert not plan.gpu_hours


@pytest.mark.usefixtures("paced")
def test_where_bytes_are_sought_sizes_are_in_bytes(planned: Callable[..., Plan]) -> None:
    bits = {"bits": {"type": "choice", "values": [32, 4]}}
    plan = planned(search__objectives=["weight_bytes", "fid"], search__space__student=bits, search__points=[])
    assert plan.smallest.parameters is not None
    assert plan.smallest.weight_bytes is not None
    assert plan.largest.weight_bytes is not None
    assert plan.teacher.parameters is not None
    assert plan.smallest.weight_bytes < plan.smallest.parameters < plan.largest.weight_bytes / 4
    assert plan.smallest.ratio == 4 * plan.teacher.parameters / plan.smallest.weight_bytes
    console = Console(width=120, file=io.StringIO())
    console.print(plan.render())
    assert "bytes" in console.file.getvalue()
    assert f"{plan.smallest.weight_bytes:,}" in console.file.getvalue()


def test_twice_the_trials_take_twice_as_long() -> None:
    paces = tuple(
        Pace(kind="joint", mac_g=mac, s_per_kimg=10.0 * mac, evaluation_s=1.0, ending_s=2.0) for mac in (0.1, 0.4)
    )
    calibration = Calibration(paces, 1.0, checkpoint_bytes=0)
    assert calibration.trial_s("joint", 0.25, kimg=8.0, rungs=3) == pytest.approx(2.5 * 8 + 5)
    assert calibration.trial_s("joint", 0.01, kimg=8.0, rungs=3) == pytest.approx(1.0 * 8 + 5), (
        "constant below what was timed"
    )
    assert calibration.trial_s("joint", 0.9, kimg=8.0, rungs=3) == pytest.approx(4.0 * 8 + 5), "and above it"


@pytest.mark.usefixtures("paced")
def test_what_speaks_against_it(planned: Callable[..., Plan]) -> None:
    plan = planned(
        search__constraints={"max_parameters": 10},
        resources__cpus_per_trial=256,
        resources__fused_trials=4,
        evaluation__rungs_kimg=[],
        evaluation__num_samples=200,
    )
    said = "\n".join(plan.warnings)
    for part in (
        "search.constraints leave no student",
        "a trial takes 256 cores",
        "without evaluation.rungs_kimg a trial has no checkpoint",
        "evaluation.num_samples 200 for 64 features",
        "resources.fused_trials has no effect",
    ):
        assert part in said
    assert {phase.name: phase.trials for phase in plan.phases}["search"] == 0


@pytest.mark.usefixtures("paced")
def test_a_sweep_that_searches_nothing_says_what_it_assumes(planned: Callable[..., Plan]) -> None:
    """As NAME-confirmed: how many students there are to confirm is what other sweeps found."""
    phases = ["search", "confirm", "baseline"]
    plan = planned(search__trials=0, search__points=[], phases=phases, confirm={"seeds": 2, "around": 1})
    trials = {phase.name: phase.trials for phase in plan.phases}
    assert trials == {"teacher": 0, "search": 0, "confirm": 2 * (8 + 2), "baseline": 2 * (8 + 2)}
    assert plan.core_hours > 0
    assert any("search.trials 0" in warning and "8 students" in warning for warning in plan.warnings)


def test_an_error_of_the_calibration_arrives_as_it_was() -> None:
    error = sweeps.SweepError("Rule", "value", "Remedy.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (sweeps.SweepError, "Rule, got value. Remedy.")


def test_the_command_prints_json_and_writes_nothing(
    tiny: dict[str, Any], spec_file: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    path = spec_file(tiny)
    monkeypatch.setattr("sys.argv", ["ganlimit", "sweep", "plan", str(path), "--json", "--trials", "7"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    plan = json.loads(capsys.readouterr().out)
    assert {phase["name"]: phase["trials"] for phase in plan["phases"]}["search"] == 7
    (warning,) = plan["warnings"]
    assert "fewer than 10 samples a feature" in warning
    assert list(tmp_path.iterdir()) == [path]


def test_weights_that_are_not_here_leave_the_hours_open_and_the_rest_as_it_is(
    planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLIMIT_INCEPTION_WEIGHTS", str(tmp_path / "none.pth"))
    plan = planned(extractor="inception", evaluation__num_samples=4096)
    found = json.loads(json.dumps(plan.as_dict()))
    assert [phase["core_hours"] for phase in found["phases"]] == [None] * 3
    assert (found["core_hours"], found["wall_hours"], found["gpu_hours"]) == (None, None, None)
    assert [phase["trials"] for phase in found["phases"]] == [0, 4, 4]
    (reason,) = found["unmeasured"]
    assert "hours, of which measuring is a part: " in reason
    assert "none.pth" in reason
    assert plan.teacher.ratio == 1
    assert plan.memory_gib is not None
    console = Console(width=200, file=io.StringIO())
    console.print(plan.render())
    assert "unknown hours" in console.file.getvalue()


def test_a_gpu_that_is_not_here_leaves_hours_and_memory_open(planned: Callable[..., Plan]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    plan = planned(resources__gpus_per_trial=1)
    assert plan.core_hours is None
    assert plan.memory_gib is None
    assert plan.smallest.ratio is not None
    (reason,) = plan.unmeasured
    assert reason.startswith("hours and memory: The device cuda")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_teacher_of_ones_own_is_as_large_as_its_file_says(
    is_there: bool, planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.planning.plan.calibrate", lambda *_, **__: Calibration((), 1.0, checkpoint_bytes=0))
    network = torch.nn.Sequential(torch.nn.Linear(8, 256), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 16, 16)))
    torch.nn.init.normal_(network[0].weight, std=4, generator=torch.Generator().manual_seed(0))
    if is_there:
        torch.jit.save(torch.jit.trace(network.eval(), torch.zeros(2, 8)), tmp_path / "own.pt")
    plan = planned(
        teacher={"file": str(tmp_path / "own.pt"), "latent_size": 8, "output_range": [0.0, 1.0], "pool_size": 64}
    )
    if is_there:
        assert plan.teacher.parameters == 8 * 256 + 256
        assert plan.smallest.ratio == plan.teacher.parameters / plan.smallest.parameters
    else:
        assert (plan.teacher.parameters, plan.smallest.ratio) == (None, None)
        assert plan.unmeasured[0].startswith("the teacher's parameters and the ratios to them: ")


def test_a_critic_that_is_trained_for_a_teacher_of_ones_own_has_its_cost(
    tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    own = {"file": str(tmp_path / "own.pt"), "latent_size": 8, "output_range": [0.0, 1.0], "pool_size": 64}
    path = spec_file({**tiny, "teacher": own, "student": {"kimg": 4, "critic_features": 0.1}})
    plan = plan_sweep(sweeps.load_spec(path), default_data_root(), data_dir=tmp_path, workers=2)
    critic, *others = plan.phases
    assert (critic.name, critic.trials) == ("critic", 0)
    assert 0 < critic.core_hours < plan.core_hours
    assert plan.core_hours == pytest.approx(critic.core_hours + sum(phase.core_hours for phase in others))
    without: list[dict[str, Any]] = [{"teacher.critic": "there"}, {"student.critic_features": 0.0}]
    assert not any(makes_critic(sweeps.load_spec(path, changes)) for changes in without)
    searched = {"critic_features": {"type": "choice", "values": [0.0, 0.1]}}
    changes = {"student.critic_features": 0.0, "search.space.student": searched, "search.points": []}
    assert makes_critic(sweeps.load_spec(path, changes))


@pytest.mark.usefixtures("paced")
def test_a_search_for_the_limit_is_planned_at_its_most(planned: Callable[..., Plan]) -> None:
    confirm = {"seeds": 1, "around": 1, "confidence": 0.9, "most_seeds": 3}
    phases = ["search", "confirm"]
    plan = planned(search__sampler="limit", search__trials=80, search__points=[], phases=phases, confirm=confirm)
    trials = {phase.name: phase.trials for phase in plan.phases}
    assert trials == {"teacher": 0, "search": 80, "confirm": 2 * (1 + 1) * 3}
    assert any("search.trials 80 are the most" in warning for warning in plan.warnings)
    assert not any("are the most" in warning for warning in planned().warnings)
