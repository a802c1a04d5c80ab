from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from gan import ArtifactError, Generator, TeacherPool, build_pool, open_pool, pool_latents
from gan.images import to_uint8, to_unit_range
from gan.seeds import generator_at


def test_a_batch_holds_the_teachers_own_images(pool: TeacherPool, teacher: Generator) -> None:
    latents, images = next(pool.batches(32, generator_at(0, "test"), device=torch.device("cpu")))
    assert latents.shape == (32, 8)
    assert images.shape == (32, 1, 16, 16)
    with torch.inference_mode():
        expected = to_unit_range(to_uint8(teacher(latents)))
    # Another batch size may round another way: one grey level at most.
    assert (images - expected).abs().max() <= 1.01 / 127.5


def test_an_epoch_shows_every_image_once(pool: TeacherPool) -> None:
    batches = pool.batches(64, generator_at(0, "test"), device=torch.device("cpu"))
    first, second = (torch.cat([latents for latents, _ in islice(batches, 5)]) for _ in range(2))
    assert len(first.unique(dim=0)) == len(pool) == 320
    assert torch.equal(first.unique(dim=0), second.unique(dim=0))
    assert not torch.equal(first, second)


def test_the_pool_is_mapped_not_read(pool: TeacherPool, teacher: Generator, tmp_path: Path) -> None:
    path = tmp_path / "pool.arrow"
    list(build_pool(teacher, "t", path=path, latents_NL=pool_latents(20_000, teacher.config.latent_size, seed=0)))
    before = pa.total_allocated_bytes()
    opened = open_pool(path)
    assert pa.total_allocated_bytes() == before, "opening a pool copies nothing"
    assert not opened._images_NCHW.flags.writeable


def test_the_same_seed_gives_the_same_pool(teacher: Generator, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert list(
            build_pool(teacher, "t", path=path, latents_NL=pool_latents(300, teacher.config.latent_size, seed=seed))
        ) == [256, 300]
    first, again, other = (open_pool(path).digest for path in paths)
    assert first == again != other


def test_a_pool_that_is_not_finished_does_not_exist(teacher: Generator, tmp_path: Path) -> None:
    steps = build_pool(
        teacher, "t", path=tmp_path / "pool.arrow", latents_NL=pool_latents(600, teacher.config.latent_size, seed=0)
    )
    next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_damage_is_found(teacher: Generator, tmp_path: Path) -> None:
    path = tmp_path / "pool.arrow"
    list(build_pool(teacher, "t", path=path, latents_NL=pool_latents(300, teacher.config.latent_size, seed=0)))
    open_pool(path).verify()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="delete it"):
        open_pool(path).verify()


@pytest.mark.parametrize("content", [b"", b"ARROW1 but no more", np.arange(99).tobytes()])
def test_a_file_that_is_no_pool_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pool.arrow"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="Arrow IPC"):
        open_pool(path)
