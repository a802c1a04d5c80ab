"""A sweep of which every trial fails ends with its first cause as one error, and an exit code of its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import sweeps.display
from analysis import TrialState
from analysis.examples import example_trials
from sweeps.cli import main
from sweeps.display import QuietDisplay
from sweeps.exit_codes import ExitCode
from sweeps.ledger.workspace import Workspace
from sweeps.results.failure import failure_of

BAD_ENDS = (TrialState.FAILED, TrialState.DIVERGED, TrialState.OUT_OF_MEMORY, TrialState.LOST)


@pytest.mark.parametrize("state", BAD_ENDS)
def test_the_first_cause_is_said_with_what_to_do(state: TrialState) -> None:
    other = {"state": TrialState.LOST, "final": False}
    failure = failure_of("mine", example_trials({"state": state, "final": False, "error": "no such luck"}, other))
    assert failure is not None
    assert failure.rule == "A trial of mine reaches the end of its budget"
    assert failure.value.endswith("; trial 1 first: no such luck")
    assert failure.remedy


@pytest.mark.parametrize("state", sorted({*TrialState} - {*BAD_ENDS}))
def test_a_trial_that_ended_otherwise_is_no_failure_of_the_sweep(state: TrialState) -> None:
    failed = {"state": TrialState.FAILED, "final": False}
    assert failure_of("mine", example_trials(failed, {"state": state})) is None
    assert failure_of("mine", example_trials()) is None


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
