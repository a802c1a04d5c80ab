"""This module shows what a stored generator makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan import AnyGenerator, GeneratorCard, ImportedCard, generate, load_any_generator, load_critic
from gan.images import save_grid
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.registry import CRITIC
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


def sample_to_file(
    artifact: str,
    path: Path,
    *,
    count: int = 64,
    seed: int = 0,
    data_dir: Path | None = None,
    tracking_uri: str | None = None,
) -> GeneratorCard | ImportedCard:
    """Write `count` images of a stored generator to the PNG at `path`, and return its card.

    Those of a conditional one are of all its classes, equally often.

    `artifact` is a registered model (`digits-teacher`, its champion; `digits-teacher/1`, a version), the run id of a
    trial, or a folder with weights and card. Raises ArtifactError when it is damaged and SweepError when there is none.
    """
    generator, card = load_artifact(artifact, data_dir, tracking_uri=tracking_uri)
    save_grid(generate(generator, generator.config.inputs(count, "samples", seed=seed)), path)
    return card


def load_artifact(
    artifact: str, data_dir: Path | None = None, *, tracking_uri: str | None = None
) -> tuple[AnyGenerator, GeneratorCard | ImportedCard]:
    """Returns a stored generator with its card, named as for `sample_to_file`. Its weights are checked."""
    with _files(artifact, data_dir, tracking_uri=tracking_uri) as folder:
        return load_any_generator(folder)


def shown_card(artifact: str, data_dir: Path | None = None, *, tracking_uri: str | None = None) -> dict[str, Any]:
    """Returns the card of a stored generator, with that of the critic beside it, where one was kept, as `critic`.

    It is named as for `sample_to_file`, and the weights of both are checked.
    """
    with _files(artifact, data_dir, tracking_uri=tracking_uri) as folder:
        shown: dict[str, Any] = load_any_generator(folder)[1].model_dump(mode="json")
        if (folder / CRITIC).is_dir():
            shown["critic"] = load_critic(folder / CRITIC)[1].model_dump(mode="json")
    return shown


@contextmanager
def _files(artifact: str, data_dir: Path | None, *, tracking_uri: str | None) -> Iterator[Path]:
    """Yields the folder of an artifact, which is there for the length of a `with` block."""
    if Path(artifact).is_dir():
        yield Path(artifact)
        return
    tracking = Tracking(Workspace.open(data_dir or default_data_dir(), tracking_uri).store)  # it keeps its downloads
    yield stored_folder(artifact, tracking)


def stored_folder(artifact: str, tracking: Tracking) -> Path:
    """Returns the folder of a registered generator, or of a trial's. Raises SweepError where there is none."""
    name, _, number = artifact.partition("/")
    if name in tracking.registry.models():
        version = tracking.registry.version(name, number) if number else tracking.registry.champion(name)
        if version is not None:
            return tracking.registry.fetch(version)
        known = ", ".join(f"{name}/{version.version}" for version in tracking.registry.versions(name))
        raise SweepError("A model has the version that is asked for", artifact, f"Choose one of {known}.")
    folder = tracking.registry.model_folder(artifact)
    if folder is None:
        raise SweepError(
            "ARTIFACT is a registered model (its champion, or NAME/VERSION), a trial's run id, or a folder",
            repr(artifact),
            f"Registered: {', '.join(tracking.registry.models()) or 'none yet'}.",
        )
    return folder
