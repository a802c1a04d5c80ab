"""What the benchmarks of speed have in common: data, networks that were never trained, and a clock."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from gan import (
    Classifier,
    ClassifierCard,
    ClassifierConfig,
    Compute,
    DatasetConfig,
    Evaluator,
    GeneratorConfig,
    ImageDataset,
    Protocol,
    RealReference,
    TeacherPool,
    build_generator,
    build_pool,
    load_dataset,
    open_pool,
    pool_latents,
    save_classifier,
)

FID_SAMPLES = 2048


def shapes(image_size: int) -> ImageDataset:
    """2,000 coloured images."""
    config = {"name": "shapes", "num_images": 2000, "image_size": image_size}
    return load_dataset(DatasetConfig.model_validate(config))


def architecture(image_size: int, width: int) -> GeneratorConfig:
    """A generator of coloured images."""
    return GeneratorConfig.model_validate({"image_size": image_size, "image_channels": 3, "width": width})


def pool_of(teacher: GeneratorConfig, folder: Path) -> TeacherPool:
    """Images of an untrained teacher, which take a student as long as a trained one's."""
    network = build_generator(teacher, seed=0).eval()
    list(
        build_pool(
            network,
            "untrained",
            path=folder / "pool.arrow",
            latents_NL=pool_latents(FID_SAMPLES, teacher.latent_size, seed=0),
        )
    )
    return open_pool(folder / "pool.arrow")


def evaluator_of(dataset: ImageDataset, compute: Compute) -> Evaluator:
    """FID by an untrained classifier's features."""
    classifier = Classifier(ClassifierConfig(), 3, num_classes=dataset.num_classes).eval().to(compute.torch_device)
    protocol = Protocol(dataset_digest="d", extractor="classifier", extractor_digest="e", num_samples=FID_SAMPLES)
    return Evaluator(protocol, classifier, real=RealReference.of(classifier, dataset))


def saved_classifier(dataset: ImageDataset, folder: Path) -> Path:
    """An untrained classifier's files."""
    config = ClassifierConfig()
    card = ClassifierCard(
        config=config,
        image_channels=3,
        num_classes=dataset.num_classes,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        held_out_accuracy=0.0,
    )
    save_classifier(folder, Classifier(config, 3, num_classes=dataset.num_classes), card=card)
    return folder


def images_per_s(images: float, work: Callable[[], object]) -> float:
    """How many of them `work` gets through in a second, the device having finished."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return images / (time.perf_counter() - began)


def title_of(device: str) -> str:
    """The device's name; a CPU's number of threads."""
    return torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
