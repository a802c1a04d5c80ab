"""This module tells which students of a sweep learn from their teacher's critic, and how one is made where none is."""

from gan import AdversarialConfig, CriticTrainingConfig, DistillationConfig
from sweeps.spec.models import TeacherSpec
from sweeps.spec.schemes import recipes_at_ends
from sweeps.spec.sweep import SweepSpec

# What decides whether a student needs the critic, and whether it can use the one that there is.
_DECIDING = ("gan_weight", "opponent", "real", "critic_features", "adversarial.loss", "batch_size")


def recipes_with_critic(spec: SweepSpec) -> list[DistillationConfig]:
    """Returns recipes of students that learn from the teacher's critic, one of each kind; none where none does."""
    recipes = recipes_at_ends(spec.search.space, _DECIDING, recipe=spec.recipe)
    return [recipe for recipe in recipes if recipe.needs_critic]


def makes_critic(spec: SweepSpec) -> bool:
    """Returns whether the sweep trains a critic of its own for a teacher that comes without one.

    A teacher that is trained has one, unless it was trained by a version of this program that kept none.
    """
    return not isinstance(spec.teacher, TeacherSpec) and not spec.teacher.critic and bool(recipes_with_critic(spec))


def critic_opponent(spec: SweepSpec) -> AdversarialConfig:
    """Returns how the teacher's critic learned, or will: as its teacher's training says, or else as the students'."""
    return spec.teacher.training.adversarial if isinstance(spec.teacher, TeacherSpec) else spec.student.adversarial


def critic_training(spec: SweepSpec) -> CriticTrainingConfig:
    """Returns how a critic is trained where the teacher has none."""
    batch_size = spec.teacher.training.batch_size if isinstance(spec.teacher, TeacherSpec) else spec.student.batch_size
    return CriticTrainingConfig(kimg=spec.teacher.critic_kimg, batch_size=batch_size, adversarial=critic_opponent(spec))
