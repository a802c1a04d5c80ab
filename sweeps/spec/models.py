"""This module states the models that a sweep makes before its trials: extractor and teacher."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from gan import INCEPTION_FEATURES, ClassifierConfig, GanTrainingConfig, ImportedConfig, LatentSpace
from gan.config import Config
from gan.networks.dcgan import Depth, Width
from gan.networks.latents import LatentSize


class InceptionSpec(Config):
    """The extractor is torch-fidelity's inception-v3-compat, the one of published FIDs."""

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
    Annotated[
        Annotated[ClassifierConfig, Tag("classifier")] | Annotated[InceptionSpec, Tag("inception")],
        Discriminator(_extractor_kind),
    ],
    BeforeValidator(_by_kind),
]


class TeacherSpec(Config):
    """A teacher is a large generator: its size, its training, and how many of its images the students learn from."""

    width: Width
    depth: Depth = 1
    latent_size: LatentSize = 100
    candidates: tuple[Width, ...] = ()  # widths that `teacher select` compares
    training: GanTrainingConfig
    pool_size: Annotated[int, Field(ge=64, le=10_000_000)] = 32768

    @property
    def space(self) -> LatentSpace:
        """Returns what the teacher takes, and so its students."""
        return LatentSpace(latent_size=self.latent_size)


class ImportedTeacherSpec(ImportedConfig):
    """The teacher is a generator of the user's own; `pool_size` of its images are what the students learn from."""

    pool_size: Annotated[int, Field(ge=64, le=10_000_000)] = 32768

    @property
    def imported(self) -> ImportedConfig:
        """Returns the generator alone, without the size of its pool."""
        return ImportedConfig.model_validate({name: getattr(self, name) for name in ImportedConfig.model_fields})


def _teacher_kind(value: object) -> str:
    own = {"file", "factory", "weights"} & set(value) if isinstance(value, dict) else None
    return "imported" if own or isinstance(value, ImportedTeacherSpec) else "trained"


# A teacher to train, or a generator of the user's own.
AnyTeacherSpec = Annotated[
    Annotated[TeacherSpec, Tag("trained")] | Annotated[ImportedTeacherSpec, Tag("imported")],
    Discriminator(_teacher_kind),
]
