"""A sweep whose FIDs are against published statistics of real images."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from gan import ArtifactError, FeatureExtractor, GanError, RealReference, load_dataset
from gan.datasets import default_data_root
from gan.extractors.features import extract
from gan.measuring.metrics import FeatureStatistics, fid
from sweeps.errors import SpecError, SweepError
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import Extractor, find_or_make_extractor
from sweeps.models.references import find_or_make_reference
from sweeps.models.workshop import Workshop
from tests.sweeps.conftest import Finished

BY = "someone, on half of the digits"


@pytest.fixture(scope="module")
def workshop(finished: Finished) -> Workshop:
    workspace = Workspace.existing(finished.data_dir)
    return Workshop(workspace=workspace, tracking=Tracking(workspace.store), data_root=default_data_root())


@pytest.fixture(scope="module")
def own(finished: Finished, workshop: Workshop) -> Extractor:
    return find_or_make_extractor(finished.spec, load_dataset("digits"), workshop=workshop)


def against(tiny: dict[str, Any], spec_file: Any, *, file: Path, by: str = BY, **changes: Any) -> sweeps.SweepSpec:
    tiny["evaluation"] |= {"reference": {"file": str(file), "by": by}}
    return sweeps.load_spec(spec_file({**tiny, **changes}))


def test_a_sweep_is_measured_against_what_is_published_and_says_whose_it_is(
    tiny: dict[str, Any], spec_file: Any, own: Extractor, workshop: Workshop, tmp_path: Path
) -> None:
    digits = load_dataset("digits")
    network: FeatureExtractor = own.evaluator._extractor
    half = FeatureStatistics.of(extract(network, digits.train_images[::2])[0])
    np.savez_compressed(tmp_path / "stats.npz", mu=half.mean, sigma=half.covariance)
    spec = against(tiny, spec_file, file=tmp_path / "stats.npz")
    found = find_or_make_extractor(spec, digits, workshop=workshop)
    held_out = FeatureStatistics.of(extract(network, digits.held_out_images)[0])
    assert found.real.fid == pytest.approx(fid(half, held_out))
    assert found.real.fid != own.real.fid
    assert found.version == f"{own.version} against {BY}"
    assert found.protocol.reference_by == BY
    assert found.protocol.digest != own.protocol.digest
    assert found.files.model == own.files.model
    other = find_or_make_extractor(
        against(tiny, spec_file, file=tmp_path / "stats.npz", by="us"), digits, workshop=workshop
    )
    assert other.files == found.files
    assert other.protocol.digest != found.protocol.digest


def test_few_images_are_examined_against_published_statistics_and_never_the_reference_of_a_fid(
    own: Extractor, workshop: Workshop
) -> None:
    network, digits = own.evaluator._extractor, load_dataset("digits")
    count = 2 * network.num_features - 1
    few = replace(
        digits, train_images=digits.train_images[:count], train_labels=digits.train_labels[:count], digest="few"
    )
    reference_of = partial(find_or_make_reference, network, few, digest="e", published=None, workshop=workshop)
    assert RealReference.load(reference_of(few=True)).statistics.count == count
    with pytest.raises(GanError, match=rf"real images .*, got {count}\. Use more images, or an extractor"):
        reference_of()


def test_statistics_that_do_not_fit_are_refused_before_anything_is_trained(
    tiny: dict[str, Any], spec_file: Any, workshop: Workshop, tmp_path: Path
) -> None:
    before = len(workshop.tracking.client.search_model_versions())
    np.savez(tmp_path / "stats.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    spec = against(tiny, spec_file, file=tmp_path / "stats.npz", extractor={"features": 32, "epochs": 1})
    with pytest.raises(SweepError, match=r"the extractor's 32 features, got 2048 in .*stats\.npz"):
        find_or_make_extractor(spec, load_dataset("digits"), workshop=workshop)
    (tmp_path / "stats.npz").unlink()
    with pytest.raises(ArtifactError, match=r"stats\.npz \(No such file"):
        find_or_make_extractor(spec, load_dataset("digits"), workshop=workshop)
    assert len(workshop.tracking.client.search_model_versions()) == before


@pytest.mark.parametrize(
    ("reference", "changes", "expected"),
    [
        ({"file": "stats.npz"}, {}, r"evaluation\.reference\.by: is required"),
        ({"file": "stats.npz", "by": ""}, {}, r"evaluation\.reference\.by: "),
        ({"by": "someone"}, {}, r"evaluation\.reference\.file: is required"),
        (
            {"file": "s.npz", "by": "us"},
            {"limit": {"metric": "kid", "threshold": 0.1}},
            "no samples .* limit.metric kid",
        ),
    ],
)
def test_a_reference_has_a_file_and_says_whose_it_is(
    reference: dict[str, str], changes: dict[str, Any], expected: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    tiny["evaluation"] |= {"reference": reference}
    with pytest.raises(SpecError, match=expected):
        sweeps.load_spec(spec_file({**tiny, **changes}))
