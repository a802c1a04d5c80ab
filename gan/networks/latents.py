"""This module draws what a generator takes: latents and, for a conditional one, classes one-hot behind them.

Shapes: N draws, L latent size, K classes, I = L + K columns of a generator's inputs, S points on a line.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from gan.config import Config
from gan.seeds import generator_at

Distribution = Literal["normal", "uniform", "truncated-normal", "sphere"]
LatentSize = Annotated[int, Field(ge=1, le=1024)]
NumClasses = Annotated[int, Field(ge=0, le=1000)]


class LatentSpace(Config):
    """A LatentSpace says what a generator takes: `latent_size` latents and, with num_classes, a class.

    latent_distribution: `normal` is N(0, I), `uniform` lies in [-bound, bound] with latent_bound 1 unless given,
    `truncated-normal` is a standard normal in [-bound, bound], 2 unless given, and `sphere` a direction of length
    latent_bound, sqrt(L) unless given: a normal latent divided by the root of its mean square, as StyleGAN normalises.

    >>> space = LatentSpace(latent_size=8, num_classes=10)
    >>> space.inputs(4, seed=0).shape
    torch.Size([4, 18])
    """

    latent_size: LatentSize
    latent_distribution: Distribution = Field(default="normal", exclude_if=lambda value: value == "normal")
    latent_bound: Annotated[float, Field(gt=0)] | None = Field(default=None, exclude_if=lambda value: value is None)
    num_classes: NumClasses = Field(default=0, exclude_if=lambda value: value == 0)

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        require_bounded(self.latent_distribution, self.latent_bound)
        return self

    @property
    def space(self) -> "LatentSpace":
        """Returns what is taken alone, without what is made of it."""
        return LatentSpace.model_validate({name: getattr(self, name) for name in LatentSpace.model_fields})

    @property
    def input_size(self) -> int:
        """Returns the columns of a generator's inputs, I."""
        return self.latent_size + self.num_classes

    @property
    def bound(self) -> float:
        """Returns the bound of latents, as stated or by default; infinity for normal ones, which have none."""
        if self.latent_bound is not None:
            return self.latent_bound
        sphere = math.sqrt(self.latent_size)
        return {"normal": math.inf, "uniform": 1.0, "truncated-normal": 2.0, "sphere": sphere}[self.latent_distribution]

    def latents(self, count: int, random: torch.Generator) -> Tensor:
        """Returns latents NL of the distribution."""
        if self.latent_distribution == "normal":
            return torch.randn(count, self.latent_size, generator=random)
        if self.latent_distribution == "sphere":
            return self._on_sphere(torch.randn(count, self.latent_size, generator=random))
        sides_NL = 2 * torch.rand(count, self.latent_size, generator=random, dtype=torch.float64) - 1
        if self.latent_distribution == "uniform":
            return (self.bound * sides_NL).float()
        # The normal's quantiles at uniform places between those of -bound and bound.
        bound = self.bound
        return (math.sqrt(2) * torch.erfinv(math.erf(bound / math.sqrt(2)) * sides_NL)).float().clamp(-bound, bound)

    def classes(self, count: int, random: torch.Generator, *, shares: Sequence[float] = ()) -> Tensor:
        """Returns classes one-hot, float32 NK, each drawn as often as its share; equally often without shares."""
        shares = shares or self.num_classes * (1.0,)
        assert len(shares) == self.num_classes, "shares are of these classes"
        index_N = torch.multinomial(
            torch.tensor(shares, dtype=torch.float64), count, replacement=True, generator=random
        )
        return F.one_hot(index_N, self.num_classes).float()

    def draw(
        self, count: int, random: torch.Generator, *, labels: torch.Generator, shares: Sequence[float] = ()
    ) -> Tensor:
        """Returns inputs NI: latents from the stream `random` and classes from the stream `labels`."""
        latents_NL = self.latents(count, random)
        if not self.num_classes:
            return latents_NL
        return torch.cat([latents_NL, self.classes(count, labels, shares=shares)], dim=1)

    def inputs(self, count: int, *path: str | int, seed: int, shares: Sequence[float] = ()) -> Tensor:
        """Returns inputs NI that depend on the place `path` in the tree of `seed` alone, latents and classes apart."""
        random, labels = generator_at(seed, *path), generator_at(seed, *path, "labels")
        return self.draw(count, random, labels=labels, shares=shares)

    def between(self, first_NL: Tensor, last_NL: Tensor, *, share_S: Tensor) -> Tensor:
        """Returns latents NSL at the shares of the way from the first to the last; of a sphere, along its surface."""
        line_NSL = torch.lerp(first_NL[:, None], last_NL[:, None], share_S[:, None])
        return self._on_sphere(line_NSL) if self.latent_distribution == "sphere" else line_NSL

    def _on_sphere(self, latents: Tensor) -> Tensor:
        return F.normalize(latents, dim=-1) * self.bound


def require_bounded(distribution: Distribution, bound: float | None) -> None:
    """Raises ValueError for a bound of a distribution that has none."""
    if distribution == "normal" and bound is not None:
        raise ValueError(
            "latent_bound is of a uniform, truncated-normal or sphere latent_distribution, "
            f"got {bound} for a normal one; leave it out"
        )


def space_of(latents: LatentSpace | int) -> LatentSpace:
    """Returns a space; a number is the size of normal latents without classes."""
    return LatentSpace(latent_size=latents) if isinstance(latents, int) else latents
