"""Memory of one trial on data of CIFAR-10's size, beyond the mapped pool and data set.

    python -m tests.benchmarks.memory --out memory.json

50,000 training images of 32x32 in a mapped cache, a pool of 50,000, a joint distillation and a whole measurement of
10,000 samples. Anonymous memory is what the process has for itself; pages of mapped files are shared by all trials.
"""

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from gan import (
    Classifier,
    ClassifierConfig,
    DistillationConfig,
    Evaluator,
    GeneratorConfig,
    Lesson,
    Protocol,
    RealReference,
    build_generator,
    build_pool,
    distill,
    open_pool,
    pool_latents,
)
from gan.datasets import DataRoot
from gan.datasets.cache import Source, by_row, cached

IMAGES, HELD_OUT, POOL, SAMPLES = 60_000, 10_000, 50_000, 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=16, help="the student's")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = _measure(Path(name), arguments.width)
    print(f"anonymous memory: {found['before_gib']:.2f} GiB before, at most {found['peak_gib']:.2f} GiB in the trial")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")


def _measure(folder: Path, width: int) -> dict[str, float]:
    labels = np.arange(IMAGES) % 10
    noise = np.random.default_rng(0).integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
    source = Source(
        labels_N=labels,
        held_out=HELD_OUT,
        num_classes=10,
        image_shape=(3, 32, 32),
        decoded=by_row(IMAGES, lambda row: noise[row % 64]),
    )
    dataset = cached("noise", {"images": IMAGES}, data_root=DataRoot(folder), build=lambda: source)
    architecture = GeneratorConfig(image_size=32, image_channels=3, width=width)
    teacher = build_generator(architecture, seed=0).eval()
    list(build_pool(teacher, "untrained", path=folder / "pool.arrow", latents_NL=pool_latents(POOL, 100, seed=0)))
    classifier = Classifier(ClassifierConfig(), 3, num_classes=10).eval()
    RealReference.of(classifier, dataset).save(folder / "reference.safetensors")

    with _Peak() as peak:
        pool, reference = open_pool(folder / "pool.arrow"), RealReference.load(folder / "reference.safetensors")
        protocol = Protocol(dataset_digest="d", extractor="classifier", extractor_digest="e", num_samples=SAMPLES)
        evaluator = Evaluator(protocol, classifier, real=reference)
        *_, progress = distill(
            architecture, DistillationConfig(kimg=2, gan_weight=0.02), lesson=Lesson(pool, dataset), seed=0
        )
        evaluator.evaluate(progress.generator, whole=True)
    return {"before_gib": peak.before / 2**30, "peak_gib": peak.most / 2**30}


class _Peak:
    """The most anonymous memory that this process has while inside, looked up fifty times a second."""

    def __enter__(self) -> "_Peak":
        self.before = self.most = _anonymous_bytes()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.most = max(self.most, _anonymous_bytes())
            time.sleep(0.02)


def _anonymous_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not say how much memory is anonymous")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
