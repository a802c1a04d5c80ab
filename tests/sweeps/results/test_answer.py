"""What a person reads in MLflow without opening a file: the experiments, and a sweep's run with its answer."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import cv2
import pytest

import sweeps
from analysis import findings_of, frontier_rows
from sweeps.errors import SweepError
from sweeps.ledger.experiments import experiment_of
from sweeps.ledger.notes import describe_run
from sweeps.ledger.store import MODELS_EXPERIMENT, SWEEPS_EXPERIMENT, TrackingStore
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import NOTE
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.answer import show_answer
from sweeps.spec.browsing import MlflowSpec
from sweeps.trial.log import opening
from sweeps.trial.request import Job
from tests.sweeps.untrained_search import context_of, request_of

LINK = re.compile(r"\]\(([^)]+)\)")


def links_of(text: str) -> list[str]:
    return LINK.findall(text)


@pytest.fixture(scope="module")
def tracking(finished: Any) -> Tracking:
    found: Tracking = finished.tracking
    return found


@pytest.fixture
def parent(tracking: Tracking) -> Any:
    return tracking.client.get_run(find_sweep(tracking, "tiny").info.run_id)  # what is searched lacks a run's models


def test_a_data_set_has_an_experiment_of_model_training(tracking: Tracking, parent: Any) -> None:
    client = tracking.client
    experiment, models = (
        client.get_experiment(each) for each in (parent.info.experiment_id, tracking.experiments.models)
    )
    assert (experiment.name, models.name) == ("ganlimit/digits", MODELS_EXPERIMENT)
    assert client.get_experiment_by_name(SWEEPS_EXPERIMENT) is None, "that of before is not made"
    for one, other in ((experiment, models), (models, experiment)):
        assert one.tags["mlflow.experimentKind"] == "custom_model_development"
        there = f"#/experiments/{other.experiment_id}/runs?workflowType=machine_learning"
        assert there in links_of(one.tags[NOTE])
        assert "\nganlimit " in one.tags[NOTE], "commands"
    assert f"[tiny](#/experiments/{experiment.experiment_id}/runs/{parent.info.run_id}?" in experiment.tags[NOTE]


def test_a_sweeps_description_is_its_answer(finished: Any, tracking: Tracking, parent: Any) -> None:
    text, findings = parent.data.tags[NOTE], finished.result.report.findings
    assert text.startswith(findings.limit.sentence())
    for row in frontier_rows(findings):
        assert re.search(rf"\[trial {row.trial}\]\(#/experiments/\d+/runs/{row.run_id}\?.*\| {row.parameters}\W", text)
    (figure,) = (link for link in links_of(text) if link.startswith("get-artifact"))
    asked = parse_qs(urlparse(figure).query)
    assert asked["run_uuid"] == [parent.info.run_id]
    files = {file.path for file in tracking.client.list_artifacts(parent.info.run_id)}
    assert asked["path"][0] in files
    assert any("/artifacts/report/report.html" in link for link in links_of(text))


def test_each_student_of_the_frontier_says_what_it_is_and_what_it_made(finished: Any, tracking: Tracking) -> None:
    for row in finished.result.report.frontier.to_pylist():
        text = tracking.client.get_run(row["run_id"]).data.tags[NOTE]
        assert f"{row['parameters']:,} parameters" in text
        assert f"FID {row['fid']:.1f} after 4 kimg" in text
        assert re.search(rf"\| 2 kimg: FID [\d.]+ \| 4 kimg: FID {row['fid']:.1f} \|", text)
        files = {file.path for file in tracking.client.list_artifacts(row["run_id"], "images")}
        shown = [parse_qs(urlparse(link).query)["path"][0] for link in links_of(text) if "get-artifact" in link]
        assert len(shown) == 2
        assert set(shown) <= files


def test_a_students_description_that_a_person_wrote_is_left_alone(finished: Any, tmp_path: Path) -> None:
    workspace = Workspace.existing(Path(shutil.copytree(finished.data_dir, tmp_path / "data")))
    tracking, row = Tracking(workspace.store), finished.result.report.frontier.to_pylist()[0]
    tracking.log(row["run_id"], tags={NOTE: "the one for the watch"})
    parent = find_sweep(tracking, "tiny")
    show_answer(tracking, parent, spec=finished.spec, findings=finished.result.report.findings)
    assert tracking.client.get_run(row["run_id"]).data.tags[NOTE] == "the one for the watch"


def test_a_sweeps_metrics_are_its_answer(finished: Any, parent: Any) -> None:
    metrics, limit, table = parent.data.metrics, finished.result.report.limit, finished.result.table
    assert metrics["limit/ratio"] == pytest.approx(limit.ratio, rel=1e-5)
    assert metrics["limit/parameters"] == limit.parameters
    best = min(row["fid"] for row in table.to_pylist() if row["mode"] == "distilled")
    assert metrics["frontier/best_fid"] == pytest.approx(best, rel=1e-5)
    assert metrics["teacher/fid"] == pytest.approx(table["teacher_fid"][0].as_py(), rel=1e-5)
    assert metrics["trials/completed"] == metrics["trials/all"] == len(table)
    assert metrics["spent/kimg"] == pytest.approx(sum(table["kimg"].to_pylist()), rel=1e-5)
    assert metrics["spent/core_hours"] == pytest.approx(sum(table["wall_s"].to_pylist()) / 3600, rel=1e-5)
    running = {name for name in metrics if name.startswith("trials/")} - {"trials/all", "trials/completed"}
    assert not any(metrics[name] for name in running), "nothing is left of what a state had before"


def test_its_curves_are_over_kimg_spent(finished: Any, tracking: Tracking, parent: Any) -> None:
    progress = findings_of(finished.result.table, finished.spec.limit).progress
    for name in ("frontier/hypervolume", "frontier/best_fid"):
        history = tracking.client.get_metric_history(parent.info.run_id, name)
        best_of = min if name.endswith("fid") else max
        steps = sorted({point.step for point in history})
        assert len(steps) >= 2
        assert len(progress) > 2
        values = [best_of(point.value for point in history if point.step == step) for step in steps]
        assert values == sorted(values, reverse=name.endswith("fid")), "a frontier only gets better"
        assert steps[-1] <= round(sum(finished.result.table["kimg"].to_pylist()))


def test_its_parameters_are_the_keys_of_the_spec(parent: Any) -> None:
    params = parent.data.params
    stated = {"search.space.width": "1 to 4", "search.space.gan_weight": "0.0 | 0.05", "teacher.training.kimg": "6.0"}
    assert stated.items() <= params.items()
    assert params["evaluation.rungs_kimg"] == "2.0"


def test_who_made_it_with_what_is_in_mlflows_columns(parent: Any) -> None:
    tags = parent.data.tags
    assert tags["mlflow.source.name"] == "ganlimit sweep run tiny"
    assert tags["mlflow.user"]
    in_a_repository = (Path(sweeps.__file__).parents[1] / ".git").exists()
    assert bool(re.fullmatch("[0-9a-f]{40}", tags.get("mlflow.source.git.commit", ""))) == in_a_repository


def test_a_trial_has_what_its_sweep_has(finished: Any, tracking: Tracking, parent: Any) -> None:
    (data,), (teacher,) = parent.inputs.dataset_inputs, parent.inputs.model_inputs
    assert data.dataset.name == "digits"
    assert json.loads(data.dataset.profile)["images"][1:] == [1, 16, 16]
    model = tracking.client.get_logged_model(teacher.model_id)
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "digits-teacher", "version": "1"}]
    assert {metric.key for metric in model.metrics} == {"fid", "parameters"}
    trials = [tracking.client.get_run(run.info.run_id) for run in tracking.each_trial(parent.info.run_id)]
    for trial in trials:
        assert [each.dataset.digest for each in trial.inputs.dataset_inputs] == [data.dataset.digest]
        assert [each.model_id for each in trial.inputs.model_inputs] == [teacher.model_id]
        assert trial.data.tags["mlflow.source.name"] == "ganlimit sweep run tiny"
        assert {"width", "depth"} <= trial.data.params.keys(), "whatever its phase"
    outputs = {trial.info.run_id: trial.outputs.model_outputs for trial in trials}
    students = set(finished.result.report.frontier["run_id"].to_pylist())
    assert {run_id for run_id, models in outputs.items() if models} == students


def test_what_a_student_makes_is_there_over_steps(tracking: Tracking, parent: Any, tmp_path: Path) -> None:
    trial = next(tracking.each_trial(parent.info.run_id))
    assert trial.data.tags["mlflow.loggedImages"] == "True"
    folder = Path(tracking.client.download_artifacts(trial.info.run_id, "images", str(tmp_path)))
    names = {path: path.name.split("+") for path in folder.iterdir()}
    found = {(key, step, path.suffix): cv2.imread(str(path)) for path, (key, _, step, *_) in names.items()}
    steps = (("samples", "2"), ("samples", "4"), ("last samples", "0"))
    assert found.keys() == {(*step, form) for step in steps for form in (".png", ".webp")}
    assert all(image.shape[1] >= 256 and image.std() > 0 for image in found.values())
    early, late, last = (found[(*step, ".png")] for step in steps)
    assert (early != late).any(), "a student learns"
    assert (late == last).all()


def test_a_server_takes_images_at_the_end_unless_the_file_says_otherwise() -> None:
    local, server = TrackingStore("sqlite:///mlflow.db", "file:///artifacts"), TrackingStore("http://host:5000")
    free = [store.takes_files_freely for store in (local, server)]
    assert [MlflowSpec().samples_at(files_are_free=each) for each in free] == ["rungs", "end"]
    assert MlflowSpec(samples="rungs").samples_at(files_are_free=False) == "rungs"


def test_searched_values_have_the_same_names_in_all_phases(tmp_path: Path) -> None:
    searched = ("width", "depth", "gan_weight", "first_layer_rank", "stage_widths.0", "stage_widths.1")
    context = context_of(tmp_path, searched=searched)
    job = Job(request=request_of({"width": 4, "depth": 1, "gan_weight": 0.0}), trial=1, point={"width": 4, "depth": 1})
    params = opening(job, context).params
    assert params["first_layer_rank"] == "0", "as the search writes a whole layer"
    assert (params["width"], params["stage_widths.0"], params["stage_widths.1"]) == ("4", "8", "4")


def test_a_description_that_a_person_wrote_is_left_alone(store_tracking: Tracking, new_sweep: Any) -> None:
    run_id = new_sweep().parent_run_id
    describe_run(store_tracking, run_id, text="first")
    describe_run(store_tracking, run_id, text="second")
    assert store_tracking.client.get_run(run_id).data.tags[NOTE] == "second"
    store_tracking.client.set_tag(run_id, NOTE, "mine")
    describe_run(store_tracking, run_id, text="third")
    assert store_tracking.client.get_run(run_id).data.tags[NOTE] == "mine"


def test_a_sweep_without_a_trial_says_what_it_asks(store_tracking: Tracking, new_sweep: Any, finished: Any) -> None:
    sweep = new_sweep()
    parent = store_tracking.client.get_run(sweep.parent_run_id)
    show_answer(
        store_tracking, parent, spec=finished.spec, findings=findings_of(finished.result.table[:0], finished.spec.limit)
    )
    text = store_tracking.client.get_run(sweep.parent_run_id).data.tags[NOTE]
    assert text.startswith("How small can a student on **digits** be? Nothing has been measured yet. Searched: width")


def test_a_spec_places_a_sweep_and_one_of_before_stays(
    tiny: dict[str, Any], spec_file: Any, store_tracking: Tracking, new_sweep: Any
) -> None:
    spec = sweeps.load_spec(spec_file({**tiny, "mlflow": {"experiment": "team/compression"}}))
    assert "mlflow" not in sweeps.load_spec(spec_file(tiny)).model_dump(), "so that what was stored is the same"
    placed = store_tracking.open_sweep("placed", {}, experiment=experiment_of(spec))
    assert store_tracking.client.get_experiment(placed.info.experiment_id).name == "team/compression"
    before = new_sweep()  # in the one experiment that there was
    again = store_tracking.open_sweep(before.name, {}, experiment=experiment_of(spec))
    assert again.info.run_id == before.parent_run_id
    known = Tracking(store_tracking.store)
    assert find_sweep(known, "placed").info.run_id == placed.info.run_id
    assert find_sweep(known, before.name).info.run_id == before.parent_run_id
    trial = known.open_trial(placed.info.run_id, "key", name="001", tags={})
    assert trial.info.experiment_id == placed.info.experiment_id


def test_a_sweep_in_a_deleted_experiment_is_not_begun_elsewhere(store_tracking: Tracking) -> None:
    client, run = store_tracking.client, store_tracking.open_sweep("gone", {}, experiment="gone")
    client.delete_experiment(run.info.experiment_id)
    try:
        with pytest.raises(SweepError, match=rf"restore --experiment-id {run.info.experiment_id}"):
            Tracking(store_tracking.store).require_one_run("gone")
    finally:
        client.restore_experiment(run.info.experiment_id)


@pytest.mark.parametrize("name", ["ganlimit-models", "../elsewhere", "a/b/c", ""])
def test_an_experiments_name_is_one(tiny: dict[str, Any], spec_file: Any, name: str) -> None:
    with pytest.raises(SweepError, match="experiment"):
        sweeps.load_spec(spec_file({**tiny, "mlflow": {"experiment": name}}))
