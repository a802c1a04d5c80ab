"""The table that everything here reads: one row per trial, units and meaning in the fields' metadata."""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.writing import written_whole

SCHEMA_VERSION = 4
Indices = npt.NDArray[np.int64]
_VERSION_KEY = b"ganlimit.schema_version"


class TrialState(StrEnum):
    """How a trial stands or ended. Stored: names are only ever added."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"  # reached the full budget
    PRUNED = "PRUNED"  # stopped at a rung
    DIVERGED = "DIVERGED"  # a loss became NaN or infinite
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    LOST = "LOST"  # its worker or driver went away
    FAILED = "FAILED"  # an unexpected error, kept in the column `error`
    INTERRUPTED = "INTERRUPTED"  # a person stopped the sweep


class Phase(StrEnum):
    """What a trial was run for. Stored: names are only ever added."""

    SEARCH = "search"
    CONFIRM = "confirm"  # a candidate of the limit with a seed the search never used
    BASELINE = "baseline"


class Mode(StrEnum):
    """What a student learns from. Stored: names are only ever added."""

    DISTILLED = "distilled"
    SCRATCH = "scratch"


STUDENT = ("dataset", "width", "depth", "block", "gan_weight", "settings")  # what makes two rows the same student
SIZE = ("parameters", "width", "depth", "block")  # what makes two trials' generators the same
AGREEMENT = ("latent_mse", "latent_psnr", "latent_ssim", "path_mse")
_SINCE_VERSION_2 = (*AGREEMENT, "best_fid", "fid_infinity", "kid", "kid_error", "precision", "recall")
_ENUMS: dict[str, type[StrEnum]] = {"state": TrialState, "phase": Phase, "mode": Mode}


def _field(name: str, kind: pa.DataType, unit: str, description: str, required: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=not required, metadata={"unit": unit, "description": description})


TRIAL_SCHEMA = pa.schema(
    [
        _field("sweep", pa.string(), "", "name of the sweep", required=True),
        _field("trial", pa.int64(), "", "ordinal of the trial in its sweep, from 1", required=True),
        _field("trial_key", pa.string(), "", "SHA-256 identity of the trial", required=True),
        _field("run_id", pa.string(), "", "MLflow run of the trial", required=True),
        _field("dataset", pa.string(), "", "data set", required=True),
        _field("phase", pa.string(), "", "search, confirm or baseline", required=True),
        _field("mode", pa.string(), "", "distilled from the teacher, or trained from scratch", required=True),
        _field("state", pa.string(), "", "how the trial ended (TrialState)", required=True),
        _field("final", pa.bool_(), "", "reached the full budget; only such rows enter a frontier", required=True),
        _field("width", pa.int64(), "channels", "base channel count of the generator", required=True),
        _field("depth", pa.int64(), "layers", "convolution layers per resolution stage", required=True),
        _field("block", pa.string(), "", "kind of the convolutions: dcgan or separable", required=True),
        _field("gan_weight", pa.float64(), "1", "weight of the GAN term in [0, 1); null from scratch"),
        _field("settings", pa.string(), "", "what else of the student was searched, as JSON; null where nothing"),
        _field("seed", pa.int64(), "", "seed of the trial", required=True),
        _field("parameters", pa.int64(), "1", "trainable parameters of the generator", required=True),
        _field("compression_ratio", pa.float64(), "1", "the teacher's parameters / these", required=True),
        _field("mac_g", pa.float64(), "1e9 multiply-accumulates", "per generated image", required=True),
        _field("latency_ms", pa.float64(), "ms", "to generate one image, on the machine of the trial"),
        _field("kimg", pa.float64(), "1000 images", "seen by the generator in training", required=True),
        _field("fid", pa.float64(), "squared feature distance", "Fréchet distance to the training images"),
        _field("best_fid", pa.float64(), "squared feature distance", "lowest FID of all the trial reported"),
        _field("fid_infinity", pa.float64(), "squared feature distance", "FID extrapolated to infinite samples"),
        _field("inception_score", pa.float64(), "classes", "Inception Score, mean over splits"),
        _field("inception_score_std", pa.float64(), "classes", "Inception Score, standard deviation over splits"),
        _field("sharpness", pa.float64(), "squared grey levels", "mean Variance of Laplacian"),
        _field("kid", pa.float64(), "squared kernel distance", "Kernel Inception Distance to training images"),
        _field("kid_error", pa.float64(), "squared kernel distance", "its standard error"),
        _field("precision", pa.float64(), "1", "share of samples within the real images' manifold"),
        _field("recall", pa.float64(), "1", "share of real images within the samples' manifold"),
        _field("latent_mse", pa.float64(), "squared, images in [-1, 1]", "to the teacher's images at held-out latents"),
        _field("latent_psnr", pa.float64(), "dB", "to the teacher's images at held-out latents"),
        _field("latent_ssim", pa.float64(), "1", "similarity to the teacher's images at held-out latents"),
        _field("path_mse", pa.float64(), "squared, images in [-1, 1]", "to the teacher's along lines between latents"),
        _field("teacher_version", pa.string(), "", "registered model version of the teacher", required=True),
        _field("teacher_digest", pa.string(), "", "SHA-256 of the teacher's weights", required=True),
        _field("teacher_parameters", pa.int64(), "1", "the teacher's parameters", required=True),
        _field("teacher_kimg", pa.float64(), "1000 images", "the teacher's training budget", required=True),
        _field("teacher_fid", pa.float64(), "squared feature distance", "the teacher's FID", required=True),
        _field("teacher_last_fid", pa.float64(), "squared feature distance", "FID at the end of its training"),
        _field("teacher_inception_score", pa.float64(), "classes", "the teacher's IS", required=True),
        _field("teacher_sharpness", pa.float64(), "squared grey levels", "the teacher's sharpness", required=True),
        _field("real_fid", pa.float64(), "squared feature distance", "FID of held-out real images", required=True),
        _field("real_inception_score", pa.float64(), "classes", "IS of held-out real images", required=True),
        _field("real_sharpness", pa.float64(), "squared grey levels", "of held-out real images", required=True),
        _field("protocol_digest", pa.string(), "", "SHA-256 of what makes metrics comparable", required=True),
        _field("extractor", pa.string(), "", "registered model version of the extractor", required=True),
        _field("num_samples", pa.int64(), "images", "generated for each evaluation", required=True),
        _field("wall_s", pa.float64(), "s", "wall time of the trial", required=True),
        _field("error", pa.string(), "", "what went wrong; null where nothing did"),
    ],
    metadata={_VERSION_KEY: str(SCHEMA_VERSION).encode()},
)


def trial_table(rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """A table of `rows`. Nullable columns may be left out; an unknown or a missing one is refused."""
    rows = list(rows)
    for row in rows:
        unknown = sorted(row.keys() - set(TRIAL_SCHEMA.names))
        missing = [f.name for f in TRIAL_SCHEMA if not f.nullable and row.get(f.name) is None]
        if unknown or missing:
            raise AnalysisError(
                "A row has the columns of the trial table",
                f"{'unknown ' + ', '.join(unknown) if unknown else 'none for ' + ', '.join(missing)}",
                "Write the row with the schema of this version.",
            )
    plain = [{name: row.get(name) for name in TRIAL_SCHEMA.names} for row in rows]
    try:
        return _require_known_names(pa.Table.from_pylist(plain, TRIAL_SCHEMA))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise AnalysisError("A row has the schema's types", str(error), "Write the value in its type.") from error


def validate(table: pa.Table) -> pa.Table:
    """`table` with the schema of this version. Raises AnalysisError where it does not fit."""
    missing = [name for name in TRIAL_SCHEMA.names if name not in table.column_names]
    if missing:
        raise AnalysisError(
            "A trial table has the columns of its schema", f"none called {', '.join(missing)}", "Export it again."
        )
    try:
        cast = table.select(TRIAL_SCHEMA.names).cast(TRIAL_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise AnalysisError("A trial table has the schema's types", str(error), "Export it again.") from error
    return _require_known_names(cast)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a trial table as Parquet with a checksum per page; the file appears when it is complete."""
    table = validate(table)
    with written_whole(path) as unfinished:
        pq.write_table(table, unfinished, write_page_checksum=True)


def read_table(path: Path) -> pa.Table:
    """The trial table in the Parquet file at `path`. Raises AnalysisError for a missing or damaged one."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowInvalid) as error:
        raise AnalysisError(
            "A table is a readable, undamaged Parquet file", f"{path} ({error})", "Export it again."
        ) from error
    version = (table.schema.metadata or {}).get(_VERSION_KEY)
    if version in _UPGRADES:
        for upgrade in list(_UPGRADES.values())[list(_UPGRADES).index(version) :]:
            table = upgrade(table)
    elif version != str(SCHEMA_VERSION).encode():
        raise AnalysisError(
            f"A trial table has a schema version of 1 to {SCHEMA_VERSION}",
            f"{version.decode() if version else 'none'} in {path}",
            "Export it with this version of ganlimit.",
        )
    return validate(table)


def _from_version_1(table: pa.Table) -> pa.Table:
    # Of several metrics nothing was measured then, and every student was made of dcgan blocks.
    table = table.append_column("block", pa.array(["dcgan"] * len(table), pa.string()))
    for name in (*_SINCE_VERSION_2, "teacher_last_fid"):
        table = table.append_column(name, pa.nulls(len(table), pa.float64()))
    return table


def _from_version_2(table: pa.Table) -> pa.Table:
    return table.append_column("settings", pa.nulls(len(table), pa.string()))


def _from_version_3(table: pa.Table) -> pa.Table:
    return table.append_column("latency_ms", pa.nulls(len(table), pa.float64()))


_UPGRADES = {b"1": _from_version_1, b"2": _from_version_2, b"3": _from_version_3}  # in order, each to the next


def require_one_protocol(table: pa.Table, rows: Indices | None = None) -> None:
    """Raise AnalysisError when rows of several protocols, all or those at `rows`, are about to share an axis."""
    _require_one("Metrics are compared under one protocol", table["protocol_digest"], rows)


def require_one_teacher(table: pa.Table, rows: Indices | None = None) -> None:
    """Raise AnalysisError when a rule relative to the teacher is about to judge several teachers' rows."""
    _require_one("Students are judged against one teacher", table["teacher_digest"], rows)


def _require_one(rule: str, column: pa.ChunkedArray, rows: Indices | None) -> None:
    if not len(column) or pc.all(pc.equal(column, column[0])).as_py():  # of all rows, so of any
        return
    digests = sorted((column if rows is None else column.take(pa.array(rows))).unique().to_pylist())
    if len(digests) > 1:
        raise AnalysisError(rule, f"{len(digests)}: {', '.join(digests)}", "Choose the rows of one.")


def _require_known_names(table: pa.Table) -> pa.Table:
    for column, names in _ENUMS.items():
        unknown = sorted(set(table[column].unique().to_pylist()) - set(names))
        if unknown:
            raise AnalysisError(f"A {column} is one of {', '.join(names)}", ", ".join(unknown), "Correct the rows.")
    return table


def state_counts(table: pa.Table) -> dict[str, int]:
    """How many trials are in each state, by name of the state."""
    counts = {entry["values"]: entry["counts"] for entry in table["state"].value_counts().to_pylist()}
    return {state: counts[state] for state in sorted(counts)}


def settings_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row's `settings` hold, by name."""
    return dict(json.loads(row["settings"])) if row["settings"] else {}


def student_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two rows the same student: all that was searched but the seed."""
    return tuple(row[name] for name in STUDENT)
