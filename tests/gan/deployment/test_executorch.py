"""An ExecuTorch program makes the images of what it was made of; more than its largest batch are drawn in pieces."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch

from gan import ArtifactError, Generator, deploy_generator, load_deployed
from gan.deployment.card import LARGEST_BATCH
from gan.deployment.formats import FORMS
from tests.gan.deployment.conftest import ARCHITECTURES, ORIGIN, SIZES, trained
from tests.gan.deployment.test_exporting import own_of, own_program  # noqa: F401 - a fixture

pytest.importorskip("executorch.runtime", reason="the extra executorch has it")


@pytest.fixture(scope="module")
def exported(small: Generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "export"
    deploy_generator(folder, small, origin=ORIGIN, form="executorch")
    return folder


@pytest.mark.parametrize("name", ["deep", "separable", "resize", "low-rank", "28 pixels, colours", "teacher"])
def test_every_kind_of_block_is_exported(name: str, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path / "export", trained(ARCHITECTURES[name]), origin=ORIGIN, form="executorch")
    assert card.largest_difference < 1e-4
    assert {path.name for path in (tmp_path / "export").iterdir()} == {"card.json", "model.pte", "run.py"}


@pytest.mark.parametrize("sized", SIZES, indirect=True)
def test_every_size_has_the_images_of_the_original(sized: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path, sized, origin=ORIGIN, form="executorch")
    assert card.checked_latents == 256
    assert card.checked_batches == (1, 3, 64)
    assert card.largest_difference < 1e-4


def test_more_than_the_largest_batch_are_drawn_in_pieces(exported: Path, small: Generator) -> None:
    deployed = load_deployed(exported)
    inputs_NI = small.config.inputs(LARGEST_BATCH + 7, "another place", seed=1)
    with torch.no_grad():
        expected_NCHW = small(inputs_NI).numpy()
    assert np.abs(deployed(inputs_NI.numpy()) - expected_NCHW).max() < 1e-5
    assert deployed.card.largest_batch == LARGEST_BATCH == 64
    assert deployed.card.producers["executorch"] == version("executorch")


def test_the_script_draws_images(exported: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(exported / "run.py"), "--count", "70", "--out", "images.npy", "--threads", "1"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    images_NCHW = np.load(tmp_path / "images.npy")
    assert images_NCHW.shape == (70, 1, 16, 16)
    assert 0.1 < images_NCHW.std() < 1


def test_a_changed_byte_and_another_file_are_refused(exported: Path, tmp_path: Path) -> None:
    content = (exported / "model.pte").read_bytes()
    (exported / "model.pte").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=r"SHA-256 digest .*Export it again"):
        load_deployed(exported)
    (exported / "model.pte").write_bytes(content)
    (tmp_path / "model.pte").write_bytes(b"no program of ExecuTorch, " * 10)
    with pytest.raises(ArtifactError, match=r"is one that ExecuTorch reads, got .*Export it again"):
        FORMS["executorch"].open(tmp_path / "model.pte", 1)


def test_a_program_of_ones_own_is_exported(own_program: Path, tmp_path: Path) -> None:  # noqa: F811
    own = own_of(own_program)
    card = deploy_generator(tmp_path / "export", own, origin=ORIGIN, form="executorch")
    assert card.largest_difference < 1e-4
    assert load_deployed(tmp_path / "export")(np.zeros((2, 8), np.float32)).shape == (2, 3, 16, 16)
