"""Generative adversarial networks: data sets, training, distillation and measurement.

Knows nothing of searches, clusters or tracking servers: a training is a generator of `Progress`
values, and a stored model is a folder with weights and a card.

    dataset = load_dataset("digits")
    for progress in distill(architecture, config, open_pool(path), dataset, seed=0):
        print(progress.kimg, evaluator.evaluate(progress.generator).fid)
"""

from gan.adversarial import AdversarialConfig
from gan.agreement import Agreement, agreement, agreement_latents
from gan.artifacts import (
    ClassifierCard,
    GeneratorCard,
    ImportedCard,
    load_any_generator,
    load_classifier,
    load_generator,
    save_classifier,
    save_generator,
    save_imported,
)
from gan.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from gan.compute import Compute
from gan.cost import count_parameters, latency_ms, mac_g
from gan.datasets import DATASETS, DataRoot, DatasetConfig, ImageDataset, default_data_root, load_dataset
from gan.distillation import DistillationConfig, distill
from gan.errors import ArtifactError, GanError
from gan.evaluation import Evaluator, Metrics, Protocol, evaluation_latents, generate
from gan.features import Classifier, ClassifierConfig, FeatureExtractor, train_classifier
from gan.imported import AnyGenerator, ImportedConfig, ImportedGenerator, load_imported
from gan.inception import INCEPTION_FEATURES, Inception, InceptionWeights, find_inception_weights
from gan.loop import Progress
from gan.models import CriticConfig, Generator, GeneratorConfig, build_generator
from gan.optimisation import OptimiserConfig
from gan.reference import RealReference
from gan.teacher_pool import TeacherPool, build_pool, open_pool, pool_latents
from gan.training import GanTrainingConfig, train_gan

__all__ = [
    "DATASETS",
    "INCEPTION_FEATURES",
    "AdversarialConfig",
    "Agreement",
    "AnyGenerator",
    "ArtifactError",
    "Checkpoint",
    "Classifier",
    "ClassifierCard",
    "ClassifierConfig",
    "Compute",
    "CriticConfig",
    "DataRoot",
    "DatasetConfig",
    "DistillationConfig",
    "Evaluator",
    "FeatureExtractor",
    "GanError",
    "GanTrainingConfig",
    "Generator",
    "GeneratorCard",
    "GeneratorConfig",
    "ImageDataset",
    "ImportedCard",
    "ImportedConfig",
    "ImportedGenerator",
    "Inception",
    "InceptionWeights",
    "Metrics",
    "OptimiserConfig",
    "Progress",
    "Protocol",
    "RealReference",
    "TeacherPool",
    "agreement",
    "agreement_latents",
    "build_generator",
    "build_pool",
    "count_parameters",
    "default_data_root",
    "distill",
    "evaluation_latents",
    "find_inception_weights",
    "generate",
    "latency_ms",
    "load_any_generator",
    "load_checkpoint",
    "load_classifier",
    "load_dataset",
    "load_generator",
    "load_imported",
    "mac_g",
    "open_pool",
    "pool_latents",
    "save_checkpoint",
    "save_classifier",
    "save_generator",
    "save_imported",
    "train_classifier",
    "train_gan",
]
