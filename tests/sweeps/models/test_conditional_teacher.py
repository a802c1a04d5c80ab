"""A person's way with images and a generator of their own: written, shortened, run, and the limit read."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import mlflow
import pytest
import torch

import sweeps
from gan import DatasetConfig, load_any_generator, load_dataset
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials
from tests.gan.networks.own_generators import ByIndex, scripted
from tests.sweeps.trained_here import trained_here

# Sizes, and what so few pictures ask for: nothing else of what `init` wrote is touched.
SHORTER = (
    ("pool_size: 32768", "pool_size: 128"),
    ("kimg: 40", "kimg: 0.4"),
    ("warmup_kimg: 2,", "warmup_kimg: 0,"),
    ("trials: 60", "trials: 1"),
    ("num_samples: 2048", "num_samples: 128\n  examination: mark"),  # 30 held-out pictures are few for it
    ("rungs_kimg: [10, 20]", "rungs_kimg: []"),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scripted(tmp_path_factory.mktemp("own") / "own.pt", ByIndex(size=28))


def pictures(folder: Path) -> Path:
    """Writes 300 pictures of 28x28 without classes."""
    images = load_dataset(DatasetConfig(name="digits", image_size=28)).train_images[:300]
    folder.mkdir()
    for number, image_CHW in enumerate(images):
        cv2.imwrite(str(folder / f"{number:03}.png"), image_CHW[0].numpy())
    return folder


@pytest.mark.slow
def test_images_and_a_generator_are_all_that_a_limit_takes(
    own: Path, ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, data_dir = tmp_path / "mine.yaml", tmp_path / "data"
    assert ganlimit("sweep", "init", file, "--data", pictures(tmp_path / "2024"), "--teacher", own).code == 0
    text = file.read_text()
    for before, after in SHORTER:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    answer = ganlimit("sweep", "run", file, "--data-dir", data_dir, "--workers", "1", "-q", "--json")
    assert answer.code == 0, answer.stderr
    sentence = json.loads(answer.stdout)["limit"]["sentence"]
    assert re.search(r"On 2024 (the limit|no size).* the rule, FID at most .*2 fresh seeds", sentence), sentence
    pages = list(data_dir.glob("**/report.html"))
    assert pages
    assert all("the rule, FID at most" in page.read_text() for page in pages)
    workspace = Workspace.existing(data_dir)
    tracking = Tracking(workspace.store)
    rows = read_trials(tracking, workspace, name="2024").table.to_pylist()
    assert {(row["phase"], row["mode"], row["state"]) for row in rows} == {
        ("search", "distilled", "COMPLETED"),
        ("confirm", "distilled", "COMPLETED"),
        ("baseline", "scratch", "COMPLETED"),
    }
    # 6 latents and 10 classes to a first map of 7x7 with 4 channels, 4 to 2, and 2 to 1; BatchNorm on both.
    assert {row["parameters"] for row in rows} == {16 * 4 * 49 + 4 * 2 * 16 + 2 * 16 + 2 * (4 + 2)}
    assert {row["inception_score"] for row in rows} == {None}
    assert all("classes" in json.loads(row["absent"])["inception_score"] for row in rows)
    _require_conditional(next(row for row in rows if row["trial"] == 1), workspace, monkeypatch=monkeypatch)
    shown = json.loads(ganlimit("teacher", "show", "2024-imported-teacher", "--data-dir", data_dir).stdout)
    assert shown["imported"]["labels"] == {"classes": 10, "as": "index"}
    assert shown["shape"]["num_classes"] == 10
    grid = tmp_path / "grid.png"
    assert ganlimit("sample", "2024-imported-teacher", "--data-dir", data_dir, "--out", grid).code == 0
    assert cv2.imread(str(grid)) is not None


def _require_conditional(row: dict[str, Any], workspace: Workspace, *, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asserts that a student takes classes, where it is kept and as a model of MLflow's."""
    folder = Tracking(workspace.store).registry.model_folder(row["run_id"])
    assert folder is not None
    generator, _ = load_any_generator(folder)
    assert generator.config.num_classes == 10
    monkeypatch.setenv("MLFLOW_TRACKING_URI", workspace.store.uri)
    model = mlflow.pytorch.load_model("models:/2024-students@trial-1")
    inputs = generator.config.inputs(3, seed=0)
    torch.testing.assert_close(model(inputs), generator(inputs))


@pytest.mark.slow
def test_the_fid_of_each_class_goes_from_the_spec_into_the_rows(
    tmp_path: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    file = scripted(tmp_path / "own.pt", ByIndex())
    tiny["extractor"] |= {"features": 8}
    labels = {"classes": 10, "as": "index"}
    tiny["teacher"] = {"file": str(file), "latent_size": 6, "labels": labels, "output": 1, "pool_size": 64}
    tiny["evaluation"] = {"num_samples": 512, "inception_splits": 2, "fid_per_class": True}
    tiny["student"], tiny["baseline"] = {"kimg": 0.1}, {"kimg": 0.1}
    tiny["search"] = {"trials": 1, "sampler": "grid", "space": {"width": 1}}
    rows = trained_here(sweeps.load_spec(spec_file(tiny)), tmp_path / "data").to_pylist()
    assert {row["mode"] for row in rows} == {"distilled", "scratch"}
    for row in rows:
        of_classes = json.loads(row["fid_per_class"])
        assert list(of_classes) == [str(label) for label in range(10)]
        assert min(of_classes.values()) > 0
        assert len(set(of_classes.values())) == 10


def test_what_is_seen_of_one_is_a_teacher_to_paste(own: Path, ganlimit: Any, tmp_path: Path) -> None:
    answer = ganlimit("teacher", "inspect", own, "--out", tmp_path / "grid.png")
    assert (answer.code, answer.stderr) == (0, "")
    assert cv2.imread(str(tmp_path / "grid.png")).shape[0] > 8 * 28
    assert "index" in answer.stdout
    assert "28 pixels square, grey" in answer.stdout
    _, _, block = answer.stdout.partition("teacher:\n")
    for line in (
        f"file: {own}",
        "latent_size: 6",
        "labels: {classes: 10, as: index}",
        "output: 1",
        "output_range: [-1.0, 1.0]",
    ):
        assert line in block
    changed = ganlimit("teacher", "inspect", own, "--with", "labels={classes: 4, as: index}", "--json")
    assert json.loads(changed.stdout)["teacher"]["labels"]["classes"] == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "by file, or by factory and weights"),
        (("--with", "labels=[1"), "--with is KEY=VALUE"),
        (("--with", "lables={classes: 3}"), "Its keys are file, factory"),
        (("--latent-size", "9"), "it takes 6"),
    ],
)
def test_a_mistake_is_one_error(own: Path, ganlimit: Any, arguments: tuple[str, ...], expected: str) -> None:
    file = [own] if arguments else []
    answer = ganlimit("teacher", "inspect", *file, *arguments)
    assert answer.code == 2
    assert expected in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""
