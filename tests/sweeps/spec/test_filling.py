"""Paths in a specification mean the same wherever it goes."""

from pathlib import Path

import pytest
import yaml

import gan
import sweeps
from sweeps.spec.file import portable_text
from sweeps.spec.filling import with_absolute_paths


def test_every_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    data = {
        "dataset": {"path": "pictures"},
        "teacher": {"file": "~/teacher.pt", "weights": "/elsewhere/weights.safetensors"},
        "extractor": {"kind": "vgg16", "weights": "vgg.pth"},
        "evaluation": {"reference": {"file": "stats.npz", "by": "someone"}, "num_samples": 64},
        "datasets": {"cats": {"dataset": {"path": "cats"}}, "digits": None},
    }
    assert with_absolute_paths(data) == {
        "dataset": {"path": f"{tmp_path}/pictures"},
        "teacher": {"file": "/home/someone/teacher.pt", "weights": "/elsewhere/weights.safetensors"},
        "extractor": {"kind": "vgg16", "weights": f"{tmp_path}/vgg.pth"},
        "evaluation": {"reference": {"file": f"{tmp_path}/stats.npz", "by": "someone"}, "num_samples": 64},
        "datasets": {"cats": {"dataset": {"path": f"{tmp_path}/cats"}}, "digits": None},
    }
    assert data["dataset"] == {"path": "pictures"}, "what was given stays as it is"


@pytest.mark.parametrize(
    "data", [{}, {"dataset": "digits"}, {"dataset": {"path": 3}}, {"teacher": None, "datasets": []}]
)
def test_what_is_no_path_is_left_to_the_validation(data: dict[str, object]) -> None:
    assert with_absolute_paths(data) == data


def test_a_spec_and_its_copy_for_a_cluster_name_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load(portable_text("digits"))
    content["dataset"] = {"name": "folder", "path": "pictures", "image_size": 16, "image_channels": 1}
    Path("mine.yaml").write_text(yaml.safe_dump(content))
    Path("copy").mkdir()
    Path("copy/mine.yaml").write_text(portable_text("mine.yaml"))
    here = sweeps.load_spec("mine.yaml")
    monkeypatch.chdir(tmp_path / "copy")
    there = sweeps.load_spec("mine.yaml")
    assert here == there
    assert there.dataset.path == f"{tmp_path}/pictures"


def test_a_data_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = gan.DataRoot(Path("data"), inception_weights=Path("weights.pth"))
    assert (root.root, root.inception_weights) == (tmp_path / "data", tmp_path / "weights.pth")
    monkeypatch.setenv("GANLIMIT_DATA_ROOT", "other")
    assert gan.default_data_root().root == tmp_path / "other"
