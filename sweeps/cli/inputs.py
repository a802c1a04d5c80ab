"""This module turns options into values that the functions of the package take, each of which knows its defaults."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from gan import DataRoot
    from sweeps.ledger.workspace import Workspace


def outside_files(
    root: Path | None,
    *,
    no_download: bool,
    inception_weights: Path | None = None,
    extractor_weights: Path | None = None,
) -> "DataRoot":
    """Returns what the options --data-root, --no-download, --inception-weights and --extractor-weights name."""
    from gan import DataRoot, default_data_root

    folder = root.expanduser().resolve() if root else default_data_root().root
    return DataRoot(
        folder,
        download=not no_download,
        inception_weights=inception_weights,
        extractor_weights=extractor_weights,
    )


def overrides(
    *, seed: int | None = None, name: str | None = None, trials: int | None = None, storage: str | None = None
) -> dict[str, object]:
    """Returns what options replace in a spec, by dotted path."""
    given = {"seed": seed, "name": name, "search.trials": trials, "cluster.storage": storage}
    return {path: value for path, value in given.items() if value is not None}


def folder_of(data_dir: Path | None) -> Path:
    """Returns the data directory that the option names, or the default one."""
    from sweeps.ledger.data_dir import default_data_dir

    return data_dir or default_data_dir()


def existing(data_dir: Path | None, tracking_uri: str | None) -> "Workspace":
    """Returns the workspace of an existing data directory, or of one whose runs are on a tracking server."""
    from sweeps.ledger.workspace import Workspace

    return Workspace.existing(folder_of(data_dir), tracking_uri)


def measured_costs(files: Sequence[Path] | None) -> "pa.Table | None":
    """Returns what the files of the option --measurements hold as one table; None without the option."""
    from analysis import join_measurements, read_measurements

    return join_measurements([read_measurements(file) for file in files]) if files else None
