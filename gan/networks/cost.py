"""This module tells what a generator costs: parameters, multiply-accumulates, and the time of one image here."""

import math
import statistics
import time
from functools import lru_cache

import torch
from torch import nn

from gan.networks.bits import FLOAT_BITS, Bits, scaled_axis
from gan.networks.convolutions import Convolution
from gan.networks.dcgan import Generator, GeneratorConfig
from gan.networks.imported import AnyGenerator

FLOAT32_BYTES = 4
WARM_UPS, TIMED = 3, 11  # images
ENOUGH_S = 0.25  # a big generator is timed on fewer images, and on three at least


@lru_cache(maxsize=4096)  # a search asks again and again about a few sizes
def count_parameters(config: GeneratorConfig) -> int:
    """Returns the trainable parameters of a generator, without allocating it.

    >>> count_parameters(student)
    684
    """
    return sum(parameter.numel() for parameter in _on_meta(config).parameters())


@lru_cache(maxsize=4096)
def mac_g(config: GeneratorConfig) -> float:
    """Returns the multiply-accumulates per generated image, in units of 10^9 (convolutions only).

    >>> round(1e9 * mac_g(student))
    4608
    """
    # Of no image at all, so that no weight is touched. PyTorch's counter of FLOPs, and a network on "meta" that runs,
    # would import PyTorch's compiler: a second for each worker.
    generator, found = _on_meta(config).eval(), []
    empty = {name: torch.empty(held.shape, dtype=held.dtype) for name, held in generator.state_dict().items()}
    generator.load_state_dict(empty, assign=True)

    def note(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            walked = inputs[0] if layer.transposed else output
            found.append(layer.weight.numel() * walked.shape[-2] * walked.shape[-1])

    for layer in generator.modules():
        layer.register_forward_hook(note)
    with torch.inference_mode():
        generator(torch.empty(0, config.input_size))
    return sum(found) / 1e9


@lru_cache(maxsize=4096)
def weight_bytes(config: GeneratorConfig, bits: Bits = FLOAT_BITS) -> int:
    """Returns the bytes of all that a generator has learnt, as a device holds it: BatchNorm is folded.

    Weights have so many bits each, one after the other. Biases are float32, and so are the scales of weights of less
    than 32 bits, one for each channel.

    >>> weight_bytes(student), weight_bytes(student, bits=4)
    (2712, 388)
    """
    layers = list(_on_meta(config).layers)
    weights = sum(layer.weight.numel() for layer in layers if isinstance(layer, Convolution))
    floats: int = sum(layer.num_features for layer in layers if isinstance(layer, nn.BatchNorm2d))
    if bits != FLOAT_BITS:
        floats += sum(layer.weight.shape[scaled_axis(layer)] for layer in layers if isinstance(layer, Convolution))
    return math.ceil(weights * bits / 8) + FLOAT32_BYTES * floats


@lru_cache(maxsize=4096)
def activation_count(config: GeneratorConfig) -> int:
    """Returns how many values a generator's layers put out for one image, all needed by its backward pass.

    >>> activation_count(student) < activation_count(teacher.config)
    True
    """
    generator, found = _on_meta(config), []

    def note(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        found.append(output.numel())

    for layer in generator.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(note)
    generator.eval()(torch.empty(1, config.input_size, device="meta"))
    return sum(found)


def training_bytes(config: GeneratorConfig, batch_size: int) -> int:
    """Returns about what a generator's training holds in float32: weights, gradients, Adam's moments, activations.

    >>> training_bytes(student, 64) < training_bytes(teacher.config, 64)
    True
    """
    return FLOAT32_BYTES * (4 * count_parameters(config) + batch_size * activation_count(config))


@torch.inference_mode()
def latency_ms(generator: AnyGenerator) -> float:
    """Returns the median wall time in ms of generating one image (batch of 1, float32), after a warm-up.

    On the generator's device, with as many threads as PyTorch is set to. A property of the machine and of what else
    runs on it, not of the generator alone. Leaves the generator, its mode and every random number as they were.

    >>> latency_ms(teacher) > 0
    True
    """
    device = next(generator.parameters()).device
    inputs_1I = generator.config.inputs(1, "latency", seed=0).to(device)
    was_training = generator.training
    generator.eval()
    try:
        for _ in range(WARM_UPS):
            _seconds(generator, inputs_1I)
        times: list[float] = []
        while len(times) < TIMED and (len(times) < 3 or sum(times) < ENOUGH_S):
            times.append(_seconds(generator, inputs_1I))
    finally:
        generator.train(was_training)
    return 1000 * statistics.median(times)


def _seconds(generator: AnyGenerator, inputs_1I: torch.Tensor) -> float:
    began = time.perf_counter()
    generator(inputs_1I)
    if inputs_1I.is_cuda:
        torch.cuda.synchronize(inputs_1I.device)  # else only the launch would be timed
    return time.perf_counter() - began


def _on_meta(config: GeneratorConfig) -> Generator:
    with torch.device("meta"):
        return Generator(config)
