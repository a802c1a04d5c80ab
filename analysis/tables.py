"""This module makes trial tables of rows, checks them, writes and reads them, and refuses to mix what must not be."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.errors import AnalysisError
from analysis.schema import AGREEMENT, DEFAULT_BLOCK, SCHEMA_VERSION, TRIAL_SCHEMA, VERSION_KEY, Mode, Phase, TrialState
from analysis.writing import written_whole

Indices = npt.NDArray[np.int64]
_ENUMS: dict[str, type[StrEnum]] = {"state": TrialState, "phase": Phase, "mode": Mode}
_SINCE_VERSION_2 = (*AGREEMENT, "best_fid", "fid_infinity", "kid", "kid_error", "precision", "recall")


def trial_table(rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """Returns a trial table of `rows`, in their order.

    Nullable columns may be left out. Raises AnalysisError for an unknown or a missing column, a value of another type,
    and a state, phase or mode that there is not.

    >>> from analysis import example_trials, trial_table
    >>> rows = example_trials({"fid": 9.5}).to_pylist()
    >>> trial_table([*rows, *rows])["fid"].to_pylist()
    [9.5, 9.5]
    """
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
    """Returns `table` with the schema of this version. Raises AnalysisError where it does not fit.

    >>> from analysis import example_trials, validate
    >>> validate(example_trials({}).append_column("note", [["mine"]])).column_names[-1]
    'error'
    """
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
    """Writes a trial table as Parquet with a checksum per page; the file appears when it is complete.

    >>> import tempfile
    >>> from analysis import example_trials, read_table, write_table
    >>> table = example_trials({"fid": 9.5})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(table, Path(folder) / "trials.parquet")
    ...     read_table(Path(folder) / "trials.parquet").equals(table)
    True
    """
    table = validate(table)
    with written_whole(path) as unfinished:
        pq.write_table(table, unfinished, write_page_checksum=True)


def read_table(path: Path) -> pa.Table:
    """Returns the trial table in the Parquet file at `path`, whichever version of the schema wrote it.

    Raises AnalysisError for a missing or damaged file, and for one of another schema.

    >>> from analysis import read_table
    >>> read_table(Path("missing.parquet"))
    Traceback (most recent call last):
    analysis.errors.AnalysisError: A table is a readable, undamaged Parquet file, got missing.parquet ...
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        _ = table.column_names  # no checksum is of them, and a damaged one may be no text
    except (OSError, pa.ArrowException, ValueError) as error:
        raise AnalysisError(
            "A table is a readable, undamaged Parquet file", f"{path} ({error})", "Export it again."
        ) from error
    version = (table.schema.metadata or {}).get(VERSION_KEY)
    if version in _UPGRADES:
        for upgrade in list(_UPGRADES.values())[list(_UPGRADES).index(version) :]:
            table = upgrade(table)
    elif version != str(SCHEMA_VERSION).encode():
        raise AnalysisError(
            f"A trial table has a schema version of 1 to {SCHEMA_VERSION}",
            f"{version.decode(errors='replace') if version else 'none'} in {path}",
            "Export it with this version of ganlimit.",
        )
    return validate(table)


def _from_version_1(table: pa.Table) -> pa.Table:
    # Of several metrics nothing was measured then, and every student was made of dcgan blocks.
    table = table.append_column("block", pa.array([DEFAULT_BLOCK] * len(table), pa.string()))
    for name in (*_SINCE_VERSION_2, "teacher_last_fid"):
        table = table.append_column(name, pa.nulls(len(table), pa.float64()))
    return table


def _from_version_2(table: pa.Table) -> pa.Table:
    return table.append_column("settings", pa.nulls(len(table), pa.string()))


def _from_version_3(table: pa.Table) -> pa.Table:
    return table.append_column("latency_ms", pa.nulls(len(table), pa.float64()))


def _from_version_4(table: pa.Table) -> pa.Table:
    for name in ("absent", "fid_per_class", "extractor_faults"):
        table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table


def _from_version_5(table: pa.Table) -> pa.Table:
    # Every first layer was one layer, every stage half as wide as the last, no scheme but the paper's two, and how a
    # critic judged was not measured.
    table = table.append_column("first_layer_rank", pa.nulls(len(table), pa.int64()))
    for name in ("stage_widths", "scheme", "teacher_critic"):
        table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table


def _from_version_6(table: pa.Table) -> pa.Table:
    # Every weight was a float, and how many bytes they are without BatchNorm is not told by the columns.
    for name in ("bits", "weight_bytes"):
        table = table.append_column(name, pa.nulls(len(table), pa.int64()))
    return table


_UPGRADES = {  # in order, each to the next
    b"1": _from_version_1,
    b"2": _from_version_2,
    b"3": _from_version_3,
    b"4": _from_version_4,
    b"5": _from_version_5,
    b"6": _from_version_6,
}


def require_one_protocol(table: pa.Table, rows: Indices | None = None) -> None:
    """Raises AnalysisError when rows of several protocols, all or those at `rows`, are about to share an axis.

    >>> from analysis import example_trials, require_one_protocol
    >>> require_one_protocol(example_trials({"protocol_digest": "p"}, {"protocol_digest": "q"}))
    Traceback (most recent call last):
    analysis.errors.AnalysisError: Metrics are compared under one protocol, got 2: p, q. Choose the rows of one.
    """
    _require_one("Metrics are compared under one protocol", table["protocol_digest"], rows=rows)


def require_one_teacher(table: pa.Table, rows: Indices | None = None) -> None:
    """Raises AnalysisError when a rule relative to the teacher is about to judge several teachers' rows.

    >>> from analysis import example_trials, require_one_teacher
    >>> require_one_teacher(example_trials({"teacher_digest": "t"}, {"teacher_digest": "u"}))
    Traceback (most recent call last):
    analysis.errors.AnalysisError: Students are judged against one teacher, got 2: t, u. Choose the rows of one.
    """
    _require_one("Students are judged against one teacher", table["teacher_digest"], rows=rows)


def _require_one(rule: str, column: pa.ChunkedArray, *, rows: Indices | None) -> None:
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
    """Returns how many trials are in each state, by name of the state.

    >>> from analysis import TrialState, example_trials, state_counts
    >>> state_counts(example_trials({}, {}, {"state": TrialState.LOST}))
    {'COMPLETED': 2, 'LOST': 1}
    """
    counts = {entry["values"]: entry["counts"] for entry in table["state"].value_counts().to_pylist()}
    return {state: counts[state] for state in sorted(counts)}
