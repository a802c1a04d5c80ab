"""An examination that was kept is taken only where it is of the same version, data set and extractor, and whole."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan import RealReference, default_data_root, load_dataset
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.examining import find_or_make_examination
from sweeps.models.workshop import Workshop


class Quarters:
    """An extractor whose features are means of quarters."""

    device = torch.device("cpu")
    num_features = 4

    def read(self, images_BCHW: Tensor) -> tuple[Tensor, None]:
        return torch.nn.functional.adaptive_avg_pool2d(images_BCHW.float(), 2).flatten(1), None


def test_what_was_kept_of_something_else_is_examined_again(
    tmp_path: Path, store: Workspace, store_tracking: Tracking
) -> None:
    dataset, reference = load_dataset("digits"), tmp_path / "reference.safetensors"
    RealReference.of(Quarters(), dataset).save(reference)
    place: dict[str, Any] = {
        "digest": "e",
        "reference": reference,
        "workshop": Workshop(workspace=store, tracking=store_tracking, data_root=default_data_root()),
    }
    made = find_or_make_examination(Quarters(), dataset, **place)
    (kept,) = tmp_path.glob("*.examination.json")
    whole = json.loads(kept.read_text())
    of_before = [{name: value for name, value in level.items() if name != "floor"} for level in whole["levels"]]
    for change in (
        {"version": 1, "levels": of_before},
        {"dataset_digest": "d"},
        {"extractor_digest": "f"},
        {"levels": whole["levels"][:4]},
    ):
        kept.write_text(json.dumps({**whole, **change}))
        assert find_or_make_examination(Quarters(), dataset, **place) == made
        assert json.loads(kept.read_text()) == whole
    told = [{**level, "rise": 9.0} for level in whole["levels"]]
    kept.write_text(json.dumps({**whole, "levels": told}))
    assert find_or_make_examination(Quarters(), dataset, **place).levels[0].rise == 9.0, "what is whole is not repeated"
