"""What trials share: files of one machine, or one copy in the object store that all workers of a node read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from cluster import TrialNeed, ray_session
from gan import Compute, default_data_root
from sweeps.driver.tuning import placement_of
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import MaterialFiles, PackedMaterials, StoredMaterials
from sweeps.models.workshop import Workshop
from sweeps.spec.need import need_of


@pytest.fixture
def foundation(tmp_path: Path, finished: Any) -> Foundation:
    """That of a sweep that is finished: nothing is trained."""
    workspace = Workspace.existing(finished.data_dir)
    return lay_foundation(
        finished.spec, Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())
    )


def test_what_comes_out_of_the_object_store_is_what_went_in_and_no_copy(foundation: Foundation) -> None:
    import ray

    files, compute = foundation.materials, Compute()
    assert isinstance(files, MaterialFiles)
    expected = files.load(foundation.protocol, compute)
    with ray_session(num_cpus=1):
        stored = StoredMaterials(ray.put(PackedMaterials.of(files)))
        found = stored.load(foundation.protocol, compute)
        images, labels = found.dataset.train_images.numpy(), found.pool._images_NCHW
        assert not images.flags.owndata
        assert not labels.flags.owndata
        assert not labels.flags.writeable, "a view of the object store"
        again = stored.load(foundation.protocol, compute)
        assert np.shares_memory(again.pool._images_NCHW, found.pool._images_NCHW), "one copy for all"
        assert np.shares_memory(again.dataset.train_images.numpy(), images)
        found.pool.verify()
        found.dataset.verify()
        assert found.pool.digest == expected.pool.digest
        assert found.dataset.digest == expected.dataset.digest
        np.testing.assert_array_equal(found.reference.features_MF, expected.reference.features_MF)
        first, second = (materials.extractor.read(expected.dataset.train_images[:4]) for materials in (found, expected))
        np.testing.assert_array_equal(first[0].numpy(), second[0].numpy())


def test_a_trial_occupies_what_the_spec_says(tiny: dict[str, Any], spec_file: Any) -> None:
    resources = {"cpus_per_trial": 2, "gpus_per_trial": 0.25}
    cluster = {"labels": {"ray.io/accelerator-type": "H100"}, "resources": {"licence": 1}}
    spec = sweeps.load_spec(spec_file({**tiny, "resources": resources, "cluster": cluster}))
    need = need_of(spec)
    assert need == TrialNeed(
        cpus=2.0, gpus=0.25, resources={"licence": 1.0}, labels={"ray.io/accelerator-type": "H100"}
    )
    placement = placement_of(need)
    assert placement.required_resources == {"CPU": 2.0, "GPU": 0.25, "licence": 1.0}
    assert placement._bound.kwargs["bundle_label_selector"] == [{"ray.io/accelerator-type": "H100"}]
