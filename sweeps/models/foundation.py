"""This module lays what all trials of a sweep stand on: data set, extractor, teacher and pools, each made once."""

from dataclasses import dataclass

from analysis import SHARED_COLUMNS
from gan import (
    CriticCard,
    Examination,
    GeneratorCard,
    ImageDataset,
    ImportedCard,
    Metrics,
    Protocol,
    Scores,
    load_dataset,
)
from sweeps.display import Display
from sweeps.ledger.tags import common_tags
from sweeps.models.critic_making import find_or_make_critic, require_named_critic
from sweeps.models.examining import faults_text
from sweeps.models.extractors import Extractor, find_or_make_extractor
from sweeps.models.materials import MaterialFiles, MaterialSource
from sweeps.models.scores import absences, absences_text, absent_of_few, notes, require_judged, scores_in_words
from sweeps.models.teachers import Teacher, find_or_build_agreement_pool, find_or_build_pool, find_or_make_teacher
from sweeps.models.workshop import Workshop
from sweeps.spec.starts import starts_pruned
from sweeps.spec.sweep import SweepSpec

LARGE = 2**28  # bytes of images, whose reading takes more than a moment


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """A Foundation is what is known of the models on which a sweep stands, and the source of its trials' materials."""

    protocol: Protocol
    train_shape: tuple[int, ...]  # of the images NCHW that trainings read
    extractor_version: str
    real: Scores  # of the held-out images
    examination: Examination  # of the extractor
    teacher_version: str
    teacher: GeneratorCard | ImportedCard
    teacher_metrics: Metrics
    teacher_last_fid: float  # at the end of its training, where that is not its best
    teacher_critic: str | None  # how the critic that it was trained against judged
    pool_digest: str
    critic: CriticCard | None  # of the teacher's critic, where students learn from it
    materials: MaterialSource

    def shared_tags(self, spec: SweepSpec) -> dict[str, str]:
        """Returns what every row of the sweep's table repeats, as tags of its parent run."""
        shared: dict[str, object | None] = {
            "dataset": spec.dataset.name,
            "teacher_version": self.teacher_version,
            "teacher_digest": self.teacher.weights_digest,
            "protocol_digest": self.protocol.digest,
            "extractor": self.extractor_version,
            "teacher_parameters": self.teacher.parameters,
            "num_samples": self.protocol.num_samples,
            "teacher_kimg": self.teacher.budget_kimg,
            "teacher_fid": self.teacher_metrics.fid,
            "teacher_last_fid": self.teacher_last_fid,
            "teacher_critic": self.teacher_critic,
            "teacher_inception_score": self.teacher_metrics.inception_score,
            "teacher_sharpness": self.teacher_metrics.sharpness,
            "real_fid": self.real.fid,
            "real_inception_score": self.real.inception_score,
            "real_sharpness": self.real.sharpness,
            "absent": absences_text(absences(self.teacher_metrics, self.real)),
            "extractor_faults": faults_text(self.examination),
        }
        assert shared.keys() == SHARED_COLUMNS.keys(), "the schema says which columns all rows have alike"
        return common_tags(shared)


def _verify(dataset: ImageDataset, display: Display) -> None:
    """Read the whole data set, here once for all trials."""
    if dataset.train_images.nbytes + dataset.held_out_images.nbytes < LARGE:
        dataset.verify()
        return
    with display.step("decoded images", 1) as update:
        dataset.verify()
        update(1, "as they were decoded")


def lay_foundation(spec: SweepSpec, workshop: Workshop) -> Foundation:
    """Returns the foundation: data set, extractor, teacher and pools, each found where it exists and else made.

    The materials are files of this machine.
    """
    dataset, display = load_dataset(spec.dataset, workshop.data_root), workshop.display
    _verify(dataset, display)
    require_named_critic(spec, dataset)  # before anything is trained
    extractor = _judged_extractor(spec, dataset, workshop=workshop)
    teacher = _judged_teacher(spec, dataset, extractor=extractor, workshop=workshop)
    shares = extractor.protocol.class_shares
    if shares and dataset.num_classes != len(shares):
        display.say(f"{len(shares)} classes of the teacher, {dataset.num_classes} of the data set: drawn equally often")
    pool_path, pool = find_or_build_pool(spec, teacher, shares=shares, workshop=workshop)
    agreement_path, _ = find_or_build_agreement_pool(spec, teacher, shares=shares, workshop=workshop)
    critic = find_or_make_critic(spec, dataset, teacher=teacher, pool=pool, extractor=extractor, workshop=workshop)
    if critic:
        display.say(f"critic {critic.version}: {critic.note}")
    return Foundation(
        protocol=extractor.protocol,
        train_shape=tuple(dataset.train_images.shape),
        extractor_version=extractor.version,
        real=extractor.real,
        examination=extractor.examination,
        teacher_version=teacher.version,
        teacher=teacher.card,
        teacher_metrics=teacher.metrics,
        teacher_last_fid=teacher.last_fid,
        teacher_critic=teacher.critic.judged if teacher.critic else None,
        pool_digest=pool.digest,
        critic=critic.card if critic else None,
        materials=MaterialFiles(
            dataset=spec.dataset,
            data_root=workshop.data_root,
            extractor=extractor.files,
            pool=pool_path,
            agreement=agreement_path,
            critic=critic.folder if critic else None,
            teacher=teacher.folder if starts_pruned(spec.search.space, recipe=spec.recipe) else None,
        ),
    )


def _judged_extractor(spec: SweepSpec, dataset: ImageDataset, *, workshop: Workshop) -> Extractor:
    """Returns the extractor, of which people are told. Raises SweepError where it lacks what the sweep judges by."""
    extractor = find_or_make_extractor(spec, dataset, workshop=workshop)
    real, count = extractor.real, len(dataset.held_out_images)
    workshop.display.say(
        f"extractor {extractor.version}: {extractor.about}; real held-out images (n = {count:,}): "
        f"{scores_in_words(real)}"
    )
    # Held-out images may be too few for a FID, which generators have. Without classes these have no IS either.
    absent = {name: reason for name, reason in real.absent.items() if name != "fid"}
    require_judged(spec, absent | absent_of_few(dataset))
    return extractor


def _judged_teacher(spec: SweepSpec, dataset: ImageDataset, *, extractor: Extractor, workshop: Workshop) -> Teacher:
    """Returns the teacher, of which people are told. Raises SweepError where it lacks what the sweep judges by."""
    display = workshop.display
    teacher = find_or_make_teacher(spec, dataset, extractor=extractor, workshop=workshop)
    display.say(
        f"teacher {teacher.version}: {teacher.card.parameters:,} parameters, "
        f"{scores_in_words(teacher.metrics)}{teacher.collapse_note}"
    )
    if teacher.critic and teacher.critic.warning:
        display.say(teacher.critic.warning)
    if note := notes(absences(teacher.metrics, extractor.real)):
        display.say(note)
    require_judged(spec, teacher.metrics.absent)
    return teacher
