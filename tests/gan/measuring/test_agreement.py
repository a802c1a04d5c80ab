import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gan import GanError, Generator, TeacherPool, build_generator
from gan.measuring.agreement import LINES, POINTS, SINGLE, agreement, agreement_latents
from gan.measuring.evaluation import generate


def reference(teacher: Generator, shift: int = 0) -> TeacherPool:
    latents = agreement_latents(teacher.config.latent_size, seed=0)
    images = np.clip(generate(teacher, latents).numpy().astype(int) + shift, 0, 255).astype(np.uint8)
    return TeacherPool(latents.numpy(), images, teacher_digest="teacher", digest="digest")


def test_a_teacher_agrees_with_itself(teacher: Generator) -> None:
    found = agreement(teacher, reference(teacher))
    assert (found.latent_mse, found.path_mse) == (0, 0)
    assert found.latent_ssim == pytest.approx(1)
    assert math.isinf(found.latent_psnr)


def test_a_constant_difference_has_its_closed_form(teacher: Generator) -> None:
    # This teacher's images lie near the middle grey, so nothing is clipped; 5 grey levels are 5 / 127.5.
    found = agreement(teacher, reference(teacher, shift=5))
    assert found.latent_mse == pytest.approx((5 / 127.5) ** 2, rel=1e-5)
    assert found.path_mse == pytest.approx((5 / 127.5) ** 2, rel=1e-5)
    assert found.latent_psnr == pytest.approx(20 * math.log10(255 / 5), rel=1e-5)


def test_another_network_agrees_less(teacher: Generator) -> None:
    other = build_generator(teacher.config, seed=8).eval()
    found = agreement(other, reference(teacher))
    assert found.latent_mse > 0
    assert found.latent_ssim < 0.999


def test_similarity_of_flat_images_is_its_closed_form(teacher: Generator) -> None:
    flat = build_generator(teacher.config, seed=0).eval()
    torch.nn.init.zeros_(flat.layers[-1].weight)  # type: ignore[arg-type]
    found = agreement(flat, reference(flat, shift=40))
    # Wang et al., 2004, eq. 13 with no variance: only the means, 128 and 168, are compared.
    constant = (0.01 * 255) ** 2
    expected = (2 * 128 * 168 + constant) / (128**2 + 168**2 + constant)
    assert found.latent_ssim == pytest.approx(expected, rel=1e-6)


def test_lines_join_independent_latents_and_end_inside() -> None:
    latents = agreement_latents(1000, seed=0)
    lines = latents[SINGLE:].unflatten(0, (LINES, POINTS))
    steps = lines.diff(dim=1)
    assert torch.allclose(steps, steps[:, :1].expand_as(steps), atol=1e-5), "equal steps along a straight line"
    first_end = lines[:, 0] - steps[:, 0]
    assert first_end.var().item() == pytest.approx(1, rel=0.02)
    assert latents[:SINGLE].var().item() == pytest.approx(1, rel=0.02)
    middle = lines[:, POINTS // 2 - 1 : POINTS // 2 + 1].mean(dim=1)
    assert middle.var().item() == pytest.approx(0.5, rel=0.03), "the mean of two independent normals"


def test_a_students_own_pool_is_refused(teacher: Generator, pool: TeacherPool, tmp_path: Path) -> None:
    with pytest.raises(GanError, match="agreement_latents"):
        agreement(teacher, pool)
