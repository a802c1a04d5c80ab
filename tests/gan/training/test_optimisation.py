import pytest
import torch
from torch import nn

from gan import Generator, OptimiserConfig
from gan.training.optimisation import MovingAverage


class TestSchedule:
    CONFIG = OptimiserConfig(learning_rate=0.1, warmup_kimg=10, final_fraction=0.2)

    @pytest.mark.parametrize(("kimg", "rate"), [(0, 0.0), (5, 0.05 * (0.2 + 0.8 * 0.9938)), (50, 0.06), (100, 0.02)])
    def test_warm_up_then_cosine_to_the_final_fraction(self, kimg: float, rate: float) -> None:
        assert self.CONFIG.rate_at(kimg, 100) == pytest.approx(rate, abs=1e-5)

    def test_constant_by_default(self) -> None:
        assert OptimiserConfig(learning_rate=0.1).rate_at(99, 100) == pytest.approx(0.1)


class TestMovingAverage:
    def test_a_half_life_halves_the_distance(self) -> None:
        module = nn.Linear(1, 1, bias=False)
        nn.init.constant_(module.weight, 0.0)
        average = MovingAverage(module, halflife_kimg=2.0)
        nn.init.constant_(module.weight, 1.0)
        average.update(kimg_seen=1000, kimg_step=2.0)
        assert average.module.weight.item() == pytest.approx(0.5)
        average.update(kimg_seen=1002, kimg_step=4.0)
        assert average.module.weight.item() == pytest.approx(1 - 0.5 * 0.25)

    def test_early_on_the_half_life_is_a_twentieth_of_what_was_seen(self) -> None:
        module = nn.Linear(1, 1, bias=False)
        nn.init.constant_(module.weight, 0.0)
        average = MovingAverage(module, halflife_kimg=1000.0)
        nn.init.constant_(module.weight, 1.0)
        average.update(kimg_seen=40, kimg_step=2.0)
        assert average.module.weight.item() == pytest.approx(0.5)

    def test_batch_statistics_are_copied(self, teacher: Generator) -> None:
        source = Generator(teacher.config).train()
        average = MovingAverage(source, halflife_kimg=100.0)
        source(torch.randn(64, teacher.config.latent_size))
        average.update(1000, 0.064)
        ours, theirs = dict(average.module.named_buffers()), dict(source.named_buffers())
        assert ours
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
