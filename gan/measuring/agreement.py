"""This module measures how closely a student repeats its teacher's images, one by one, at latents it never saw.

Shapes: N images, P lines, S points on a line, I columns of a generator's inputs, L latent size, K classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from gan.errors import GanError
from gan.images import to_unit_range
from gan.measuring.evaluation import generate
from gan.networks.dcgan import Generator
from gan.networks.latents import LatentSpace, space_of
from gan.seeds import generator_at
from gan.training.teacher_pool import TeacherPool

LINES, POINTS = 64, 8
SINGLE = 1024


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """An Agreement says how far student and teacher are apart at the same latents.

    `latent_mse` and `path_mse` are in squared units of images in [-1, 1], `latent_psnr` in dB (peak to
    peak 2), `latent_ssim` in [-1, 1] (Wang et al., 2004). The path runs along lines between latents.

    >>> Agreement(latent_mse=0.01, latent_psnr=26.0, latent_ssim=0.9, path_mse=0.02).as_dict()["latent_ssim"]
    0.9
    """

    latent_mse: float
    latent_psnr: float
    latent_ssim: float
    path_mse: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def agreement_latents(latents: LatentSpace | int, seed: int, *, shares: Sequence[float] = ()) -> Tensor:
    """Returns the inputs NI of an agreement: SINGLE drawn ones, then POINTS inner points of each of LINES lines.

    A line joins two independent latents and keeps one class. Points between normal latents have the shape of a mean
    of two normals, nearer to 0 than latents of a training are. A number is the size of normal latents.

    >>> agreement_latents(8, seed=0).shape
    torch.Size([1536, 8])
    """
    space, random = space_of(latents), generator_at(seed, "agreement")
    single_NL = space.latents(SINGLE, random)
    first_PL, last_PL = space.latents(2 * LINES, random).chunk(2)
    line_PSL = space.between(first_PL, last_PL, share_S=torch.arange(1, POINTS + 1) / (POINTS + 1))
    latents_NL = torch.cat([single_NL, line_PSL.flatten(0, 1)])
    if not space.num_classes:
        return latents_NL
    classes_NK = space.classes(SINGLE + LINES, generator_at(seed, "agreement", "labels"), shares=shares)
    classes_NK = torch.cat([classes_NK[:SINGLE], classes_NK[SINGLE:].repeat_interleave(POINTS, dim=0)])
    return torch.cat([latents_NL, classes_NK], dim=1)


def agreement(student: Generator, teacher: TeacherPool) -> Agreement:
    """Returns how closely `student` repeats the images at `agreement_latents` that the pool `teacher` holds.

    Raises GanError when the pool is not one of agreement latents.

    >>> latents_NL = agreement_latents(8, seed=0)
    >>> for done in build_pool(teacher, "its digest", path=folder / "agreement.arrow", latents_NL=latents_NL):
    ...     pass
    >>> agreement(teacher, open_pool(folder / "agreement.arrow")).latent_mse
    0.0
    """
    if len(teacher) != SINGLE + LINES * POINTS:
        raise GanError(
            f"A pool of agreement latents holds {SINGLE + LINES * POINTS} images",
            len(teacher),
            "Build it at agreement_latents(...).",
        )
    inputs_NI, teacher_NCHW = teacher.all()
    student_NCHW = generate(student, inputs_NI)
    error_N = (to_unit_range(student_NCHW) - to_unit_range(teacher_NCHW)).square().mean(dim=(1, 2, 3)).double()
    latent_mse = error_N[:SINGLE].mean().item()
    return Agreement(
        latent_mse=latent_mse,
        latent_psnr=float(10 * np.log10(4 / latent_mse)) if latent_mse > 0 else float("inf"),
        latent_ssim=mean_ssim(student_NCHW[:SINGLE].numpy(), teacher_NCHW[:SINGLE].numpy()),
        path_mse=error_N[SINGLE:].mean().item(),
    )


def mean_ssim(first_NCHW: np.ndarray, second_NCHW: np.ndarray) -> float:
    """Returns the mean structural similarity of uint8 images, pair by pair."""
    pairs = zip(first_NCHW, second_NCHW, strict=True)
    return float(np.mean([_ssim(first_CHW, second_CHW) for first_CHW, second_CHW in pairs]))


def _ssim(first_CHW: np.ndarray, second_CHW: np.ndarray) -> float:
    return float(structural_similarity(first_CHW, second_CHW, win_size=7, channel_axis=0))
