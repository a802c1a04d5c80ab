"""What all trials of a sweep stand on: data set, extractor, teacher and pools, each found or made once."""

from dataclasses import dataclass
from pathlib import Path

from gan import DataRoot, ImageDataset, TeacherPool, load_dataset
from sweeps.extractors import Extractor, find_or_make_extractor
from sweeps.progress import Display
from sweeps.results import SHARED_PREFIX
from sweeps.spec import SweepSpec
from sweeps.teachers import Teacher, find_or_build_agreement_pool, find_or_build_pool, find_or_make_teacher
from sweeps.tracking import Tracking
from sweeps.workspace import Workspace


@dataclass(frozen=True)
class Foundation:
    """What all trials of a sweep stand on."""

    dataset: ImageDataset
    extractor: Extractor
    teacher: Teacher
    pool_path: Path
    pool: TeacherPool
    agreement_path: Path

    def shared_tags(self, spec: SweepSpec) -> dict[str, str]:
        """What every row of the sweep's table repeats, as tags of its parent run."""
        teacher, extractor = self.teacher, self.extractor
        shared = {
            "dataset": spec.dataset.name,
            "teacher_version": teacher.version,
            "teacher_digest": teacher.card.weights_digest,
            "protocol_digest": extractor.protocol.digest,
            "extractor": extractor.version,
            "teacher_parameters": teacher.card.parameters,
            "num_samples": extractor.protocol.num_samples,
            "teacher_kimg": teacher.card.budget_kimg,
            "teacher_fid": teacher.metrics.fid,
            "teacher_last_fid": teacher.last_fid,
            "teacher_inception_score": teacher.metrics.inception_score,
            "teacher_sharpness": teacher.metrics.sharpness,
            "real_fid": extractor.real.fid,
            "real_inception_score": extractor.real.inception_score,
            "real_sharpness": extractor.real.sharpness,
        }
        return {SHARED_PREFIX + name: str(value) for name, value in shared.items()}


def lay_foundation(
    spec: SweepSpec, workspace: Workspace, tracking: Tracking, display: Display, data_root: DataRoot
) -> Foundation:
    """Data set, extractor, teacher and pool: found where they exist, made where they do not."""
    dataset = load_dataset(spec.dataset, data_root)
    extractor = find_or_make_extractor(spec, dataset, workspace, tracking, data_root, display)
    real, count = extractor.real, len(dataset.held_out_images)
    display.say(
        f"extractor {extractor.version}: {extractor.about}; real held-out images (n = {count:,}): "
        f"FID {real.fid:.1f}, IS {real.inception_score:.2f}"
    )
    teacher = find_or_make_teacher(spec, dataset, extractor, tracking, display)
    display.say(
        f"teacher {teacher.version}: {teacher.card.parameters:,} parameters, "
        f"FID {teacher.metrics.fid:.1f}, IS {teacher.metrics.inception_score:.2f}{teacher.collapse_note}"
    )
    pool_path, pool = find_or_build_pool(spec, teacher, workspace.pools, display)
    agreement_path, _ = find_or_build_agreement_pool(spec, teacher, workspace.pools, display)
    return Foundation(dataset, extractor, teacher, pool_path, pool, agreement_path)
