"""Registered generators as anyone who has MLflow would load them."""

from typing import Any

import mlflow
import pytest
import torch
from mlflow.models import get_model_info

import analysis
from gan import load_generator


@pytest.fixture
def uri(finished: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    uri: str = finished.tracking.store.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # mlflow.set_tracking_uri would stay in the environment
    return uri


def test_the_champion_loads_and_makes_the_same_images_in_batches_of_any_size(finished: Any, uri: str) -> None:
    model = mlflow.pytorch.load_model("models:/digits-teacher@champion")
    tracking = finished.tracking
    generator, _ = load_generator(tracking.registry.fetch(tracking.registry.champion("digits-teacher")))
    for batch in (1, 3, 17):
        latents = torch.randn(batch, generator.config.latent_size)
        torch.testing.assert_close(model(latents), generator(latents))


def test_it_says_what_goes_in_and_comes_out_and_holds_no_pickle_of_code(finished: Any, uri: str) -> None:
    info = get_model_info("models:/digits-teacher@champion")
    assert [tuple(spec.shape) for spec in info.signature.inputs.inputs] == [(-1, 16)]
    assert [tuple(spec.shape) for spec in info.signature.outputs.inputs] == [(-1, 1, 16, 16)]
    assert info.saved_input_example_info is not None
    folder = finished.tracking.registry.fetch(finished.tracking.registry.champion("digits-teacher"))
    torch.export.load(folder / "data" / "model.pt2")
    assert not list(folder.rglob("*.pkl")) + list(folder.rglob("*.pth"))


def test_every_student_on_the_frontier_is_a_version_by_its_trial(finished: Any, uri: str) -> None:
    frontier = analysis.pareto_frontier(finished.result.table).to_pylist()
    versions = {version.run_id: version for version in finished.tracking.registry.versions("tiny-students")}
    assert set(versions) == {row["run_id"] for row in frontier}
    for row in frontier:
        model = mlflow.pytorch.load_model(f"models:/tiny-students@trial-{row['trial']}")
        assert sum(parameter.numel() for parameter in model.parameters()) == row["parameters"]


def test_the_champion_among_students_is_the_one_at_the_limit(finished: Any) -> None:
    champion, limit = finished.tracking.registry.champion("tiny-students"), finished.result.report.limit
    if limit.trial is None:
        assert champion is None
    else:
        assert champion.tags["parameters"] == str(limit.student_parameters)
