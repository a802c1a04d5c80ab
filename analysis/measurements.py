"""This module defines the table of what deployed generators cost: a row for each generator, form and batch.

A form is what a generator was run as: the format of an export, or PyTorch. Units and meaning stand in the metadata of
the table's fields, and so in every written file.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.writing import written_whole

ONE = 1  # images in the batch whose time is the latency
_TEXT, _WHOLE, _NUMBER, _TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_DIGEST = b"ganlimit.measurements_sha256"
_MEASURE_AGAIN = "Measure again with ganlimit deploy --measure."

# In the order of the written files: name, type, whether every row has a value, unit, meaning.
_COLUMNS: tuple[tuple[str, pa.DataType, bool, str, str], ...] = (
    ("name", _TEXT, True, "", "of the generator, for people"),
    ("form", _TEXT, True, "", "what it was run as: the format of an export, or PyTorch"),
    ("rounds", _TRUTH, False, "", "whether the form rounds weights; null where unknown, which is read as true"),
    ("sweep", _TEXT, False, "", "name of the sweep; null for a generator without one"),
    ("trial", _WHOLE, False, "", "ordinal of the trial in its sweep; null for a teacher"),
    ("trial_key", _TEXT, False, "", "SHA-256 identity of the trial; null for a teacher"),
    ("weights_digest", _TEXT, True, "", "SHA-256 of the weights before any rounding"),
    ("parameters", _WHOLE, True, "1", "trainable parameters of the generator"),
    ("file_bytes", _WHOLE, False, "bytes", "of the model's file; null where there is none"),
    ("compressed_bytes", _WHOLE, False, "bytes", "of the file as zlib has it; null where there is none"),
    ("fid", _NUMBER, False, "squared feature distance", "of the form's own images; null where not measured"),
    ("inception_score", _NUMBER, False, "classes", "of the form's own images; null where not measured"),
    ("sharpness", _NUMBER, False, "squared grey levels", "of the form's own images; null where not measured"),
    ("batch", _WHOLE, True, "images", "made by one call"),
    ("median_ms", _NUMBER, True, "ms", "a call took: the median"),
    ("low_ms", _NUMBER, True, "ms", "a call took: 5%"),
    ("high_ms", _NUMBER, True, "ms", "a call took: 95%"),
    ("images_per_s", _NUMBER, True, "1/s", "images of the batch / the median"),
    ("calls", _WHOLE, False, "1", "that were timed"),
    ("peak_bytes", _WHOLE, False, "bytes", "resident at most, of a process that draws such batches and nothing else"),
    ("cpu", _TEXT, True, "", "the machine's processor"),
    ("cores", _WHOLE, False, "1", "of the machine"),
    ("threads", _WHOLE, True, "1", "that computed"),
    ("versions", _TEXT, False, "", "of the packages that ran, as JSON"),
    ("measurement_digest", _TEXT, True, "", "SHA-256 of what makes times comparable: machine, threads and versions"),
)
MEASUREMENT_SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=not required, metadata={"unit": unit, "description": meaning})
        for name, kind, required, unit, meaning in _COLUMNS
    ]
)


def measurement_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Returns a measurement table of `rows`, in their order; other keys than its columns are left out.

    Nullable columns may be left out. Raises AnalysisError like `validate_measurements`.

    >>> from analysis import example_measurements, measurement_table
    >>> rows = example_measurements({"median_ms": 0.05}).to_pylist()
    >>> measurement_table([*rows, {**rows[0], "median_ms": 0.2, "runtime": "1.31"}])["median_ms"].to_pylist()
    [0.05, 0.2]
    """
    rows = list(rows)
    for row in rows:
        _require_columns([name for name, _, required, *_ in _COLUMNS if required and row.get(name) is None])
    plain = [{name: row.get(name) for name in MEASUREMENT_SCHEMA.names} for row in rows]
    try:
        return validate_measurements(pa.Table.from_pylist(plain, MEASUREMENT_SCHEMA))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _of_another_type(error) from error


def validate_measurements(table: pa.Table) -> pa.Table:
    """Returns `table` with the columns of the schema alone, nulls for a nullable one that it lacks.

    Raises AnalysisError where a column or a value is missing or of another type, where a time or a size is not above 0,
    and where the rows are of two machines: a time means something beside others of its machine only.

    >>> from analysis import example_measurements
    >>> validate_measurements(example_measurements({"measurement_digest": "m"}, {"measurement_digest": "n"}))
    Traceback (most recent call last):
    analysis.errors.AnalysisError: Times of one machine share an axis, got 2 measurement digests: m, n. Measure all ...
    """
    _require_columns([name for name, _, required, *_ in _COLUMNS if required and name not in table.column_names])
    for field in MEASUREMENT_SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    table = table.select(MEASUREMENT_SCHEMA.names)
    _require_columns([f.name for f in MEASUREMENT_SCHEMA if not f.nullable and table[f.name].null_count])
    try:
        table = table.cast(MEASUREMENT_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise _of_another_type(error) from error
    for name in ("median_ms", "low_ms", "high_ms", "images_per_s", "parameters", "file_bytes", "batch", "peak_bytes"):
        if wrong := [value for value in table[name].to_pylist() if value is not None and not 0 < value < float("inf")]:
            raise AnalysisError(f"Measured {name} are above 0 and finite", wrong[0], _MEASURE_AGAIN)
    require_one_machine(table["measurement_digest"])
    return table


def require_one_machine(digests: pa.ChunkedArray) -> None:
    """Raises AnalysisError where the digests are of several measurement protocols: machines, threads or versions."""
    found = sorted(digests.unique().drop_null().to_pylist())
    if len(found) > 1:
        raise AnalysisError(
            "Times of one machine share an axis",
            f"{len(found)} measurement digests: {', '.join(digest[:16] for digest in found)}",
            "Measure all of them on one machine, with the same threads and versions.",
        )


def join_measurements(tables: Sequence[pa.Table]) -> pa.Table:
    """Returns the rows of all `tables`, which are of one machine. Raises AnalysisError where they are of several.

    >>> from analysis import example_measurements, join_measurements
    >>> len(join_measurements([example_measurements({}), example_measurements({"name": "trial 2"})]))
    2
    """
    return validate_measurements(pa.concat_tables([validate_measurements(table) for table in tables]))


def write_measurements(table: pa.Table, path: Path) -> None:
    """Writes a measurement table as Parquet with a checksum per page; the file appears when it is complete.

    >>> import tempfile
    >>> from analysis import example_measurements, read_measurements, write_measurements
    >>> table = example_measurements({"median_ms": 0.05})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_measurements(table, Path(folder) / "measurements.parquet")
    ...     read_measurements(Path(folder) / "measurements.parquet").equals(table)
    True
    """
    table = validate_measurements(table)
    with written_whole(path) as unfinished:
        digest = {_DIGEST: _digest(table)}
        pq.write_table(table.replace_schema_metadata(digest), unfinished, write_page_checksum=True)


def read_measurements(path: Path) -> pa.Table:
    """Returns the measurement table in the Parquet file at `path`.

    Raises AnalysisError for a missing or damaged file, and like `validate_measurements`.

    >>> from analysis import read_measurements
    >>> read_measurements(Path("missing.parquet"))
    Traceback (most recent call last):
    analysis.errors.AnalysisError: Measurements are a readable, undamaged Parquet file, got missing.parquet ...
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        # Checksums are of pages: a damaged name would be a column without values.
        if (table.schema.metadata or {}).get(_DIGEST, _digest(table)) != _digest(table):
            raise ValueError("its content has another digest")
    except (OSError, pa.ArrowException, ValueError) as error:
        rule = "Measurements are a readable, undamaged Parquet file"
        raise AnalysisError(rule, f"{path} ({error})", _MEASURE_AGAIN) from error
    return validate_measurements(table)


def _digest(table: pa.Table) -> bytes:
    return hashlib.sha256(json.dumps(table.to_pylist(), sort_keys=True).encode()).hexdigest().encode()


def _require_columns(missing: Sequence[str]) -> None:
    if missing:
        rule = "A measurement has the columns of its table"
        raise AnalysisError(rule, f"none for {', '.join(missing)}", _MEASURE_AGAIN)


def _of_another_type(error: Exception) -> AnalysisError:
    return AnalysisError("Measurements have the schema's types", str(error), _MEASURE_AGAIN)
