"""Paths in a specification mean the same wherever it goes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import gan
import sweeps
from sweeps.spec.file import portable_text
from sweeps.spec.places import with_absolute_paths


def test_every_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    data = {
        "dataset": {"path": "pictures"},
        "teacher": {"file": "~/teacher.pt", "weights": "/elsewhere/weights.safetensors", "critic": "critic"},
        "extractor": {"kind": "vgg16", "weights": "vgg.pth"},
        "evaluation": {"reference": {"file": "stats.npz", "by": "someone"}, "num_samples": 64},
        "datasets": {"cats": {"dataset": {"path": "cats"}}, "digits": None},
    }
    assert with_absolute_paths(data) == {
        "dataset": {"path": f"{tmp_path}/pictures"},
        "teacher": {
            "file": "/home/someone/teacher.pt",
            "weights": "/elsewhere/weights.safetensors",
            "critic": f"{tmp_path}/critic",
        },
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


PLACES: list[dict[str, Any]] = [
    {"dataset": {"path": "PATH", "image_size": 16, "image_channels": 1}},
    {"teacher": {"file": "PATH", "latent_size": 8, "output_range": [0.0, 1.0]}},
    {"teacher": {"factory": "a:b", "weights": "PATH", "latent_size": 8, "output_range": [0.0, 1.0]}},
    {"teacher": {"file": "/x.pt", "latent_size": 8, "output_range": [0.0, 1.0], "critic": "PATH"}},
    {"teacher": {"file": "/x.pt", "latent_size": 8, "output_range": [0.0, 1.0], "critic": {"folder": "PATH"}}},
    {
        "teacher": {
            **{"file": "/x.pt", "latent_size": 8, "output_range": [0.0, 1.0]},
            "critic": {"weights": "PATH", "network": {"width": 4}},
        }
    },
    {"extractor": {"kind": "vgg16", "weights": "PATH"}, "evaluation": {"num_samples": 8192}},
    {"extractor": {"file": "PATH", "image_size": 16, "image_channels": 1, "range": [0.0, 1.0], "features": 8}},
    {"evaluation": {"num_samples": 640, "reference": {"file": "PATH", "by": "someone"}}},
]


@pytest.mark.parametrize("path", ["", "a\0b", "~nobody-here/x"])
@pytest.mark.parametrize("changes", PLACES)
def test_a_path_that_cannot_be_is_one_mistake_of_its_key(
    path: str, changes: dict[str, Any], tiny: dict[str, Any], spec_file: Any
) -> None:
    changes = json.loads(json.dumps(changes).replace('"PATH"', json.dumps(path)))
    with pytest.raises(sweeps.SpecError) as caught:
        sweeps.load_spec(spec_file({**tiny, **changes}))
    (mistake,) = caught.value.mistakes
    assert re.match(
        r"line \d+: (dataset|teacher(\.critic)?|extractor|evaluation\.reference)\.(path|file|folder|weights): ", mistake
    )


@pytest.mark.parametrize("changes", PLACES)
def test_a_path_of_a_submission_is_a_place_on_the_nodes(
    changes: dict[str, Any], tiny: dict[str, Any], spec_file: Any
) -> None:
    def written(path: str) -> Path:
        made: Path = spec_file({**tiny, **json.loads(json.dumps(changes).replace("PATH", path))})
        return made

    assert "~/x" in portable_text(written("~/x")), "another home than here"
    (spec,) = sweeps.load_specs(written("~/x"), for_nodes=True)
    assert "~/x" in spec.model_dump_json()
    for read in (portable_text, lambda file: sweeps.load_specs(file, for_nodes=True)):
        with pytest.raises(sweeps.SpecError, match=r"line .* place on the nodes, got 'pics'\. Give an absolute path"):
            read(written("pics"))


def test_nothing_is_looked_up_here_for_a_submission(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
    tiny["dataset"] = {"path": str(tmp_path), "image_size": 16}
    with pytest.raises(sweeps.SpecError, match=r"dataset: a submission's images have .* got no image_channels\. Give"):
        sweeps.load_specs(spec_file(tiny), for_nodes=True)


def test_a_data_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = gan.DataRoot(Path("data"), inception_weights=Path("weights.pth"))
    assert (root.root, root.inception_weights) == (tmp_path / "data", tmp_path / "weights.pth")
    monkeypatch.setenv("GANLIMIT_DATA_ROOT", "other")
    assert gan.default_data_root().root == tmp_path / "other"
