"""The averaged generator has BatchNorm statistics of its own maps, or those of the weights as they learn, as before."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gan import (
    DistillationConfig,
    GanTrainingConfig,
    Generator,
    GeneratorConfig,
    ImageDataset,
    Lesson,
    TeacherPool,
    distill,
    train_gan,
)
from gan.compute import Compute
from gan.training import loop
from gan.training.optimisation import STATISTICS_BATCH, MovingAverage, OptimiserConfig, measure_statistics

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=3, latent_size=8)
FAST = OptimiserConfig(learning_rate=2e-2)  # whose weights are far from their average


def normalised(generator: Generator, inputs_NI: Tensor) -> list[tuple[nn.BatchNorm2d, Tensor]]:
    """Each BatchNorm with what it is given at these inputs, when all before it take the statistics of each batch."""
    found: list[tuple[nn.BatchNorm2d, Tensor]] = []
    maps = inputs_NI[:, :, None, None]
    for layer in copy.deepcopy(generator).train().layers:
        if isinstance(layer, nn.BatchNorm2d):
            found.append((layer, maps.clone()))
        maps = layer(maps)
    return found


@torch.no_grad()
def test_they_are_mean_and_variance_of_the_modules_own_maps(teacher: Generator) -> None:
    generator = copy.deepcopy(teacher)
    inputs_NI = STUDENT.inputs(3 * STATISTICS_BATCH, seed=1)
    measure_statistics(generator, inputs_NI)
    assert not generator.training
    batches = [normalised(generator, batch_BI) for batch_BI in inputs_NI.split(STATISTICS_BATCH)]
    own = [layer for layer in generator.layers if isinstance(layer, nn.BatchNorm2d)]
    assert len(own) == len(batches[0]) > 1
    for number, layer in enumerate(own):
        assert layer.momentum == nn.BatchNorm2d(1).momentum, "it learns on as before"
        maps = [batch[number][1].double() for batch in batches]
        assert layer.running_mean is not None
        assert layer.running_var is not None
        means = torch.stack([each.mean(dim=(0, 2, 3)) for each in maps]).mean(dim=0)
        variances = torch.stack([each.transpose(0, 1).flatten(1).var(dim=1) for each in maps]).mean(dim=0)
        assert torch.allclose(layer.running_mean.double(), means, rtol=1e-4, atol=1e-6)
        assert torch.allclose(layer.running_var.double(), variances, rtol=1e-4)


def generators(statistics: str, *, dataset: ImageDataset, rungs: tuple[float, ...] = ()) -> list[Generator]:
    recipe = GanTrainingConfig(kimg=2.0, optimiser=FAST, ema_halflife_kimg=1.0)
    recipe = recipe.model_copy(update={"batchnorm_statistics": statistics})
    training = train_gan(STUDENT, recipe, dataset=dataset, seed=3, report_at_kimg=rungs)
    return [copy.deepcopy(progress.generator) for progress in training]


def gap(generator: Generator, *, shares: tuple[float, ...] = ()) -> float:
    """How far what a generator normalises is from mean 0 and variance 1, at the worst of its channels."""
    inputs_NI, worst = generator.config.inputs(1024, seed=5, shares=shares), 0.0
    maps = inputs_NI[:, :, None, None]
    with torch.no_grad():
        for layer in generator.layers:
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                off = (maps.mean(dim=(0, 2, 3)) - layer.running_mean).abs() / layer.running_var.sqrt()
                worst = max(worst, float(off.max()))
            maps = layer(maps)
    return worst


def test_a_training_reports_an_average_whose_statistics_are_its_own(digits: ImageDataset) -> None:
    (standing,), (running,) = generators("standing", dataset=digits), generators("running", dataset=digits)
    for ours, theirs in zip(standing.parameters(), running.parameters(), strict=True):
        assert torch.equal(ours, theirs), "of the same training"
    assert gap(standing) < 0.1
    assert gap(running) > 0.2, "they are those of other weights"


def test_those_of_a_conditional_generator_are_of_the_classes_as_the_data_set_shares_them(
    digits: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_kept = digits.train_labels < 2
    is_kept[::20] = True
    uneven = replace(digits, train_images=digits.train_images[is_kept], train_labels=digits.train_labels[is_kept])
    measured: list[Tensor] = []
    monkeypatch.setattr(loop, "measure_statistics", lambda generator, inputs_NI: measured.append(inputs_NI))
    conditional = STUDENT.model_copy(update={"num_classes": 10})
    (last,) = train_gan(conditional, GanTrainingConfig(kimg=0.1), dataset=uneven, seed=3)
    assert isinstance(last.generator, Generator)
    classes_NK = measured[0][:, STUDENT.latent_size :]
    assert torch.equal(classes_NK.sum(dim=1), torch.ones(len(classes_NK))), "one-hot"
    shares = uneven.class_shares(10)
    assert max(shares) > 0.35
    assert classes_NK.mean(dim=0).tolist() == pytest.approx(shares, abs=0.03)


def test_bfloat16_and_the_order_of_memory_leave_them_as_good(digits: ImageDataset) -> None:
    compute = Compute(precision="bfloat16", channels_last=True)
    recipe = GanTrainingConfig(kimg=2.0, optimiser=FAST)
    (last,) = train_gan(STUDENT, recipe, dataset=digits, seed=3, compute=compute)
    assert all(buffer.dtype == torch.float32 for buffer in last.generator.buffers() if buffer.dtype.is_floating_point)
    assert gap(last.generator) < 0.1


def test_how_often_it_is_reported_changes_nothing(digits: ImageDataset) -> None:
    (once,), (*_, often) = generators("standing", dataset=digits), generators("standing", dataset=digits, rungs=(1.0,))
    assert all(torch.equal(a, b) for a, b in zip(once.state_dict().values(), often.state_dict().values(), strict=True))


def test_a_student_of_few_bits_has_those_of_its_rounded_weights(pool: TeacherPool, digits: ImageDataset) -> None:
    recipe = DistillationConfig(kimg=2.0, bits=4, optimiser=FAST)
    *_, last = distill(STUDENT, recipe, lesson=Lesson(pool, digits), seed=1)
    assert gap(last.generator) < 0.1


def test_running_statistics_are_those_of_the_weights_as_they_learn(teacher: Generator) -> None:
    source = Generator(teacher.config).train()
    average = MovingAverage(source, halflife_kimg=100.0)
    source(torch.randn(64, teacher.config.latent_size))
    average.update(1000, 0.064)
    assert all(torch.equal(a, b) for a, b in zip(average.module.buffers(), source.buffers(), strict=True))


def test_they_cost_nothing_where_nobody_reads_the_generator(
    digits: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(loop, "measure_statistics", lambda generator, inputs_NI: measured.append(len(inputs_NI)))
    training = train_gan(STUDENT, GanTrainingConfig(kimg=1.0), dataset=digits, seed=3, report_at_kimg=(0.2, 0.4, 0.6))
    *_, last = training
    assert measured == []
    assert last.generator is last.generator
    assert len(measured) == 1
