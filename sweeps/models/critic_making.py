"""This module provides the critic that students learn from: their teacher's, one of the user's own, or a new one.

A new one is trained once against the teacher, which learns no more, and is found again in the registry by its identity,
a digest of everything that it is trained from.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from gan import (
    Critic,
    CriticCard,
    CriticJudgement,
    CriticProgress,
    CriticTrainingConfig,
    GanError,
    ImageDataset,
    TeacherPool,
    build_critic,
    load_critic,
    save_critic,
    train_critic,
)
from gan.digests import file_digest, value_digest
from gan.networks.own_weights import load_weights
from gan.seeds import seed_at
from gan.training.fitting import require_critic
from sweeps.errors import SweepError
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tags import CRITIC_ACCURACY, IDENTITY, KIND
from sweeps.models.critics import TeacherCritic, card_of, judged, metrics_of
from sweeps.models.extractors import Extractor
from sweeps.models.identity import ModelIdentity
from sweeps.models.kept_versions import find_or_make_version
from sweeps.models.teachers import Teacher
from sweeps.models.workshop import Workshop
from sweeps.spec.critics import critic_training, recipes_with_critic
from sweeps.spec.models import ImportedTeacherSpec, OwnCriticSpec
from sweeps.spec.sweep import SweepSpec

REPORTS = 10  # judgements over a critic's training


def require_named_critic(spec: SweepSpec, dataset: ImageDataset) -> None:
    """Raises GanError or ArtifactError where the spec names a critic that is damaged, or of no use to a student."""
    if isinstance(spec.teacher, ImportedTeacherSpec) and spec.teacher.critic:
        critic, _ = _opened(spec.teacher.critic, dataset)
        spoilt = [name for name, tensor in critic.state_dict().items() if not tensor.isfinite().all()]
        if spoilt:
            raise GanError(
                "The weights of teacher.critic are finite numbers",
                f"NaN or infinity in {spoilt[0]}" + (f" and {len(spoilt) - 1} more" if len(spoilt) > 1 else ""),
                "Name another critic, or leave it out: then one is trained.",
            )
        _require_useful(critic, spec, dataset=dataset)


def find_or_make_critic(
    spec: SweepSpec,
    dataset: ImageDataset,
    *,
    teacher: Teacher,
    pool: TeacherPool,
    extractor: Extractor,
    workshop: Workshop,
) -> TeacherCritic | None:
    """Returns the critic of the spec's teacher, of which `pool` has the images; None where no student learns from it.

    It is trained only if the teacher has none, the spec names none, and the registry has none of its identity. Raises
    GanError where it is not as declared or a student cannot learn from it, and ArtifactError where it is damaged.
    """
    if not recipes_with_critic(spec):
        return None
    named = spec.teacher.critic if isinstance(spec.teacher, ImportedTeacherSpec) else None
    if named is not None:
        found = _find_or_register(named, dataset, workshop=workshop)
    elif teacher.critic is not None:
        found = teacher.critic
    else:
        training = _Training(
            spec=spec, dataset=dataset, teacher=teacher, pool=pool, extractor=extractor, workshop=workshop
        )
        found = _find_or_make(_identity(dataset, training.content), training.run, workshop=workshop)
    _require_useful(found.critic, spec, dataset=dataset)
    return found


def _require_useful(critic: Critic, spec: SweepSpec, *, dataset: ImageDataset) -> None:
    student = spec.student_architecture(1, 1)
    for recipe in recipes_with_critic(spec):
        require_critic(student, recipe, critic=critic, dataset=dataset)


def _find_or_register(named: OwnCriticSpec, dataset: ImageDataset, *, workshop: Workshop) -> TeacherCritic:
    critic, card = _opened(named, dataset)
    identity = _identity(dataset, {"kind": "own critic", "critic": card.digest})
    return _find_or_make(identity, lambda run_id: (critic, card), workshop=workshop)


def _opened(named: OwnCriticSpec, dataset: ImageDataset) -> tuple[Critic, CriticCard]:
    path = named.path
    if named.folder is not None:
        if not path.is_dir():
            raise _absent(path, "the folder that a critic was stored in")
        critic, card = load_critic(path)
        shape, wanted = (card.image_channels, card.image_size), (dataset.image_channels, dataset.image_size)
        if shape != wanted:
            raise GanError(
                f"teacher.critic judges images of {wanted[0]} channel(s) and {wanted[1]}x{wanted[1]} pixels",
                f"one of {shape[0]} channel(s) and {shape[1]}x{shape[1]} in {named.folder}",
                "Name the critic of this teacher, or leave it out: then one is trained.",
            )
        return critic, card
    assert named.network is not None, "the network of a critic's weights is stated"
    if not path.is_file():
        raise _absent(path, "the file of a critic's weights")
    critic = build_critic(named.network, dataset, norm=named.norm, seed=0)
    try:
        load_weights(critic, path, entry=None)
    except GanError as error:
        raise GanError(
            "teacher.critic.weights are those of its network, a critic of the data set's images",
            error.value,
            "Correct network and norm, or name the folder that it was stored in.",
        ) from error
    card = card_of(critic, dataset, training={}, kimg=0.0, seed=0)
    return critic, card.model_copy(update={"weights_digest": file_digest(path)})


def _absent(path: Path, what: str) -> GanError:
    found = "something else" if path.exists() else "which is not there"
    remedy = "Correct the path, or leave it out: then one is trained."
    return GanError(f"teacher.critic names {what}", f"{path}, {found}", remedy)


@dataclass(frozen=True, kw_only=True)
class _Training:
    """This is the training of a critic against a teacher that learns no more."""

    spec: SweepSpec
    dataset: ImageDataset
    teacher: Teacher
    pool: TeacherPool
    extractor: Extractor
    workshop: Workshop

    @property
    def recipe(self) -> CriticTrainingConfig:
        return critic_training(self.spec)

    @property
    def content(self) -> dict[str, object]:
        """Returns all that the critic is made from."""
        return {
            "kind": CRITIC,
            "training": self.recipe.model_dump(mode="json"),
            "pool": self.pool.digest,
            "dataset": self.dataset.digest,
            "seed": self.spec.seed,
            "compute": self.spec.resources.compute.model_dump(),
        }

    def run(self, run_id: str) -> tuple[Critic, CriticCard]:
        """Trains it, with a judgement at each report in the run. Raises SweepError where it diverged."""
        recipe, judgements = self.recipe, []
        with self.workshop.display.step("critic", recipe.kimg) as update:
            for progress in self._steps():
                if progress.diverged:
                    raise SweepError(
                        "A critic's losses stay finite",
                        f"NaN or infinity at {progress.kimg:.0f} kimg",
                        f"Lower the critic's learning rate in {_recipe_of(self.spec)}, or change spec.seed.",
                    )
                judgement = self._judged(progress)
                judgements.append(judgement)
                metrics = {**metrics_of(judgement), "critic_loss": progress.loss}
                self.workshop.tracking.log(run_id, metrics, kimg=progress.kimg)
                update(progress.kimg, f"accuracy {judgement.accuracy:.0%}")
        return progress.critic, card_of(
            progress.critic,
            self.dataset,
            training=recipe.model_dump(mode="json"),
            kimg=progress.kimg,
            seed=self.spec.seed,
            judgements=judgements,
        )

    def _steps(self) -> Iterator[CriticProgress]:
        return train_critic(
            self.recipe,
            pool=self.pool,
            dataset=self.dataset,
            seed=seed_at(self.spec.seed, "critic"),
            report_at_kimg=[self.recipe.kimg * number / REPORTS for number in range(1, REPORTS)],
            compute=self.spec.resources.compute,
        )

    def _judged(self, progress: CriticProgress) -> CriticJudgement:
        return judged(
            progress.critic,
            self.teacher.generator,
            loss=self.recipe.adversarial.loss,
            dataset=self.dataset,
            extractor=self.extractor,
            kimg=progress.kimg,
        )


def _recipe_of(spec: SweepSpec) -> str:
    return "student.adversarial" if isinstance(spec.teacher, ImportedTeacherSpec) else "teacher.training.adversarial"


def _find_or_make(
    identity: ModelIdentity, make: Callable[[str], tuple[Critic, CriticCard]], *, workshop: Workshop
) -> TeacherCritic:
    """Returns the version with this identity, registered first where there is none; `make` gets the run's id."""
    tracking = workshop.tracking

    def registered() -> ModelVersion:
        with model_run(tracking, identity.model, tags={KIND: CRITIC, IDENTITY: identity.digest}) as run_id:
            return _register(*make(run_id), run_id=run_id, identity=identity, workshop=workshop)

    version = find_or_make_version(identity, registered, workshop=workshop)
    name = f"{version.name}/{version.version}"
    found = TeacherCritic.among(tracking.registry.fetch(version), version=name)
    assert found is not None, "it was registered with its folder"
    return found


def _register(
    critic: Critic, card: CriticCard, *, run_id: str, identity: ModelIdentity, workshop: Workshop
) -> ModelVersion:
    with tempfile.TemporaryDirectory() as name:
        stored = save_critic(Path(name) / CRITIC, critic, card=card)
        tags = {IDENTITY: identity.digest, "weights_digest": stored.weights_digest, "kimg": str(stored.kimg)}
        if stored.judgements:
            tags[CRITIC_ACCURACY] = repr(stored.judgements[-1].accuracy)
        return workshop.tracking.registry.register(identity.model, run_id, folder=Path(name), tags=tags)


def _identity(dataset: ImageDataset, content: dict[str, object]) -> ModelIdentity:
    return ModelIdentity(f"{dataset.name}-critic", value_digest(content))
