"""The main job for real: Ray, Optuna, MLflow and training, on a sweep of half a minute."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa
import pytest
import yaml

import analysis
import sweeps
from analysis import TrialState
from gan import ArtifactError, load_generator
from sweeps.ledger.tags import ERROR, PARENT, PHASE, PROTOCOL, STATE, TEACHER_VERSION, common_columns, common_tags
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.sweeps.trained_here import trained_here
from tests.waiting import PATIENCE_S

# What a trial's row says beside its result: where, when and in which order it ran.
CIRCUMSTANCES = ["sweep", "trial", "run_id", "wall_s", "latency_ms"]


def rows_by_key(table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["trial_key"]: row for row in table.drop_columns(CIRCUMSTANCES).to_pylist()}


class TestResult:
    def test_every_trial_is_a_final_row_of_its_own(self, finished: Any) -> None:
        table = finished.result.table
        searched = [row for row in table.to_pylist() if row["phase"] == "search"]
        assert len(searched) == 4
        assert all(row["final"] and row["state"] == "COMPLETED" and row["kimg"] >= 4 for row in searched)
        assert len(set(table["trial_key"].to_pylist())) == len(table)
        assert table["trial"].to_pylist() == list(range(1, len(table) + 1))
        for row in searched:
            assert row["compression_ratio"] == row["teacher_parameters"] / row["parameters"]
        assert all(0 < latency < 1000 for latency in table["latency_ms"].to_pylist()), "of students and of baselines"

    def test_each_frontier_student_has_a_baseline_of_its_architecture_and_seed(self, finished: Any) -> None:
        table = finished.result.table
        frontier = analysis.with_baselines(analysis.pareto_frontier(table), table).to_pylist()
        assert frontier
        for student in frontier:
            assert student["baseline_kimg"] == pytest.approx(2, abs=0.064)
            assert student["baseline_fid"] > 0

    def test_the_files_are_there_and_readable(self, finished: Any) -> None:
        files = {path.name: path for path in finished.result.report.files}
        assert {"report.html", "report.md", "pareto.png", "samples.png", "trials.parquet"} <= set(files)
        assert analysis.read_table(files["trials.parquet"]).equals(finished.result.table)
        assert all(cv2.imread(str(files[name])) is not None for name in ("pareto.png", "samples.png"))

    def test_the_points_of_the_spec_were_tried(self, finished: Any) -> None:
        tried = {
            (row["width"], row["depth"], row["gan_weight"])
            for row in finished.result.table.to_pylist()
            if row["phase"] == "search"
        }
        assert {(2, 1, 0.0), (3, 1, 0.05)} <= tried


class TestLedger:
    def test_one_parent_and_one_child_per_trial(self, finished: Any) -> None:
        tracking = finished.tracking
        parent = tracking.find_sweep("tiny")
        children = list(tracking.each_trial(parent.info.run_id))
        assert parent.info.status == "FINISHED"
        assert len(children) == len(finished.result.table)
        for child in children:
            tags = child.data.tags
            assert child.info.status == "FINISHED"
            assert tags[STATE] == "COMPLETED"
            assert tags[PARENT] == parent.info.run_id
            assert tags[TEACHER_VERSION] == "digits-teacher/1"
            assert tags[PHASE] in {"search", "baseline"}
            assert tags[PROTOCOL]

    def test_metrics_are_there_for_each_rung_by_kimg(self, finished: Any) -> None:
        tracking = finished.tracking
        child = next(tracking.each_trial(tracking.find_sweep("tiny").info.run_id))
        history = tracking.client.get_metric_history(child.info.run_id, "fid")
        # That of a registered student is logged with it once more.
        assert sorted({(metric.step, metric.value) for metric in history}) == [
            (2, history[0].value),
            (4, child.data.metrics["fid"]),
        ]

    def test_the_student_kept_is_the_one_that_was_measured(self, finished: Any) -> None:
        row = finished.result.table.slice(0, 1).to_pylist()[0]
        folder = finished.tracking.registry.model_folder(row["run_id"])
        _, card = load_generator(folder)
        assert card.metrics["fid"] == row["fid"]
        assert card.parameters == row["parameters"]

    def test_images_lie_beside_each_student_of_the_frontier(self, finished: Any) -> None:
        for row in finished.result.report.frontier.to_pylist():
            folder = finished.tracking.registry.model_folder(row["run_id"])
            assert cv2.imread(str(folder / "samples.png")) is not None

    def test_figures_and_table_are_artifacts_of_the_parent(self, finished: Any) -> None:
        client, parent = finished.tracking.client, finished.tracking.find_sweep("tiny")
        names = {Path(file.path).name for file in client.list_artifacts(parent.info.run_id, "report")}
        assert {"report.html", "figures", "trials.parquet", "report.md"} <= names

    def test_the_teacher_is_a_registered_champion_with_a_card(self, finished: Any) -> None:
        version = finished.tracking.registry.champion("digits-teacher")
        _, card = load_generator(finished.tracking.registry.fetch(version))
        assert str(version.version) == "1"
        assert card.weights_digest == version.tags["weights_digest"]
        assert card.metrics["fid"] > 0
        assert card.kimg >= 6


def test_the_same_command_again_runs_nothing_twice(finished: Any) -> None:
    ended = {run.info.run_id: run.info.end_time for run in all_trials(finished)}
    again = sweeps.run_sweep(finished.spec, finished.data_dir, workers=2)
    assert again.table.equals(finished.result.table)
    assert {run.info.run_id: run.info.end_time for run in all_trials(finished)} == ended
    assert len(finished.tracking.registry.versions("digits-teacher")) == 1
    assert len(finished.tracking.registry.versions("digits-classifier")) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_a_new_sweep_stops_dominated_trials_at_a_rung(tiny: dict[str, Any], finished: Any, tmp_path: Path) -> None:
    """Students of one architecture: at the rung only one that is better than all before it goes on."""
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")  # with its teacher
    weights = [0.1, 0.02, 0.0]  # of so short a training each is better than the next
    tiny |= {"name": "pruned", "phases": ["search"], "student": {"kimg": 3}}
    tiny["search"] |= {
        "trials": len(weights),
        "pruning": {"eta": 16, "min_trials": 1, "grace": 0},
        "points": [{"width": 3, "depth": 1, "gan_weight": weight} for weight in weights],
    }
    tiny["search"]["space"]["gan_weight"] = {"type": "float", "low": 0.0, "high": 0.5}
    path = tmp_path / "pruned.yaml"
    path.write_text(yaml.safe_dump(tiny))
    table = sweeps.run_sweep(sweeps.load_spec(path), data_dir, workers=1).table
    assert Counter(table["state"].to_pylist()) == {"COMPLETED": 1, "PRUNED": 2}


def test_a_name_stands_for_one_spec(finished: Any) -> None:
    changed = finished.spec.model_copy(update={"seed": 5})
    with pytest.raises(sweeps.SweepError, match=r"other values for seed\. Give the sweep another name"):
        sweeps.run_sweep(changed, finished.data_dir)


@pytest.mark.slow
def test_a_row_depends_on_its_identity_alone(finished: Any, tmp_path: Path) -> None:
    """Another data directory, one trial after the other in this process: the same rows bit for bit."""
    points = finished.spec.search.model_copy(update={"trials": 2})
    everyone = finished.spec.baseline.model_copy(update={"of": "all"})
    spec = finished.spec.model_copy(update={"search": points, "baseline": everyone})
    alone = rows_by_key(trained_here(spec, tmp_path))
    together = rows_by_key(finished.result.table)
    searched = [key for key, row in alone.items() if row["phase"] == "search"]
    assert len(searched) == 2
    assert len(alone) == 4, "each of them has a baseline"
    for key in searched:
        assert alone[key] == together[key]


@pytest.mark.parametrize("model", ["digits-teacher", "digits-classifier"])
def test_one_flipped_byte_in_a_model_stops_the_sweep_before_any_trial(finished: Any, model: str) -> None:
    weights = finished.tracking.registry.fetch(finished.tracking.registry.versions(model)[0]) / "weights.safetensors"
    content = weights.read_bytes()
    trials = len(all_trials(finished))
    more = finished.spec.search.model_copy(update={"trials": 5})
    try:
        weights.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
        with pytest.raises(ArtifactError, match=r"SHA-256 digest .*train the model again"):
            sweeps.run_sweep(finished.spec.model_copy(update={"search": more}), finished.data_dir)
    finally:
        weights.write_bytes(content)
    assert len(all_trials(finished)) == trials


def all_trials(finished: Any) -> list[Any]:
    return list(finished.tracking.each_trial(finished.tracking.find_sweep("tiny").info.run_id))


def test_two_processes_may_open_a_new_data_directory_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sweeps.ledger.tracking import Tracking; "
        "from sweeps.ledger.workspace import Workspace; Tracking(Workspace.open(Path(sys.argv[1])).store)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors.decode()


def test_a_sweep_does_not_go_on_with_another_teacher(finished: Any, tmp_path: Path) -> None:
    """A teacher trained again is another version; rows of both under one sweep would be compared wrongly."""
    copied = tmp_path / "data"
    shutil.copytree(finished.data_dir, copied)
    tracking = Tracking(Workspace.existing(copied).store)
    parent = tracking.find_sweep("tiny")
    stated = common_columns(parent.data.tags)
    tracking.log(parent.info.run_id, tags=common_tags({**stated, "teacher_digest": "0" * 64}))
    with pytest.raises(sweeps.SweepError, match=r"teacher_digest it began with, 0000.*--name"):
        sweeps.run_sweep(finished.spec, copied)


def test_a_trial_that_succeeds_at_last_keeps_no_error(finished: Any) -> None:
    tracking = finished.tracking
    parent = tracking.find_sweep("tiny").info.run_id
    run_id = tracking.open_trial(parent, "some-key", name="x", tags={STATE: "RUNNING"}).info.run_id
    try:
        tracking.close(run_id, TrialState.FAILED, error="boom")
        again = tracking.open_trial(parent, "some-key", name="x", tags={STATE: "RUNNING"})
        assert again.info.run_id == run_id
        tracking.close(run_id, TrialState.COMPLETED)
        tags = tracking.client.get_run(run_id).data.tags
        assert tags[STATE] == "COMPLETED"
        assert ERROR not in tags
    finally:
        tracking.client.delete_run(run_id)
