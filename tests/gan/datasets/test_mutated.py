"""No damage of a data set's files ends in anything but the package's own error, and what is read is what it says."""

import random
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan import DataRoot, DatasetConfig, GanError, load_dataset
from tests.gan.datasets.kept import Kept, make_kept
from tests.gan.datasets.mutated import mutate
from tests.gan.datasets.originals import write_celeba, write_cifar10, write_mnist
from tests.gan.datasets.test_archives import stylegan_zip, write_zip

OWN = ("folder", "zip", "stylegan.zip", "samples.npz", "labelled.npz")
PAPERS = ("mnist", "cifar10", "celeba")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder of each data set as it should be, by its name."""
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        write_own(root, make_kept())
        write_mnist(root / "mnist")
        write_cifar10(root / "cifar10", patch)
        write_celeba(root / "celeba", patch)
        yield root


def write_own(root: Path, kept: Kept) -> None:
    members = dict(zip(kept.names, kept.files, strict=True))
    for name in OWN:
        (root / name).mkdir()
    for name, content in members.items():
        (root / "folder" / name).parent.mkdir(exist_ok=True)
        (root / "folder" / name).write_bytes(content)
    write_zip(root / "zip" / "data.zip", members)
    stylegan_zip(root / "stylegan.zip" / "data.zip", kept, kept.labels)
    np.savez(root / "samples.npz" / "data.npz", kept.pixels)
    np.savez_compressed(root / "labelled.npz" / "data.npz", kept.pixels, np.array(kept.labels))


def read(name: str, folder: Path, root: Path) -> None:
    """Reads a data set in full, or raises a GanError of one message."""
    if name in PAPERS:
        config, root = DatasetConfig(name=name), folder
    else:
        files = [path for path in folder.iterdir() if path.suffix in (".zip", ".npz")]
        config = DatasetConfig(name="pets", path=str(folder if name == "folder" or not files else files[0]))
    dataset = load_dataset(config, DataRoot(root, download=False))
    dataset.verify()
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.held_out_images, dataset.held_out_labels),
    ):
        assert len(images) == len(labels)
        assert not len(labels) or 0 <= int(labels.min()) <= int(labels.max()) < dataset.num_classes
    assert len(dataset.train_images)
    assert len(dataset.held_out_images)


def read_mutated(seed: int, whole: Path, place: Path) -> None:
    random_ = random.Random(seed)
    name = random_.choice(OWN + PAPERS)
    folder = place / "data"
    for used in (folder, place / "root"):
        shutil.rmtree(used, ignore_errors=True)
    shutil.copytree(whole / name, folder)
    mutate(random_, folder)
    refused = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read(name, folder, place / "root")
        except GanError:
            refused = True
    assert not refused or not list(place.glob("*/decoded/*.arrow")), "nothing is kept of what was refused"


@pytest.mark.parametrize("name", OWN + PAPERS)
def test_the_whole_one_is_read(name: str, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / name, tmp_path / "data")
    read(name, tmp_path / "data", tmp_path / "root")


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.soak)])
def test_a_mutated_one_is_read_or_refused(count: int, whole: Path, tmp_path: Path) -> None:
    @settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        read_mutated(seed, whole, tmp_path)

    check()
