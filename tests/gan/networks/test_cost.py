"""What a generator costs: the time of one image, and what its training holds."""

import time

import pytest
import torch

from gan import GeneratorConfig, activation_count, build_generator, count_parameters, latency_ms, training_bytes


def timed(width: int) -> float:
    return latency_ms(build_generator(GeneratorConfig(image_size=32, image_channels=3, width=width), seed=0))


def test_it_is_about_what_a_plain_loop_takes() -> None:
    generator = build_generator(GeneratorConfig(image_size=32, image_channels=3, width=32), seed=0).eval()
    latents_1L = torch.randn(1, generator.config.latent_size)
    with torch.inference_mode():
        times = []
        for _ in range(20):
            began = time.perf_counter()
            generator(latents_1L)
            times.append(1000 * (time.perf_counter() - began))
    # Another process may slow either down; the unit and the batch of one are what is looked at.
    assert min(times) / 5 < latency_ms(generator) < 5 * max(times)


def test_a_generator_of_a_hundred_times_the_work_takes_longer() -> None:
    assert timed(2) < timed(256)


def test_it_takes_a_few_milliseconds_for_a_small_one() -> None:
    began = time.perf_counter()
    latency = timed(2)
    assert latency > 0
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("training", [True, False])
def test_it_leaves_everything_as_it_was(training: bool) -> None:
    generator = build_generator(GeneratorConfig(image_size=16, image_channels=1, width=2), seed=0).train(training)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    latency_ms(generator)
    assert torch.equal(torch.rand(3), expected), "no random number is drawn"
    assert generator.training == training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_work_is_waited_for() -> None:
    big = build_generator(GeneratorConfig(image_size=64, image_channels=3, width=256), seed=0).cuda()
    assert latency_ms(big) > 0.1


def test_what_a_training_holds_is_counted_layer_by_layer() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=4)
    first, second, image = 8 * 4 * 4, 4 * 8 * 8, 16 * 16  # each stage: a convolution, its BatchNorm and its ReLU
    assert activation_count(config) == 3 * first + 3 * second + image
    assert training_bytes(config, 64) == 4 * (4 * count_parameters(config) + 64 * activation_count(config))
