"""One student with shared weights at all sizes, trained by the sandwich rule.

A supernet is the widest and deepest student; every other one has the first channels of each of its layers, and a
shallow one leaves out the layers that refine. At each step the largest, the smallest and two random ones learn the
same images of the teacher's pool by MSE (Yu and Huang, 2019, "Universally slimmable networks"). Afterwards each size
is an ordinary generator with BatchNorm's statistics of its own. Shapes: B batch, I inputs, C H W of images.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from gan import DistillationConfig, Generator, GeneratorConfig, Lesson, build_generator
from gan.compute import CPU
from gan.networks.dcgan import halved_widths
from gan.seeds import generator_at, seed_at
from gan.training.optimisation import MovingAverage, ScheduledOptimiser, step_together
from sweeps import SweepSpec

AT_ONCE = 4  # networks of a step: the largest, the smallest and two random ones
MODULES = 3  # of a convolution with its normalisation and ReLU
RECALIBRATION, RECALIBRATION_BATCH = 16, 256

Size = tuple[tuple[int, ...], int]  # channels of the stages, and depth


class Supernet:
    """The widest and deepest student, of whose weights all others are slices.

    Channels of a stage are those of a width; `free` stages have a width each.
    """

    def __init__(self, spec: SweepSpec, widths: range, depths: list[int], *, free: bool) -> None:
        self._spec, self._widths, self._depths, self._free = spec, widths, depths, free
        # Only for their shapes, and with statistics that nobody reads: the weights are the supernet's.
        self._network = cache(lambda size: Generator(student_of(spec, size)).train())
        self.kept = Generator(student_of(spec, self._size(max(widths), max(depths))))

    def _size(self, width: int, depth: int) -> Size:
        return halved_widths(width, self._spec.shape["image_size"]), depth

    def train(self, recipe: DistillationConfig, lesson: Lesson, seed: int) -> None:
        """Trains for the recipe's images, each of which `AT_ONCE` networks make."""
        wide = build_generator(self.kept.config, seed_at(seed, "supernet")).train()
        optimiser = ScheduledOptimiser(recipe.optimiser, wide)
        average = MovingAverage(wide, recipe.ema_halflife_kimg)
        batches = lesson.pool.batches(recipe.batch_size, generator_at(seed, "pool batches"), device=CPU.torch_device)
        random, step_kimg = generator_at(seed, "sizes"), recipe.batch_size / 1000
        for step in range(round(recipe.kimg / step_kimg)):
            optimiser.set_progress(step * step_kimg, recipe.kimg)
            inputs_BI, wanted_BCHW = next(batches)
            networks = [self._network(size) for size in self._sandwich(random)]
            images = [functional_call(network, slice_of(wide, network.config), (inputs_BI,)) for network in networks]
            step_together([optimiser], [F.mse_loss(images_BCHW, wanted_BCHW) for images_BCHW in images])
            average.update((step + 1) * step_kimg, step_kimg)
        self.kept.load_state_dict(average.module.state_dict())

    def _sandwich(self, random: torch.Generator) -> Iterator[Size]:
        yield self._size(max(self._widths), max(self._depths))
        yield self._size(min(self._widths), min(self._depths))
        for _ in range(AT_ONCE - 2):
            stages, depth = self._size(self._drawn(self._widths, random), self._drawn(self._depths, random))
            if self._free:
                drawn = (self._size(self._drawn(self._widths, random), depth)[0] for _ in stages)
                stages = tuple(own[stage] for stage, own in enumerate(drawn))
            yield stages, depth

    def _drawn(self, choices: Sequence[int], random: torch.Generator) -> int:
        return choices[int(torch.randint(len(choices), (), generator=random))]

    def generator(self, config: GeneratorConfig, lesson: Lesson) -> Generator:
        """An ordinary generator, with the statistics that its own maps have at latents of the pool."""
        sliced = Generator(config)
        sliced.load_state_dict(slice_of(self.kept, config), strict=False)
        for module in sliced.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # all batches weigh alike
        batches = lesson.pool.batches(RECALIBRATION_BATCH, generator_at(0, "recalibration"), device=CPU.torch_device)
        with torch.no_grad():
            for inputs_BI, _ in itertools.islice(batches, RECALIBRATION):
                sliced.train()(inputs_BI)
        return sliced.eval()


def student_of(spec: SweepSpec, size: Size) -> GeneratorConfig:
    stages, depth = size
    halved = spec.student_architecture(stages[-1], depth)
    if halved.stage_channels == list(stages):
        return halved
    return GeneratorConfig.model_validate({**halved.model_dump(), "stage_widths": stages})


def slice_of(wide: Generator, config: GeneratorConfig) -> dict[str, Tensor]:
    """Views of the first channels of the wide one's parameters, by their names in a generator of `config`."""
    whole, views = dict(wide.named_parameters()), {}
    for name, shape in shapes_of(config).items():
        prefix, number, parameter = name.split(".")
        stage, layer = divmod(int(number), MODULES * config.depth)
        parent = whole[f"{prefix}.{MODULES * wide.config.depth * stage + layer}.{parameter}"]
        views[name] = parent[tuple(slice(0, count) for count in shape)]
    return views


@cache
def shapes_of(config: GeneratorConfig) -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: parameter.shape for name, parameter in Generator(config).named_parameters()}
