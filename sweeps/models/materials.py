"""This module provides what every trial reads and none writes: data set, extractor, statistics, pools, critic, teacher.

On one machine they are files, which its processes map. On a cluster, whose nodes may share no disk, they go to Ray's
object store once, and all trials of a node read one copy of them there.
"""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import ray

from gan import (
    Compute,
    Critic,
    DataRoot,
    DatasetConfig,
    FeatureExtractor,
    Generator,
    ImageDataset,
    Lesson,
    Protocol,
    RealReference,
    TeacherPool,
    load_critic,
    load_dataset,
    load_generator,
    open_pool,
)
from gan.training.losses import Features
from sweeps.models.extractors import ExtractorFiles, load_network

ModelT = TypeVar("ModelT", Critic, Generator)


@dataclass(frozen=True, kw_only=True)
class Materials:
    """Materials are loaded once per worker and kept for all its trials.

    Large arrays may be read-only views: never write to them.
    """

    dataset: ImageDataset
    extractor: FeatureExtractor
    reference: RealReference
    pool: TeacherPool
    agreement: TeacherPool  # the teacher's images at latents that no student learns at
    critic: Critic | None  # the teacher's, where students learn from it
    teacher: Generator | None  # where students begin as part of it

    def lesson(self, features: Features | None) -> Lesson:
        """Returns what students learn from; `features` are the extractor's, where they are matched."""
        return Lesson(self.pool, self.dataset, features=features, critic=self.critic, teacher=self.teacher)


class MaterialSource(ABC):
    """A MaterialSource is where a worker gets the materials from. It is small, hashable and picklable."""

    @abstractmethod
    def load(self, protocol: Protocol, compute: Compute) -> Materials:
        """Returns the materials. Raises ArtifactError for damaged ones, GanError for missing ones."""

    @abstractmethod
    def extractor_path(self) -> AbstractContextManager[Path]:
        """Gives the path of the extractor's files, which exist for the length of a `with` block."""


@dataclass(frozen=True, kw_only=True)
class MaterialFiles(MaterialSource):
    """These are files of the machine on which the trials run."""

    dataset: DatasetConfig
    data_root: DataRoot
    extractor: ExtractorFiles
    pool: Path
    agreement: Path
    critic: Path | None = None  # the folder of the teacher's, where students learn from it
    teacher: Path | None = None  # its folder, where students begin as part of it

    def load(self, protocol: Protocol, compute: Compute) -> Materials:
        return Materials(
            dataset=load_dataset(self.dataset, self.data_root),
            extractor=load_network(protocol, self.extractor.model, compute=compute),
            reference=RealReference.load(self.extractor.reference),
            pool=open_pool(self.pool),
            agreement=open_pool(self.agreement),
            critic=load_critic(self.critic)[0] if self.critic else None,
            teacher=load_generator(self.teacher)[0] if self.teacher else None,
        )

    @contextmanager
    def extractor_path(self) -> Iterator[Path]:
        yield self.extractor.model


@dataclass(frozen=True, kw_only=True)
class PackedMaterials:
    """PackedMaterials are the files' content for Ray's object store, from which NumPy arrays come out as views."""

    dataset: ImageDataset
    extractor: dict[str, bytes]  # its files by name
    reference: RealReference
    pool: TeacherPool
    agreement: TeacherPool
    critic: dict[str, bytes] | None = None  # its files by name
    teacher: dict[str, bytes] | None = None  # likewise

    @classmethod
    def of(cls, files: MaterialFiles) -> "PackedMaterials":
        """Returns the content of files of this machine."""
        return cls(
            dataset=load_dataset(files.dataset, files.data_root),
            extractor=_contents(files.extractor.model),
            reference=RealReference.load(files.extractor.reference),
            pool=open_pool(files.pool),
            agreement=open_pool(files.agreement),
            critic=_contents(files.critic) if files.critic else None,
            teacher=_contents(files.teacher) if files.teacher else None,
        )

    def unpack(self, protocol: Protocol, compute: Compute) -> Materials:
        """Returns the materials as a worker uses them."""
        with self.extractor_path() as path:
            network = load_network(protocol, path, compute=compute)
        return Materials(
            dataset=self.dataset,
            extractor=network,
            reference=self.reference,
            pool=self.pool,
            agreement=self.agreement,
            critic=_restored(self.critic, "critic", load=load_critic),
            teacher=_restored(self.teacher, "teacher", load=load_generator),
        )

    @contextmanager
    def extractor_path(self) -> Iterator[Path]:
        """Yields the extractor's folder, or a pretrained one's file, written for the length of a `with` block."""
        with _folder_of(self.extractor, "extractor") as folder:
            yield folder / next(iter(self.extractor)) if len(self.extractor) == 1 else folder


def _contents(model: Path) -> dict[str, bytes]:
    """Returns the bytes of a file, or of each file in a folder, by name."""
    parts = [model] if model.is_file() else sorted(part for part in model.iterdir() if part.is_file())
    return {part.name: part.read_bytes() for part in parts}


def _restored(
    contents: Mapping[str, bytes] | None, what: str, *, load: Callable[[Path], tuple[ModelT, object]]
) -> ModelT | None:
    """Returns the stored model of these files; None where there are none."""
    if contents is None:
        return None
    with _folder_of(contents, what) as folder:
        return load(folder)[0]


@contextmanager
def _folder_of(contents: Mapping[str, bytes], what: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"ganlimit-{what}-") as name:
        folder = Path(name)
        for part, content in contents.items():
            (folder / part).write_bytes(content)
        yield folder


@dataclass(frozen=True)
class StoredMaterials(MaterialSource):
    """These are packed materials in Ray's object store."""

    reference: "ray.ObjectRef[PackedMaterials]"

    def load(self, protocol: Protocol, compute: Compute) -> Materials:
        packed: PackedMaterials = ray.get(self.reference)
        return packed.unpack(protocol, compute)

    @contextmanager
    def extractor_path(self) -> Iterator[Path]:
        packed: PackedMaterials = ray.get(self.reference)
        with packed.extractor_path() as path:
            yield path
