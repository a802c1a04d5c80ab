"""A sweep's specification: everything a user states, parsed once into frozen values."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from analysis import LimitRule
from gan import (
    INCEPTION_FEATURES,
    ClassifierConfig,
    Compute,
    DatasetConfig,
    DistillationConfig,
    GanTrainingConfig,
    GeneratorConfig,
    ImageDataset,
    ImportedConfig,
)
from gan.config import Config
from gan.models import BLOCKS, BlockName, Depth, Width
from sweeps.errors import SweepError
from sweeps.space import AnyDomain, ChoiceDomain, Domain, FloatDomain, bounds

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class InceptionSpec(Config):
    """torch-fidelity's inception-v3-compat, the extractor of published FIDs."""

    kind: Literal["inception"]

    @property
    def features(self) -> int:
        return INCEPTION_FEATURES


def _extractor_kind(value: object) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "inception" if kind == "inception" else "classifier"


def _by_kind(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


# The data set's own classifier, given by its configuration, or `inception`.
ExtractorSpec = Annotated[
    Annotated[ClassifierConfig, Tag("classifier")] | Annotated[InceptionSpec, Tag("inception")],
    Discriminator(_extractor_kind),
]


class TeacherSpec(Config):
    """The large generator, how it is trained, and how many of its images the students learn from."""

    width: Width
    depth: Depth = 1
    latent_size: Annotated[int, Field(ge=1, le=1024)] = 100
    candidates: tuple[Width, ...] = ()  # widths that `teacher select` compares
    training: GanTrainingConfig
    pool_size: Annotated[int, Field(ge=64, le=10_000_000)] = 32768


class ImportedTeacherSpec(ImportedConfig):
    """A generator of the user's own, and how many of its images the students learn from."""

    pool_size: Annotated[int, Field(ge=64, le=10_000_000)] = 32768

    @property
    def imported(self) -> ImportedConfig:
        """The generator alone."""
        return ImportedConfig.model_validate({name: getattr(self, name) for name in ImportedConfig.model_fields})


def _teacher_kind(value: object) -> str:
    own = {"file", "factory", "weights"} & set(value) if isinstance(value, dict) else None
    return "imported" if own or isinstance(value, ImportedTeacherSpec) else "trained"


class Space(Config):
    """What is searched: a domain for each dimension. One fixed value is a choice with one entry."""

    width: Domain
    depth: Domain
    gan_weight: Domain
    block: ChoiceDomain | None = None  # dcgan where it is not searched

    def domains(self) -> dict[str, AnyDomain]:
        """The domains by name of their dimension."""
        domains: dict[str, AnyDomain] = {"width": self.width, "depth": self.depth, "gan_weight": self.gan_weight}
        return domains | ({"block": self.block} if self.block else {})


class Point(Config):
    """One student of the space."""

    width: int
    depth: int
    gan_weight: float
    block: BlockName = "dcgan"


class SearchSpec(Config):
    """Which students are tried. `points` are tried first; several `seeds` are a dimension of their own."""

    trials: Annotated[int, Field(ge=1, le=100_000)]
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    space: Space
    points: tuple[Point, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "SearchSpec":
        domains = self.space.domains()
        for number, point in enumerate(self.points, start=1):
            outside = [name for name, domain in domains.items() if not domain.holds(getattr(point, name))]
            if self.space.block is None and point.block != "dcgan":
                outside.append("block, which is not searched,")
            if outside:
                raise ValueError(f"a point lies in the space; mend {', '.join(outside)} of point {number}")
        if self.sampler == "grid" and any(isinstance(domain, FloatDomain) for domain in domains.values()):
            raise ValueError("a grid needs int or choice domains; use choice, or sampler tpe or random")
        return self


class BaselineSpec(GanTrainingConfig):
    """Students' architectures trained from scratch: of which of them, and the recipe with its budget `kimg`."""

    of: Literal["frontier", "all", "none"] = "frontier"

    @property
    def training(self) -> GanTrainingConfig:
        """The recipe alone."""
        return GanTrainingConfig.model_validate({name: getattr(self, name) for name in GanTrainingConfig.model_fields})


class EvaluationSpec(Config):
    """How generators are measured, and at which budgets before the full one a trial reports."""

    num_samples: Annotated[int, Field(ge=16, le=1_000_000)] = 2048
    latent_seed: Seed = 0
    inception_splits: Annotated[int, Field(ge=1, le=100)] = 10
    fid_infinity: bool = False
    rungs_kimg: tuple[Annotated[float, Field(gt=0)], ...] = ()


class ResourceSpec(Config):
    """What one trial occupies and how it computes; both change rounding, so they are part of the spec.

    `gpus_per_trial` above 0 puts teacher, students and extractor on the GPU, of which a fraction lets several
    trials share one.
    """

    cpus_per_trial: Annotated[int, Field(ge=1, le=256)] = 1
    gpus_per_trial: Annotated[float, Field(ge=0, le=8)] = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False

    @property
    def compute(self) -> Compute:
        """Where and how precisely networks run."""
        device = "cuda" if self.gpus_per_trial > 0 else "cpu"
        return Compute.model_validate(
            {"device": device, "precision": self.precision, "channels_last": self.channels_last}
        )


class SweepSpec(Config):
    """A whole sweep. `seed` grows every random stream: teacher, search and students."""

    name: Name
    dataset: Annotated[DatasetConfig, BeforeValidator(_by_name)]  # a name, or a mapping with a name
    seed: Seed = 0
    extractor: Annotated[ExtractorSpec, BeforeValidator(_by_kind)] = ClassifierConfig()
    teacher: Annotated[
        Annotated[TeacherSpec, Tag("trained")] | Annotated[ImportedTeacherSpec, Tag("imported")],
        Discriminator(_teacher_kind),
    ]
    student: DistillationConfig
    search: SearchSpec
    baseline: BaselineSpec
    evaluation: EvaluationSpec = EvaluationSpec()
    limit: LimitRule = LimitRule(metric="fid", tolerance=0.5)
    resources: ResourceSpec = ResourceSpec()

    @model_validator(mode="after")
    def _is_consistent(self) -> "SweepSpec":
        low, high = bounds(self.search.space.width)
        widest = self.teacher.width if isinstance(self.teacher, TeacherSpec) else 1024
        if low < 1 or high > widest:
            raise ValueError(
                f"search.space.width lies between 1 and the teacher's width {widest}, "
                f"got {low} to {high}; narrow the domain or widen the teacher"
            )
        if bounds(self.search.space.depth)[0] < 1:
            raise ValueError("search.space.depth is at least 1; raise low")
        low, high = bounds(self.search.space.gan_weight)
        if low < 0 or high >= 1:
            raise ValueError(f"search.space.gan_weight lies in [0, 1), got {low} to {high}; 0 is the MSE scheme alone")
        unknown = set(self.search.space.block.values if self.search.space.block else ()) - set(BLOCKS)
        if unknown:
            raise ValueError(f"search.space.block is of {', '.join(BLOCKS)}, got {', '.join(map(repr, unknown))}")
        if self.evaluation.num_samples < 2 * self.extractor.features:
            raise ValueError(
                f"evaluation.num_samples is at least twice the extractor's {self.extractor.features} features, "
                f"got {self.evaluation.num_samples}; raise it to {2 * self.extractor.features} or more"
            )
        if self.student.feature_weight > 0 and isinstance(self.extractor, InceptionSpec):
            raise ValueError(
                "student.feature_weight above 0 matches a classifier's features, got extractor inception; "
                "set feature_weight: 0 or choose a classifier"
            )
        return self

    @property
    def student_seeds(self) -> tuple[int, ...]:
        """The seeds of the students: those of the search, or else the sweep's."""
        return self.search.seeds or (self.seed,)

    @property
    def trained_teacher(self) -> TeacherSpec:
        """The teacher as one to train. Raises SweepError where it is a generator of the user's own."""
        if isinstance(self.teacher, TeacherSpec):
            return self.teacher
        raise SweepError(
            "A teacher that is trained has width and training",
            f"a generator of your own, {self.teacher.path}",
            "Run the sweep: it is used as it is.",
        )

    def teacher_architecture(self, dataset: ImageDataset) -> GeneratorConfig:
        """The trained teacher's generator for the images of `dataset`."""
        return self.student_architecture(dataset, self.trained_teacher.width, self.trained_teacher.depth)

    def student_architecture(
        self, dataset: ImageDataset, width: int, depth: int, block: BlockName = "dcgan"
    ) -> GeneratorConfig:
        """A generator with the teacher's latent size for the images of `dataset`."""
        return GeneratorConfig.model_validate(
            {
                "image_size": dataset.image_size,
                "image_channels": dataset.image_channels,
                "latent_size": self.teacher.latent_size,
                "width": width,
                "depth": depth,
                "block": block,
            }
        )

    def domains(self) -> dict[str, AnyDomain]:
        """The searched dimensions: the space and, with several seeds, the seed."""
        domains = self.search.space.domains()
        if len(self.student_seeds) > 1:
            domains["seed"] = ChoiceDomain(type="choice", values=self.student_seeds)
        return domains
