"""The shipped presets: each is a valid sweep, and the paper's have the sizes that its ratios were traced to."""

import pytest

import sweeps
from gan import GeneratorConfig, count_parameters, load_dataset
from sweeps.models.identity import trained_identity
from sweeps.spec.file import preset_names

# Data set, teacher's and student's width, their parameters with BatchNorm and without bias, and the published ratio.
PAPER = [
    ("mnist-paper", 256, 2, None, 1669),
    ("cifar10-paper", 64, 4, (3_576_704, 62_264), 58),
    ("celeba-paper", 128, 8, (12_658_432, 146_032), 87),
]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_sweep_of_its_own_name(name: str) -> None:
    assert sweeps.load_spec(name).name == name


def test_the_presets_with_the_papers_schemes_on_digits_share_their_teacher() -> None:
    names = ("digits-seeds", "digits-paper", "digits-1500-steps", "digits-wide")
    specs, dataset = [sweeps.load_spec(name) for name in names], load_dataset("digits")
    assert len({trained_identity(spec, dataset) for spec in specs}) == 1
    assert len({(spec.extractor, spec.teacher.pool_size) for spec in specs}) == 1


@pytest.mark.parametrize(("name", "teacher", "student", "parameters", "ratio"), PAPER)
def test_the_papers_sizes_and_ratios(
    name: str, teacher: int, student: int, parameters: tuple[int, int] | None, ratio: float
) -> None:
    spec = sweeps.load_spec(name)
    channels, size = spec.dataset.image_shape
    assert spec.trained_teacher.width == teacher
    assert student in spec.search.space.width.values

    def of(width: int) -> int:
        shape = {"image_size": size, "image_channels": channels, "latent_size": spec.teacher.latent_size}
        return count_parameters(GeneratorConfig.model_validate({**shape, "width": width}))

    assert parameters is None or (of(teacher), of(student)) == parameters
    assert of(teacher) / of(student) == pytest.approx(ratio, rel=0.015)


@pytest.mark.parametrize("name", ["mnist-paper", "cifar10-paper", "celeba-paper", "digits-paper", "shapes"])
def test_the_papers_experiment_is_whole(name: str) -> None:
    spec = sweeps.load_spec(name)
    assert set(spec.search.space.gan_weight.values) >= {0.0}, "the MSE scheme"
    assert len(spec.search.space.gan_weight.values) > 1, "the joint scheme"
    assert spec.baseline.of == "all"
    assert spec.baseline.kimg == spec.trained_teacher.training.kimg, "baselines have the teacher's whole budget"
    assert len(spec.student_seeds) >= 2
    assert spec.search.trials >= len(spec.search.space.width.values) * 2 * len(spec.student_seeds)
