"""This module states the models that a sweep makes before its trials: extractor and teacher."""

import difflib
import operator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from gan import (
    PRETRAINED,
    ClassifierConfig,
    CriticConfig,
    DataRoot,
    GanTrainingConfig,
    ImportedConfig,
    LatentSpace,
    OwnExtractorConfig,
    PretrainedName,
    SelfSupervisedConfig,
)
from gan.config import Config, PathText
from gan.networks.blocks import DEFAULT_BLOCK, BlockName
from gan.networks.critic import CriticNorm
from gan.networks.dcgan import Depth, Width
from gan.networks.latents import LatentSize


class ClassifierSpec(ClassifierConfig):
    """The extractor is a classifier of the data set's own, trained once; a mapping without a kind means it."""

    kind: Literal["classifier"] = Field(default="classifier", exclude=True)  # earlier specifications have none


class SelfSupervisedSpec(SelfSupervisedConfig):
    """The extractor is learnt once from the data set's images, without labels."""

    kind: Literal["selfsupervised"]


class PretrainedSpec(Config):
    """The extractor is one of torch-fidelity's, by its name; `inception` is the one of published FIDs.

    `weights` is its file, for machines that cannot download it.
    """

    kind: PretrainedName
    weights: PathText | None = Field(default=None, exclude_if=lambda path: path is None)

    @property
    def features(self) -> int:
        return PRETRAINED[self.kind]

    def weights_in(self, data_root: DataRoot) -> Path | None:
        """Returns the file that a command's option names, or else the specification."""
        return data_root.weights_of(self.kind) or (Path(self.weights).expanduser() if self.weights else None)


class OwnExtractorSpec(OwnExtractorConfig):
    """The extractor is a network of the user's own, in `file`."""

    @property
    def kind(self) -> Literal["own"]:
        return "own"

    @property
    def own(self) -> OwnExtractorConfig:
        """Returns what the network is, as `gan` takes it."""
        own = OwnExtractorConfig
        return own.model_validate({name: getattr(self, name) for name in own.model_fields})


# Those that are trained on the data set, whose features a student can match.
EmbeddedSpec = ClassifierSpec | SelfSupervisedSpec
EMBEDDED = ("classifier", "selfsupervised")
EXTRACTORS = (*EMBEDDED, *PRETRAINED)
# Those that are known to have no classes, on which an Inception Score rests; a network of one's own shows it.
WITHOUT_CLASSES = ("selfsupervised", *(kind for kind in PRETRAINED if kind != "inception"))


def _by_kind(value: Any) -> Any:
    """Returns the mapping that a name stands for. Raises ValueError where there is no such extractor."""
    made = {"kind": value} if isinstance(value, str) else value
    if not isinstance(made, dict):
        return made
    kind = made.get("kind")
    if kind is not None and kind not in EXTRACTORS:
        close = difflib.get_close_matches(str(kind), EXTRACTORS, n=1)
        hint = f"did you mean {close[0]}?" if close else "choose one of them"
        raise ValueError(
            f"an extractor is {', '.join(EXTRACTORS)}, or a network of your own in a file, got {kind!r}; {hint}"
        )
    # What a function has seen is JSON no more, where a list is a tuple.
    return {key: tuple(given) if isinstance(given, list) else given for key, given in made.items()}


def _extractor_tag(value: Any) -> str:
    given = value if isinstance(value, dict) else {"kind": getattr(value, "kind", None)}
    if isinstance(value, OwnExtractorSpec) or ("file" in given and "kind" not in given):
        return "own"
    kind = given.get("kind")
    return "pretrained" if kind in PRETRAINED else kind if kind in EMBEDDED else "classifier"


# A name, or a mapping with a kind; without one it is a classifier, or with a file a network of the user's own.
ExtractorSpec = Annotated[
    Annotated[
        Annotated[ClassifierSpec, Tag("classifier")]
        | Annotated[SelfSupervisedSpec, Tag("selfsupervised")]
        | Annotated[PretrainedSpec, Tag("pretrained")]
        | Annotated[OwnExtractorSpec, Tag("own")],
        Discriminator(_extractor_tag),
    ],
    BeforeValidator(_by_kind),
]


PoolSize = Annotated[int, Field(ge=64, le=10_000_000)]
CRITIC_KIMG = 32.0
# The images that a critic is shown where the teacher has none, and students learn from it.
CriticKimg = Annotated[float, Field(gt=0, le=1e6, exclude_if=lambda kimg: kimg == CRITIC_KIMG)]


class OwnCriticSpec(Config):
    """A critic of one's own is a network of ours: in a `folder` as it was stored, or its state in `weights`.

    Of a state its `network` and its `norm` are stated; a folder says them itself.
    """

    folder: PathText | None = None
    weights: PathText | None = None
    network: CriticConfig | None = None
    norm: CriticNorm = "spectral"

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if (self.folder is None) == (self.weights is None):
            raise ValueError("a critic is given by folder, or by weights and network; give one of the two")
        if (self.weights is None) != (self.network is None):
            raise ValueError("network is that of a critic's weights; give both, or a folder alone")
        if self.folder is not None and "norm" in self.model_fields_set:
            raise ValueError(f"a critic's folder says its norm, got {self.norm} beside it; leave it out")
        if self.norm == "none" and self.network is not None and self.network.gain != 1.0:
            raise ValueError(f"network.gain is of the norm spectral, got {self.network.gain:g} with none; leave it out")
        return self

    @property
    def path(self) -> Path:
        """Returns the place that it comes from."""
        place = self.folder or self.weights
        assert place is not None, "a critic comes from one place"
        return Path(place).expanduser()


def _stored(value: Any) -> Any:
    return {"folder": value} if isinstance(value, str) else value


class TeacherSpec(Config):
    """A teacher is a large generator: its size, its training, and how many of its images the students learn from.

    `block` is its own: a student's is that of the search.
    """

    width: Width
    depth: Depth = 1
    block: BlockName = Field(default=DEFAULT_BLOCK, exclude_if=partial(operator.eq, DEFAULT_BLOCK))
    latent_size: LatentSize = 100
    candidates: tuple[Width, ...] = ()  # widths that `teacher select` compares
    training: GanTrainingConfig
    pool_size: PoolSize = 32768
    critic_kimg: CriticKimg = CRITIC_KIMG

    @property
    def space(self) -> LatentSpace:
        """Returns what the teacher takes, and so its students."""
        return LatentSpace(latent_size=self.latent_size)


class ImportedTeacherSpec(ImportedConfig):
    """The teacher is a generator of the user's own; `pool_size` of its images are what the students learn from.

    `critic` is the one it was trained against, where there is one of ours.
    """

    pool_size: PoolSize = 32768
    critic_kimg: CriticKimg = CRITIC_KIMG
    critic: Annotated[OwnCriticSpec, BeforeValidator(_stored)] | None = Field(
        default=None, exclude_if=lambda critic: critic is None
    )

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
