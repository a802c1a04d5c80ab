"""What a person does on MLflow's page between two commands is mended, or refused with what to do."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

import sweeps
from sweeps.errors import SweepError
from sweeps.ledger.store import SWEEPS_EXPERIMENT
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import EXPERIMENT, EXPERIMENT_KIND, KIND, LOGGED_MODEL, SWEEP
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.pictures import teacher_folder
from sweeps.results.reading import read_trials


@pytest.fixture
def experiment(store_tracking: Tracking) -> Iterator[str]:
    """The id of the sweeps' experiment, which is as it was afterwards."""
    client, found = store_tracking.client, store_tracking.experiments.place(SWEEPS_EXPERIMENT)
    yield found
    if client.get_experiment(found).lifecycle_stage != "active":
        client.restore_experiment(found)
    client.rename_experiment(found, SWEEPS_EXPERIMENT)


def test_a_renamed_experiment_is_the_same(store: Workspace, new_sweep: Any, experiment: str) -> None:
    sweep = new_sweep()
    sweep.tracking.client.rename_experiment(experiment, "my students")
    again = Tracking(store.store)
    assert find_sweep(again, sweep.name).info.run_id == sweep.parent_run_id
    assert again.client.get_experiment_by_name(SWEEPS_EXPERIMENT) is None, "none is made beside it"


def test_one_of_before_experiments_had_a_tag_is_known_by_its_place(
    store: Workspace, new_sweep: Any, experiment: str
) -> None:
    sweep = new_sweep()
    sweep.tracking.client.set_experiment_tag(experiment, EXPERIMENT, "")
    sweep.tracking.client.rename_experiment(experiment, "my students")
    assert find_sweep(Tracking(store.store), sweep.name).info.run_id == sweep.parent_run_id


@pytest.mark.parametrize("name", [SWEEPS_EXPERIMENT, "my students"])
def test_a_deleted_experiment_is_restored_by_the_command_that_is_named(
    store: Workspace, store_tracking: Tracking, experiment: str, new_sweep: Any, name: str
) -> None:
    sweep = new_sweep()
    store_tracking.client.set_experiment_tag(experiment, EXPERIMENT, SWEEPS_EXPERIMENT)
    store_tracking.client.rename_experiment(experiment, name)
    store_tracking.client.delete_experiment(experiment)
    tracking = Tracking(store.store)  # what is in others goes on
    for look in (tracking.require_one_run, lambda _: tracking.experiments.place(SWEEPS_EXPERIMENT)):
        with pytest.raises(SweepError, match=rf"mlflow experiments restore --experiment-id {experiment}.*mlflow\.db"):
            look(sweep.name)
    tracking.require_one_run("another")
    store_tracking.client.restore_experiment(experiment)
    assert find_sweep(Tracking(store.store), sweep.name).info.run_id == sweep.parent_run_id


def test_a_deleted_one_of_before_experiments_had_a_tag_hides_no_sweep(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path)
    client = Tracking(workspace.store).client
    before = client.create_experiment(SWEEPS_EXPERIMENT)
    client.create_run(before, tags={KIND: "sweep", SWEEP: "s"})
    client.delete_experiment(before)
    with pytest.raises(SweepError, match=f"restore --experiment-id {before}"):
        Tracking(workspace.store).require_one_run("s")


def test_a_sweep_is_placed_only_where_it_is_found_again(
    store: Workspace, store_tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    found = store_tracking.client.create_experiment("of others")
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_experiment_tag", refused)
        with pytest.raises(SweepError, match=r"its refusal: .*Permission denied.*Choose another with mlflow\.exp"):
            Tracking(store.store).open_sweep("placed", {}, experiment="of others")
    assert not store_tracking.client.search_runs([found])
    placed = store_tracking.open_sweep("placed", {}, experiment="of others")
    assert find_sweep(Tracking(store.store), "placed").info.run_id == placed.info.run_id


@pytest.mark.parametrize("kind", ["genai_development", "genai_development_inferred"])
def test_a_sweep_is_not_placed_among_traces(store_tracking: Tracking, kind: str) -> None:
    found = store_tracking.client.create_experiment(f"chats {kind}", tags={EXPERIMENT_KIND: kind})
    with pytest.raises(SweepError, match=rf"experiment chats {kind} .*, got one of traces of language models\. Choose"):
        store_tracking.experiments.place(f"chats {kind}")
    assert EXPERIMENT not in store_tracking.client.get_experiment(found).tags


def test_a_sweep_is_not_placed_among_models_whatever_they_are_called(tmp_path: Path) -> None:
    tracking = Tracking(Workspace.open(tmp_path).store)
    tracking.client.rename_experiment(tracking.experiments.models, "compression")
    with pytest.raises(SweepError, match=r"The experiment compression .*, got one of models\. Choose"):
        Tracking(tracking.store).experiments.place("compression")


def test_a_sweep_whose_run_is_deleted_is_not_begun_beside_it(new_sweep: Any) -> None:
    sweep = new_sweep()
    client, tracking = sweep.tracking.client, sweep.tracking
    client.delete_run(sweep.parent_run_id)
    for look in (tracking.require_one_run, lambda name: find_sweep(tracking, name)):
        with pytest.raises(SweepError, match=rf"a deleted one, {sweep.parent_run_id}\. Restore it on MLflow's page"):
            look(sweep.name)
    other = tracking.open_sweep(sweep.name, {}).info.run_id  # as earlier versions began one
    client.restore_run(sweep.parent_run_id)
    with pytest.raises(SweepError, match=rf"one run in MLflow, got {other} and {sweep.parent_run_id}"):
        tracking.require_one_run(sweep.name)
    client.delete_run(other)
    tracking.require_one_run(sweep.name)


def test_a_restored_trial_is_one_row(store: Workspace, new_sweep: Any) -> None:
    sweep = new_sweep()
    first, _ = sweep.finished(2)
    sweep.deliver_all()
    client = sweep.tracking.client
    client.delete_run(first)
    sweep.open(sweep.folders[0], 1)  # it is done again, in a run of its own
    sweep.end(sweep.folders[0])
    client.restore_run(first)
    keys = read_trials(sweep.tracking, store, name=sweep.name).table["trial_key"].to_pylist()
    assert len(keys) == len(set(keys)) == 2


def renamed(client: MlflowClient) -> None:
    client.rename_registered_model("digits-teacher", "my-own-teacher")
    client.rename_registered_model("digits-classifier", "ruler")


def version_deleted(client: MlflowClient) -> None:
    client.delete_model_version("digits-teacher", "1")
    client.delete_registered_model_alias("digits-teacher", "champion")


def model_deleted(client: MlflowClient) -> None:
    for model in ("digits-teacher", "digits-classifier", "tiny-students"):
        client.delete_registered_model(model)


HANDS = {renamed: "my-own-teacher/1", version_deleted: "digits-teacher/2", model_deleted: "digits-teacher/1"}


@pytest.mark.parametrize("hands", HANDS)
def test_no_model_is_made_again_while_the_first_is_there(
    hands: Callable[[MlflowClient], None], finished: Any, tmp_path: Path
) -> None:
    data_dir = Path(shutil.copytree(finished.data_dir, tmp_path / "data"))
    tracking = Tracking(Workspace.existing(data_dir).store)
    (before,) = tracking.registry.versions("digits-teacher")
    made = set((data_dir / "artifacts" / "ganlimit-models").iterdir())
    hands(tracking.client)
    name = HANDS[hands]
    assert sweeps.train_teacher(finished.spec, data_dir).version == name
    assert set((data_dir / "artifacts" / "ganlimit-models").iterdir()) == made
    model, _, number = name.partition("/")
    after, champion = tracking.registry.version(model, number), tracking.registry.champion(model)
    assert after is not None
    assert champion is not None
    # What MLflow's own page shows of a version is made anew when a sweep uses it.
    told = {name: value for name, value in before.tags.items() if not name.startswith(LOGGED_MODEL)}
    assert (told.items() <= after.tags.items(), str(champion.version)) == (True, number)
    row = finished.result.table.to_pylist()[0]
    assert teacher_folder(tracking, row) == tracking.registry.fetch(after), "reports find it by its weights"
