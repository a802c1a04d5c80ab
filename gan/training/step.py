"""This module takes the one training step of teacher, baseline and student, for one of them or several at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan.networks.together import Shown, run_generators
from gan.training.adversarial import generator_losses, learn_together
from gan.training.member import Batch, CriticTerms, Member, Turn
from gan.training.optimisation import step_together


class Step:
    """A step updates the critics and then the generators of `members`, each on batches of its own.

    The last of a critic's steps is on the images of the one generator step that follows; those before it need no
    gradient by the generator. Members differ in no more than weights, seeds and optimisers; their critics have their
    turns at the same steps.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._opponents = [member.opponent for member in members if member.opponent]
        assert len(self._opponents) in (0, len(members)), "all have a critic, or none has"

    def __call__(self) -> list[dict[str, Tensor]]:
        """Takes the step. Returns each member's losses: scalars, detached."""
        turn = self.members[0].turn
        for _ in range(self._opponents[0].steps - 1 if self._opponents and turn.learns else 0):
            batches = [member.draw() for member in self.members]
            with torch.no_grad():
                images = self._generate(batches)
            self._learn(self._shown(images, batches), batches)
        batches = [member.draw() for member in self.members]
        images = self._generate(batches)
        terms_of_each = self._critic_terms(self._shown(images, batches), batches, turn=turn)
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

    def _learn(self, fake: Sequence[Shown], batches: Sequence[Batch]) -> list[Tensor]:
        real = [member.real(batch) for member, batch in zip(self.members, batches, strict=True)]
        return learn_together(self._opponents, real=real, fake=fake)

    def _critic_terms(self, fake: Sequence[Shown], batches: Sequence[Batch], *, turn: Turn) -> list[CriticTerms]:
        none = [None] * len(self.members)
        critics = self._learn(fake, batches) if self._opponents and turn.learns else none
        generators = generator_losses(self._opponents, fake) if self._opponents and turn.judges else none
        return [CriticTerms(*losses) for losses in zip(critics, generators, strict=True)]
