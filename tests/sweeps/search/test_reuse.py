"""Sweeps on the same teacher and protocol share finished trials; a trial whose run was deleted is done again."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import sweeps
from gan import default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.ledger.tags import PARENT
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.status import sweep_status
from sweeps.results.table import sweep_table
from sweeps.search.study_file import open_storage
from sweeps.site.site import ThisMachine
from tests.sweeps.trained_here import trained_here

ALLOWED = 2000  # parameters: the two given points have fewer
OWN = ["sweep", "trial", "phase", "wall_s"]  # what a row says of its place in a sweep


@pytest.fixture
def data_dir(finished: Any, tmp_path: Path) -> Path:
    """A data directory in which the tiny sweep was finished."""
    return Path(shutil.copytree(finished.data_dir, tmp_path / "data"))


@pytest.fixture
def another(tiny: dict[str, Any], spec_file: Any) -> sweeps.SweepSpec:
    """A second sweep over the same space with two trials of its own."""
    tiny |= {"name": "another", "phases": ["search"]}
    tiny["search"] |= {"trials": 2, "points": [], "constraints": {"max_parameters": ALLOWED}}
    return sweeps.load_spec(spec_file(tiny))


def rows(table: Any) -> dict[str, dict[str, Any]]:
    return {row["trial_key"]: row for row in table.to_pylist()}


@pytest.mark.usefixtures("without_figures")
def test_a_second_sweep_starts_from_what_the_first_found(
    finished: Any, data_dir: Path, another: sweeps.SweepSpec
) -> None:
    first, found = rows(finished.result.table), rows(trained_here(another, data_dir))
    searched = {key for key, row in first.items() if row["phase"] == "search" and row["parameters"] <= ALLOWED}
    beyond = {key for key, row in first.items() if row["parameters"] > ALLOWED}
    assert searched, "or there is nothing to start from"
    assert beyond, "one of them is larger than the second sweep allows"
    assert not beyond & found.keys()
    assert searched < found.keys(), "all of its searched students are rows of the second"
    assert len(found) == len(searched) + 2, "beside two of its own"
    for key in searched:
        assert found[key]["sweep"] == "another"
        assert {name: value for name, value in found[key].items() if name not in OWN} == {
            name: value for name, value in first[key].items() if name not in OWN
        }, "the run itself is the first sweep's"
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep("another")
    assert parent is not None
    assert len(list(tracking.each_trial(parent.info.run_id))) == 2, "no trial has a second run"
    study = open_storage(data_dir / "sweeps" / "another").get_all_trials(0)
    told = {tuple(trial.values) for trial in study if trial.values}
    assert {(first[key]["parameters"], first[key]["fid"]) for key in searched} <= told, "the study learned of them"
    again = sweeps.run_sweep(finished.spec, data_dir, workers=1)
    assert again.table.equals(finished.result.table), "the first is what it was when it finished"


def test_a_deleted_run_is_a_trial_to_be_done_again(finished: Any, data_dir: Path) -> None:
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep("tiny")
    assert parent is not None
    row = next(row for row in finished.result.table.to_pylist() if row["phase"] == "search")
    tracking.client.delete_run(row["run_id"])
    again = rows(trained_here(finished.spec, data_dir))
    assert again.keys() == rows(finished.result.table).keys()
    redone = again[row["trial_key"]]
    assert redone["run_id"] != row["run_id"]
    assert redone["fid"] == row["fid"], "a row depends on its identity alone"
    assert all(run.data.tags[PARENT] == parent.info.run_id for run in tracking.each_trial(parent.info.run_id))


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_one_file_runs_a_sweep_for_each_data_set_at_once(data_dir: Path, tiny: dict[str, Any], tmp_path: Path) -> None:
    del tiny["dataset"]
    shapes = {"teacher": {"width": 6}, "extractor": {"width": 8, "epochs": 3}}
    tiny |= {"name": "both", "phases": ["search"], "datasets": {"digits": {}, "shapes": shapes}}
    tiny["search"] |= {"trials": 2, "points": []}
    tiny["teacher"]["training"]["kimg"] = 1  # of any quality, and unlike the one that is there
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump(tiny))
    results = sweeps.run_sweeps(sweeps.load_specs(str(path)), data_dir, workers=2)
    tables = [result.table.to_pylist() for result in results]
    assert [table[0]["sweep"] for table in tables] == ["both-digits", "both-shapes"]
    assert [len(table) for table in tables] == [2, 2]
    assert tables[0][0]["teacher_digest"] != tables[1][0]["teacher_digest"]
    assert tables[0][0]["protocol_digest"] != tables[1][0]["protocol_digest"]


@pytest.mark.soak
def test_a_reproducible_search_asks_the_same_with_one_worker_as_with_three(
    finished: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    tiny |= {"name": "reproducible", "phases": ["search"]}
    tiny["search"] |= {"trials": 8, "points": [], "reproducible": True, "batch_size": 3}
    spec = sweeps.load_spec(spec_file(tiny))
    tables = []
    for workers in (1, 3):
        folder = shutil.copytree(finished.data_dir, tmp_path / str(workers))  # with its teacher
        tables.append(sweeps.run_sweep(spec, folder, workers=workers).table)
    one, three = (table.drop_columns(["run_id", "wall_s", "latency_ms"]).sort_by("trial") for table in tables)
    assert len(one) == 8
    assert one.equals(three), "spec and seed alone decide the whole table"


def asked_first(spec: sweeps.SweepSpec, data_dir: Path) -> PhaseLayout:
    """The phases of a new sweep, once its search is asked for the first time."""
    workspace = Workspace.existing(data_dir)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    sweep = open_sweep(spec, workspace, tracking=Tracking(workspace.store), display=QuietDisplay(), site=site)
    phases = PhaseLayout(sweep)
    phases.queue("search")
    return phases


def test_what_is_taken_over_is_in_the_store_before_the_first_trial(data_dir: Path, another: sweeps.SweepSpec) -> None:
    phases = asked_first(another, data_dir)
    assert phases.taken > 0
    assert sweep_table(Tracking(Workspace.existing(data_dir).store), "another").num_rows == phases.taken


def test_a_search_for_the_limit_begins_with_what_others_know_and_goes_on_by_itself(
    finished: Any, data_dir: Path, tiny: dict[str, Any], spec_file: Any, request: pytest.FixtureRequest
) -> None:
    tiny |= {"name": "limit", "phases": ["search", "confirm"]}
    tiny["search"] |= {"sampler": "limit", "trials": 4, "points": [], "confidence": 1.0}
    tiny["confirm"] = {"seeds": 1, "around": 1, "precision": 1.001, "most_seeds": 2}
    spec = sweeps.load_spec(spec_file(tiny))
    searched = {key for key, row in rows(finished.result.table).items() if row["phase"] == "search"}
    result = sweeps.run_sweep(spec, data_dir, workers=1)
    found = rows(result.table)
    assert searched < found.keys(), "rows of a sweep that never searched its seed"
    own = [row for row in found.values() if row["sweep"] == "limit" and row["trial_key"] not in searched]
    assert sum(row["phase"] == "search" for row in own) == 4
    fresh = {row["seed"] for row in own if row["phase"] == "confirm"}
    assert len(fresh) == 2, "one seed has no interval, so a second is taken"
    assert not fresh & set(spec.student_seeds)
    assert result.report.space is not None
    assert result.report.as_dict()["space_limit"]["trainings"] == len(searched) + len(own)
    assert (result.report.folder / "figures" / "space.png").exists()
    workspace = Workspace.existing(data_dir)
    status = sweep_status(Tracking(workspace.store), workspace, name="limit")
    assert "limit of the space" in status.line()
    assert status.as_dict()["space_limit"]["expected_trainings"] is None, "its confidence of 1 never ends it"
    request.getfixturevalue("without_figures")
    assert sweeps.run_sweep(spec, data_dir, workers=1).table.equals(result.table), "nothing is done twice"


def test_a_space_of_more_dimensions_knows_what_a_smaller_one_found(
    finished: Any, data_dir: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    searched = [row for row in finished.result.table.to_pylist() if row["phase"] == "search"]
    tiny |= {"name": "wider", "phases": ["search"]}
    tiny["search"]["points"] = []
    learning_rate = finished.spec.student.optimiser.learning_rate
    rates = {"type": "choice", "values": [9.0 * learning_rate, learning_rate]}
    tiny["search"]["space"] |= {
        "first_layer_rank": {"type": "choice", "values": [0, 1]},
        "student": {"optimiser.learning_rate": rates},
    }
    taken = asked_first(sweeps.load_spec(spec_file(tiny)), data_dir).taken
    assert taken == len({row["trial_key"] for row in searched})
    study = open_storage(data_dir / "sweeps" / "wider").get_all_trials(0)
    told = [trial.params for trial in study if trial.values]
    assert [params["first_layer_rank"] for params in told] == [0] * taken, "the study learned of them"
    assert {params["optimiser.learning_rate"] for params in told} == {learning_rate}
    rates["values"] = [9.0 * learning_rate]
    tiny["name"] = "elsewhere"
    assert asked_first(sweeps.load_spec(spec_file(tiny)), data_dir).taken == 0, "none had that learning rate"


def test_a_sweep_with_another_budget_takes_nothing(data_dir: Path, tiny: dict[str, Any], spec_file: Any) -> None:
    tiny |= {"name": "longer", "phases": ["search"]}
    tiny["student"]["kimg"] = 6
    assert asked_first(sweeps.load_spec(spec_file(tiny)), data_dir).taken == 0
