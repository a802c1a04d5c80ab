"""What a sweep measures with is found or made before its teacher, or refused before anything is trained."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sweeps
from gan import Compute, GanError, default_data_root, load_dataset
from sweeps.errors import SweepError
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import find_or_make_extractor, load_network
from sweeps.models.materials import PackedMaterials
from sweeps.models.workshop import Workshop

FEATURES = 4
# Means of quarters see no blur: the network fails its examination, and is taken all the same.
MARKED = {"num_samples": 256, "inception_splits": 2, "rungs_kimg": [2], "examination": "mark"}


class Net(nn.Module):
    """Maps an image to means of its quarters."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


@pytest.fixture(scope="module")
def workshop(store: Workspace, store_tracking: Tracking) -> Workshop:
    return Workshop(workspace=store, tracking=store_tracking, data_root=default_data_root())


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A network of the user's own, as a specification names it."""
    path = tmp_path / "net.pt"
    torch.jit.script(Net()).save(path)
    return {"file": str(path), "image_size": 32, "image_channels": 1, "range": [0, 1], "features": FEATURES}


def test_a_network_of_ones_own_is_kept_as_it_was_and_workers_find_it(
    own: dict[str, Any], tiny: dict[str, Any], spec_file: Any, workshop: Workshop
) -> None:
    spec = sweeps.load_spec(spec_file({**tiny, "extractor": own, "evaluation": MARKED}))
    dataset = load_dataset(spec.dataset)
    extractor = find_or_make_extractor(spec, dataset, workshop=workshop)
    assert extractor.protocol.extractor == "own"
    assert extractor.version == f"own/{extractor.protocol.extractor_digest[:8]}"
    again = find_or_make_extractor(spec, dataset, workshop=workshop)
    assert (again.protocol, again.files) == (extractor.protocol, extractor.files)
    Path(own["file"]).unlink()
    images = dataset.held_out_images[:4]
    network = load_network(extractor.protocol, extractor.files.model, compute=Compute())
    expected = nn.functional.adaptive_avg_pool2d(images / 255, 2).flatten(1)
    torch.testing.assert_close(network.read(images)[0], expected, atol=0.02, rtol=0)
    packed = {part.name: part.read_bytes() for part in extractor.files.model.iterdir()}
    shelf: Any = None
    materials = PackedMaterials(dataset=dataset, extractor=packed, reference=shelf, pool=shelf, agreement=shelf)
    with materials.extractor_path() as path:
        sent = load_network(extractor.protocol, path, compute=Compute())
    assert torch.equal(sent.read(images)[0], network.read(images)[0])


def test_a_worker_refuses_another_extractor(
    own: dict[str, Any], tiny: dict[str, Any], spec_file: Any, workshop: Workshop
) -> None:
    one, other = (
        find_or_make_extractor(spec, load_dataset(spec.dataset), workshop=workshop)
        for spec in (
            sweeps.load_spec(spec_file({**tiny, "extractor": {**own, "range": ends}, "evaluation": MARKED}))
            for ends in ([0, 1], [0, 2])
        )
    )
    with pytest.raises(SweepError, match="The protocol's extractor has the digest"):
        load_network(one.protocol, other.files.model, compute=Compute())


def test_a_classifier_that_learnt_nothing_is_refused_and_not_registered(
    tiny: dict[str, Any], spec_file: Any, workshop: Workshop
) -> None:
    spec = sweeps.load_spec(spec_file({**tiny, "extractor": {"epochs": 1, "width": 4, "learning_rate": 1e-7}}))
    before = len(workshop.tracking.client.search_model_versions("name='digits-classifier'"))
    with pytest.raises(GanError, match=r"mistakes of chance \(11\.7%\).*of 359 images in 10 classes"):
        find_or_make_extractor(spec, load_dataset(spec.dataset), workshop=workshop)
    assert len(workshop.tracking.client.search_model_versions("name='digits-classifier'")) == before


@pytest.mark.parametrize("kind", ["dinov2-vit-s-14", "clip-vit-b-32"])
def test_missing_weights_are_one_error_before_anything_is_trained(
    kind: str, tiny: dict[str, Any], spec_file: Any, ganlimit: Any, store: Workspace
) -> None:
    tiny["extractor"], tiny["evaluation"]["num_samples"] = {"kind": kind, "weights": "absent.pt"}, 2048
    answer = ganlimit("sweep", "run", spec_file(tiny), "--data-dir", store.root, "--no-download", "-q")
    assert answer.code == 2
    assert f"The weights of {kind} are the file " in answer.stderr
    assert "absent.pt (no file)" in answer.stderr
    assert "Traceback" not in answer.stderr
    other = ganlimit(
        *("sweep", "run", spec_file(tiny), "--data-dir", store.root, "-q", "--extractor-weights", "/other.pt")
    )
    assert (other.code, "/other.pt (no file)" in other.stderr) == (2, True), "the option goes before the file"


def test_a_flat_folder_has_no_classes_to_classify(
    tiny: dict[str, Any], spec_file: Any, ganlimit: Any, store: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    for number in range(80):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), random.integers(0, 256, (16, 16), dtype=np.uint8))
    tiny["dataset"] = {"path": str(tmp_path / "pictures"), "image_size": 16, "image_channels": 1}
    tiny["extractor"] = "classifier"
    answer = ganlimit("sweep", "run", spec_file(tiny), "--data-dir", store.root, "-q")
    assert answer.code == 2
    assert "at least 2 classes, got 1 class, 64 training images" in answer.stderr
    assert "extractor: selfsupervised or inception" in answer.stderr
