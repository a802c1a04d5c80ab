"""This module refuses a student that cannot be distilled from its lesson, before any training."""

from gan.datasets import ImageDataset
from gan.errors import GanError
from gan.networks.critic import DEVIATION_GROUP, Critic
from gan.networks.dcgan import Generator, GeneratorConfig
from gan.networks.pruning import require_prunable
from gan.training.lesson import DistillationConfig, Lesson
from gan.training.teacher_pool import TeacherPool


def require_fitting(architecture: GeneratorConfig, config: DistillationConfig, *, lesson: Lesson) -> None:
    """Raises GanError where the student cannot be distilled from the lesson."""
    pool = lesson.pool
    lesson.dataset.require_shape(architecture.image_channels, architecture.image_size)
    student_shape = (architecture.input_size, architecture.image_channels, architecture.image_size)
    if student_shape != (pool.input_size, *pool.image_shape[:2]):
        raise GanError(
            "A student has its teacher's latent size and classes, image channels and image size "
            f"{(pool.input_size, *pool.image_shape[:2])}",
            student_shape,
            "Set latent_size, num_classes, image_channels and image_size of the student to the teacher's.",
        )
    require_batch(pool, config.batch_size)
    if config.feature_weight > 0 and lesson.features is None:
        raise GanError("Feature matching needs a feature extractor", "none", "Give features, or set feature_weight: 0.")
    if config.start == "pruned":
        require_teacher(architecture, teacher=lesson.teacher)
    if config.needs_critic:
        require_critic(architecture, config, critic=lesson.critic, dataset=lesson.dataset)


def require_batch(pool: TeacherPool, batch_size: int) -> None:
    """Raises GanError where the pool holds less than one batch."""
    if len(pool) < batch_size:
        raise GanError(
            f"A teacher pool holds at least one batch of {batch_size} images",
            len(pool),
            "Raise teacher.pool_size or lower student.batch_size.",
        )


def require_teacher(architecture: GeneratorConfig, *, teacher: Generator | None) -> None:
    """Raises GanError where there is no teacher, or one that the student is no part of."""
    if teacher is None:
        raise GanError(
            "A student that starts pruned needs its teacher, which is a generator of ours",
            "none",
            "Give it, or set start: random.",
        )
    require_prunable(teacher.config, architecture)


def require_critic(
    architecture: GeneratorConfig, config: DistillationConfig, *, critic: Critic | None, dataset: ImageDataset
) -> None:
    """Raises GanError where there is no critic, or one that the recipe cannot use."""
    if critic is None:
        raise GanError(
            "Critic features above 0 and the opponent teacher need the critic that the teacher learned against",
            "none",
            "Give one, or set critic_features: 0 and opponent: fresh.",
        )
    shape, wanted = (critic.image_channels, critic.image_size), (architecture.image_channels, architecture.image_size)
    if shape != wanted:
        raise GanError(
            f"The teacher's critic judges the teacher's images, of the channels and size {wanted}",
            shape,
            "Give the critic of this teacher.",
        )
    weights = config.critic_features
    if isinstance(weights, tuple) and len(weights) != critic.num_maps:
        raise GanError(
            f"critic_features has one weight, or one for each of the critic's {critic.num_maps} layers",
            f"{len(weights)} weights",
            "Write as many, or one for all.",
        )
    if config.gan_weight > 0 and config.opponent == "teacher":
        _require_opponent(critic, architecture, config=config, dataset=dataset)


def _require_opponent(
    critic: Critic, architecture: GeneratorConfig, *, config: DistillationConfig, dataset: ImageDataset
) -> None:
    if critic.norm != config.adversarial.norm:
        raise GanError(
            f"A critic goes on learning with the norm that it learned with, {critic.norm}",
            f"the loss {config.adversarial.loss}, whose norm is {config.adversarial.norm}",
            "Choose the loss of the teacher's training, or set opponent: fresh.",
        )
    if critic.config.minibatch_deviation and config.batch_size % DEVIATION_GROUP:
        raise GanError(
            f"A batch is a multiple of {DEVIATION_GROUP} for a critic with minibatch deviation, as the teacher's is",
            config.batch_size,
            "Change batch_size, or set opponent: fresh.",
        )
    known = {
        architecture.num_classes,
        architecture.num_classes if config.real == "teacher" else dataset.num_classes,
    }
    if critic.num_classes and known != {critic.num_classes}:
        raise GanError(
            f"A critic of {critic.num_classes} classes is shown as many, of the student's images and of real ones",
            f"{architecture.num_classes} and {dataset.num_classes}",
            "Give a critic without classes, or set opponent: fresh.",
        )
