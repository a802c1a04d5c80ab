"""A sweep of which every trial fails ends with its first cause as one error, and an exit code of its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import sweeps
import sweeps.display
from analysis import TrialState
from analysis.examples import example_trials
from sweeps.cli import main
from sweeps.display import QuietDisplay
from sweeps.exit_codes import ExitCode
from sweeps.ledger.workspace import Workspace
from sweeps.planning.feasibility import require_feasible
from sweeps.results.failure import failure_of

BAD_ENDS = (TrialState.FAILED, TrialState.DIVERGED, TrialState.OUT_OF_MEMORY, TrialState.LOST, TrialState.PRUNED)
UNENDED = {"state": TrialState.LOST, "final": False}


@pytest.fixture
def spec(tiny: dict[str, Any], spec_file: Any) -> Any:
    """The tiny sweep's spec with other parts."""

    def build(**changes: Any) -> sweeps.SweepSpec:
        for name, change in changes.items():
            tiny[name] = {**tiny.get(name, {}), **change}
        return sweeps.load_spec(spec_file(tiny))

    return build


@pytest.mark.parametrize("state", BAD_ENDS)
def test_the_first_cause_is_said_with_what_to_do(spec: Any, state: TrialState) -> None:
    failure = failure_of(spec(), example_trials({"state": state, "final": False, "error": "no such luck"}, UNENDED))
    assert isinstance(failure, sweeps.NothingFinishedError)
    assert failure.rule == "A trial of tiny reaches the end of its budget"
    first = "trial 2 first" if state == TrialState.PRUNED else "trial 1 first: no such luck"  # that did fail
    assert failure.value.endswith(f"; {first}")
    assert failure.remedy


@pytest.mark.parametrize("state", sorted({*TrialState} - {*BAD_ENDS}))
def test_a_trial_that_ended_otherwise_is_no_failure_of_the_sweep(spec: Any, state: TrialState) -> None:
    failed = {"state": TrialState.FAILED, "final": False}
    assert failure_of(spec(), example_trials(failed, {"state": state})) is None


def test_a_sweep_that_began_nothing_says_why(spec: Any) -> None:
    nothing = example_trials()
    assert failure_of(spec(), nothing) is None, "one that takes over what others finished, and there is none"
    spent = failure_of(spec(budget={"core_hours": 0.5}), nothing)
    assert isinstance(spent, sweeps.NothingFinishedError)
    assert spent.value == "budget.core_hours 0.5"
    infeasible = failure_of(spec(search={"constraints": {"max_parameters": 10}}), nothing)
    assert isinstance(infeasible, sweeps.NothingFeasibleError), "whatever the budget is"
    assert infeasible.value == "none with max_parameters 10"
    taken_over = spec(search={"trials": 0, "points": [], "constraints": {}})
    assert failure_of(taken_over, nothing) is None, "it searches nothing, so no budget is spent before it begins"


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_space_without_a_student_is_refused_before_anything_is_made(
    ganlimit: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path, sampler: str
) -> None:
    widths = {"type": "choice", "values": [1, 2]}
    tiny["search"]["space"] |= {"width": widths, "depth": {"type": "choice", "values": [1]}}
    tiny["search"] |= {"sampler": sampler, "points": [], "constraints": {"max_mac_g": 1e-9}}
    answer = ganlimit("sweep", "run", spec_file(tiny), "--data-dir", tmp_path / "data")
    assert answer.code == ExitCode.NOTHING_FEASIBLE
    assert answer.stderr == (
        "error: The space of tiny has a student that keeps search.constraints, got none with max_mac_g 1e-09. Loosen "
        "search.constraints, or widen search.space.\n"
    )
    assert not (tmp_path / "data").exists()


def test_students_that_may_be_allowed_are_tried(spec: Any) -> None:
    require_feasible(spec(search={"constraints": {"max_parameters": 10**6}}))
    weights = {"type": "float", "low": 0.0, "high": 0.5}
    unlisted = {"width": {"type": "int", "low": 1, "high": 8}, "depth": 1, "gan_weight": weights}
    require_feasible(spec(search={"constraints": {"max_parameters": 10}, "space": unlisted, "points": []}))


class Damaging(QuietDisplay):
    """A display at whose last line before the trials the real images' features are damaged, which all of them read."""

    def __init__(self, references: Path) -> None:
        self._references = references

    def say(self, message: str) -> None:
        if message.startswith("teacher "):
            for path in self._references.glob("*.safetensors"):
                path.write_bytes(path.read_bytes()[:100])


def test_what_a_person_must_mend_is_one_error_without_a_trace_or_another_try(
    finished: Any,
    tiny: dict[str, Any],
    spec_file: Any,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")
    references = Workspace.existing(data_dir).references
    monkeypatch.setattr(sweeps.display, "display_for", lambda *_, **__: Damaging(references))
    space = {"width": {"type": "choice", "values": [1, 2]}, "depth": 2, "gan_weight": 0.0}
    tiny["search"] = {"trials": 2, "sampler": "grid", "space": space}
    tiny["phases"] = ["search", "baseline"]
    spec = spec_file({**tiny, "name": "broken"})
    words = ["ganlimit", "sweep", "run", str(spec), "--data-dir", str(data_dir), "--workers", "1"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()  # of the workers as well
    assert ended.value.code == ExitCode.NOTHING_FINISHED
    assert "Traceback" not in out + err
    assert "tried 3 times" not in out + err
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert error.startswith(
        "error: A trial of broken reaches the end of its budget, got 2 failed; trial 1 first: "
        "The real images' features are a file that ganlimit wrote, got "
    )
    assert error.endswith("Mend what it names: the same command again tries every trial again.")
