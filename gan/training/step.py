"""This module takes the one training step of teacher, baseline and student, for one of them or several at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan.networks.together import Shown, run_generators
from gan.training.adversarial import generator_losses, learn_together
from gan.training.member import Batch, CriticTerms, Member
from gan.training.optimisation import step_together


class Step:
    """A step updates the critics and then the generators of `members`, each on batches of its own.

    The last of a critic's steps is on the images of the one generator step that follows; those before it need no
    gradient by the generator. Members differ in no more than weights, seeds and optimisers.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._opponents = [member.opponent for member in members if member.opponent]
        assert len(self._opponents) in (0, len(members)), "all have a critic, or none has"

    def __call__(self) -> list[dict[str, Tensor]]:
        """Takes the step. Returns each member's losses: scalars, detached."""
        for _ in range(self._opponents[0].steps - 1 if self._opponents else 0):
            batches = [member.draw() for member in self.members]
            with torch.no_grad():
                images = self._generate(batches)
            self._learn(self._shown(images, batches))
        batches = [member.draw() for member in self.members]
        images = self._generate(batches)
        terms_of_each = self._critic_terms(self._shown(images, batches))
        found = [
            member.losses(images_BCHW, batch, terms=terms)
            for member, images_BCHW, batch, terms in zip(self.members, images, batches, terms_of_each, strict=True)
        ]
        step_together([member.optimiser for member in self.members], [total for total, _ in found])
        return [losses for _, losses in found]

    def _generate(self, batches: Sequence[Batch]) -> list[Tensor]:
        """Returns each member's images BCHW, float32."""
        with self.members[0].compute.forward_passes():
            images = run_generators(
                [member.generator for member in self.members], [batch.inputs_BI for batch in batches]
            )
        return [images_BCHW.float() for images_BCHW in images]

    def _shown(self, images: Sequence[Tensor], batches: Sequence[Batch]) -> list[Shown]:
        return [
            member.shown(images_BCHW, batch)
            for member, images_BCHW, batch in zip(self.members, images, batches, strict=True)
        ]

    def _learn(self, fake: Sequence[Shown]) -> list[Tensor]:
        return learn_together(self._opponents, real=[member.draw_real() for member in self.members], fake=fake)

    def _critic_terms(self, fake: Sequence[Shown]) -> Sequence[CriticTerms | None]:
        if not self._opponents:
            return [None] * len(self.members)
        critic_losses = self._learn(fake)
        return [
            CriticTerms(critic_loss, generator_loss)
            for critic_loss, generator_loss in zip(critic_losses, generator_losses(self._opponents, fake), strict=True)
        ]
