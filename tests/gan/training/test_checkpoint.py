"""A training that was cut off and goes on ends with the same bits as one that never stopped."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan import (
    AdversarialConfig,
    ArtifactError,
    Checkpoint,
    Compute,
    DistillationConfig,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    Progress,
    TeacherPool,
    distill,
    load_checkpoint,
    save_checkpoint,
    train_gan,
)

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
RUNGS = (0.3, 0.6)  # the pool has 320 images: the second rung lies in its second epoch
Training = Callable[..., Iterator[Progress]]


@pytest.fixture(params=["mse", "joint", "wgan-gp", "scratch", "channels_last"])
def training(request: Any, pool: TeacherPool, digits: ImageDataset) -> Training:
    if request.param == "scratch":
        scratch = GanTrainingConfig(kimg=1.0)
        return lambda resume=None: train_gan(
            STUDENT, scratch, dataset=digits, seed=1, report_at_kimg=RUNGS, resume=resume
        )
    compute = Compute(channels_last=request.param == "channels_last")
    config = DistillationConfig(
        kimg=1.0,
        gan_weight=0.0 if request.param == "mse" else 0.1,
        adversarial=AdversarialConfig(loss="wgan-gp" if request.param == "wgan-gp" else "hinge"),
    )
    return lambda resume=None: distill(
        STUDENT, config, lesson=Lesson(pool, digits), seed=1, report_at_kimg=RUNGS, compute=compute, resume=resume
    )


def outcome(progress: Progress) -> tuple[torch.Tensor, dict[str, float]]:
    values = [tensor.double().flatten() for tensor in progress.generator.state_dict().values()]
    return torch.cat(values).clone(), progress.losses


def test_from_each_rung_it_goes_on_bit_for_bit(training: Training, tmp_path: Path) -> None:
    whole = []
    for number, progress in enumerate(training()):
        whole.append((progress.kimg, *outcome(progress)))
        save_checkpoint(tmp_path / f"{number}", progress.checkpoint({"best_fid": 2.5}), identity="me")
    for number in range(len(RUNGS)):
        stored = load_checkpoint(tmp_path / f"{number}", "me")
        assert stored is not None
        assert stored.notes == {"best_fid": 2.5}
        rest = [(progress.kimg, *outcome(progress)) for progress in training(resume=stored)]
        assert [kimg for kimg, *_ in rest] == [kimg for kimg, *_ in whole[number + 1 :]]
        for (_, weights, losses), (_, expected, expected_losses) in zip(rest, whole[number + 1 :], strict=True):
            assert torch.equal(weights, expected)
            assert losses == expected_losses


def test_a_checkpoint_does_not_change_with_the_training_that_goes_on(training: Training) -> None:
    steps = training()
    checkpoint = next(steps).checkpoint()
    before = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    next(steps)
    assert all(torch.equal(tensor, before[name]) for name, tensor in checkpoint.state.items())


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    module = nn.Linear(3, 3)
    save_checkpoint(path, Checkpoint(64, dict(module.state_dict())), identity="me")
    return path


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "nothing", "me") is None


def test_the_checkpoint_of_another_training_is_refused(stored: Path) -> None:
    with pytest.raises(ArtifactError, match=r"belongs to the training other.*Delete it"):
        load_checkpoint(stored, "other")


@pytest.mark.parametrize("place", [-1, 200, 20])
def test_one_flipped_byte_is_found(stored: Path, place: int) -> None:
    content = bytearray(stored.read_bytes())
    content[place] ^= 1
    stored.write_bytes(content)
    with pytest.raises(ArtifactError, match="Delete it: the training begins anew"):
        load_checkpoint(stored, "me")


def test_half_a_file_is_found(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="complete file"):
        load_checkpoint(stored, "me")


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root")
def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("this machine may not mount")
    try:
        path = tmp_path / "checkpoint"
        save_checkpoint(path, Checkpoint(64, {"small": torch.ones(10)}), identity="me")
        with pytest.raises(OSError, match=r"(?i)space"):
            save_checkpoint(path, Checkpoint(128, {"large": torch.ones(100_000)}), identity="me")
        kept = load_checkpoint(path, "me")
        assert kept is not None
        assert kept.images_seen == 64
        assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
