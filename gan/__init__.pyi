from .compute import Compute
from .datasets import (
    DATASETS,
    DataRoot,
    DatasetConfig,
    ImageDataset,
    default_data_root,
    filled,
    found_shape,
    load_dataset,
)
from .deployment.card import DeployedInput, DeployedOutput, DeploymentCard, Origin
from .deployment.exporting import Deployed, deploy_generator, load_deployed, record_costs
from .deployment.folding import FoldedGenerator, fold
from .deployment.in_pytorch import eager
from .deployment.latency import DrawingCost, DrawingCosts, Latency, MeasurementProtocol, latencies
from .deployment.memory import peak_memory
from .deployment.quiet import latency_alone, one_measurement
from .errors import AbsentScoreError, ArtifactError, FormatError, GanError
from .extractors.classifier import (
    Classifier,
    ClassifierCard,
    ClassifierConfig,
    ClassifierProgress,
    load_classifier,
    require_learnt,
    save_classifier,
    train_classifier,
)
from .extractors.features import DifferentiableExtractor, FeatureExtractor
from .extractors.own import (
    OwnExtractor,
    OwnExtractorCard,
    OwnExtractorConfig,
    import_extractor,
    load_own_extractor,
    save_own_extractor,
)
from .extractors.pretrained import Pretrained
from .extractors.selfsupervised import (
    SelfSupervised,
    SelfSupervisedCard,
    SelfSupervisedConfig,
    SelfSupervisedProgress,
    load_selfsupervised,
    save_selfsupervised,
    train_selfsupervised,
)
from .extractors.stored import LoadedExtractor, load_extractor
from .extractors.weights import PRETRAINED, ExtractorWeights, PretrainedName, find_weights
from .measuring.agreement import Agreement, agreement, agreement_latents
from .measuring.evaluation import Evaluator, Metrics, Protocol, Scores, evaluation_latents, generate
from .measuring.examination import (
    EXAMINATION_VERSION,
    Examination,
    ExaminationProgress,
    ExaminedLevel,
    examine,
    is_straight,
)
from .measuring.judging import judge_critic
from .measuring.published import load_statistics
from .measuring.reference import RealReference
from .networks.artifacts import (
    GeneratorCard,
    ImportedCard,
    load_any_generator,
    load_generator,
    save_generator,
    save_imported,
)
from .networks.cost import activation_count, count_parameters, latency_ms, mac_g, training_bytes, weight_bytes
from .networks.critic import Critic, CriticConfig, build_critic
from .networks.critic_files import CriticCard, CriticJudgement, load_critic, save_critic
from .networks.dcgan import Generator, GeneratorConfig, build_generator
from .networks.imported import AnyGenerator, ImportedGenerator, load_imported
from .networks.inspection import GeneratorReport, filled_generator, inspect_generator
from .networks.latents import LatentSpace
from .networks.own_config import ImportedConfig, Labels, OwnGenerator
from .networks.pruning import start_pruned
from .training.adversarial import AdversarialConfig
from .training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .training.critic_training import CriticProgress, CriticTrainingConfig, train_critic
from .training.distillation import distill
from .training.fused_distillation import Student, distill_fused, fusing_kind
from .training.lesson import DistillationConfig, Lesson
from .training.loop import Progress
from .training.optimisation import OptimiserConfig
from .training.scratch import GanTrainingConfig, train_gan
from .training.teacher_pool import TeacherPool, build_pool, open_pool, pool_latents

__all__ = [
    "DATASETS",
    "EXAMINATION_VERSION",
    "PRETRAINED",
    "AbsentScoreError",
    "AdversarialConfig",
    "Agreement",
    "AnyGenerator",
    "ArtifactError",
    "Checkpoint",
    "Classifier",
    "ClassifierCard",
    "ClassifierConfig",
    "ClassifierProgress",
    "Compute",
    "Critic",
    "CriticCard",
    "CriticConfig",
    "CriticJudgement",
    "CriticProgress",
    "CriticTrainingConfig",
    "DataRoot",
    "DatasetConfig",
    "Deployed",
    "DeployedInput",
    "DeployedOutput",
    "DeploymentCard",
    "DifferentiableExtractor",
    "DistillationConfig",
    "DrawingCost",
    "DrawingCosts",
    "Evaluator",
    "Examination",
    "ExaminationProgress",
    "ExaminedLevel",
    "ExtractorWeights",
    "FeatureExtractor",
    "FoldedGenerator",
    "FormatError",
    "GanError",
    "GanTrainingConfig",
    "Generator",
    "GeneratorCard",
    "GeneratorConfig",
    "GeneratorReport",
    "ImageDataset",
    "ImportedCard",
    "ImportedConfig",
    "ImportedGenerator",
    "Labels",
    "Latency",
    "LatentSpace",
    "Lesson",
    "LoadedExtractor",
    "MeasurementProtocol",
    "Metrics",
    "OptimiserConfig",
    "Origin",
    "OwnExtractor",
    "OwnExtractorCard",
    "OwnExtractorConfig",
    "OwnGenerator",
    "Pretrained",
    "PretrainedName",
    "Progress",
    "Protocol",
    "RealReference",
    "Scores",
    "SelfSupervised",
    "SelfSupervisedCard",
    "SelfSupervisedConfig",
    "SelfSupervisedProgress",
    "Student",
    "TeacherPool",
    "activation_count",
    "agreement",
    "agreement_latents",
    "build_critic",
    "build_generator",
    "build_pool",
    "count_parameters",
    "default_data_root",
    "deploy_generator",
    "distill",
    "distill_fused",
    "eager",
    "evaluation_latents",
    "examine",
    "filled",
    "filled_generator",
    "find_weights",
    "fold",
    "found_shape",
    "fusing_kind",
    "generate",
    "import_extractor",
    "inspect_generator",
    "is_straight",
    "judge_critic",
    "latencies",
    "latency_alone",
    "latency_ms",
    "load_any_generator",
    "load_checkpoint",
    "load_classifier",
    "load_critic",
    "load_dataset",
    "load_deployed",
    "load_extractor",
    "load_generator",
    "load_imported",
    "load_own_extractor",
    "load_selfsupervised",
    "load_statistics",
    "mac_g",
    "one_measurement",
    "open_pool",
    "peak_memory",
    "pool_latents",
    "record_costs",
    "require_learnt",
    "save_checkpoint",
    "save_classifier",
    "save_critic",
    "save_generator",
    "save_imported",
    "save_own_extractor",
    "save_selfsupervised",
    "start_pruned",
    "train_classifier",
    "train_critic",
    "train_gan",
    "train_selfsupervised",
    "training_bytes",
    "weight_bytes",
]
