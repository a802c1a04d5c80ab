"""This module joins the tables of several sweeps, and writes tables for programs that read no Parquet."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from analysis.errors import AnalysisError
from analysis.schema import TRIAL_SCHEMA
from analysis.tables import validate
from analysis.writing import written_whole


def join_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Returns the rows of all `tables`, one table below the other.

    A trial that several sweeps have is a row of each. Raises AnalysisError where rows of one data set were measured
    under several protocols: their metrics cannot be compared.

    >>> from analysis import example_trials, join_tables
    >>> tables = [example_trials({"sweep": "a"}, {"sweep": "a"}), example_trials({"sweep": "b"})]
    >>> join_tables(tables)["sweep"].to_pylist()
    ['a', 'a', 'b']
    """
    joined = pa.concat_tables([validate(table) for table in tables] or [TRIAL_SCHEMA.empty_table()])
    for dataset in pc.unique(joined["dataset"]).to_pylist():
        _require_one_protocol(dataset, joined.filter(pc.equal(joined["dataset"], dataset)))
    return joined


def _require_one_protocol(dataset: str, table: pa.Table) -> None:
    sweeps: dict[str, list[str]] = {}
    pairs = table.group_by(["protocol_digest", "sweep"], use_threads=False).aggregate([])
    for pair in pairs.to_pylist():
        sweeps.setdefault(pair["protocol_digest"], []).append(pair["sweep"])
    if len(sweeps) > 1:
        found = "; ".join(f"{digest} of {', '.join(names)}" for digest, names in sweeps.items())
        raise AnalysisError(
            f"All rows of {dataset} in one table were measured under one protocol",
            f"{len(sweeps)}: {found}",
            "Put each of them into a table of its own.",
        )


def write_csv(table: pa.Table, path: Path) -> None:
    """Writes a trial table as CSV, with the names of its columns first; the file appears when it is complete.

    A value that is missing or not a number is an empty field. Raises AnalysisError where `path` cannot be written.

    >>> import tempfile
    >>> from analysis import example_trials, write_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(example_trials({"sweep": "a"}), Path(folder) / "trials.csv")
    ...     (Path(folder) / "trials.csv").read_text()[:30]
    '"sweep","trial","trial_key","r'
    """
    table = validate(table)
    for number, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            values = table.column(number)
            absent = pa.scalar(None, field.type)
            plain = pc.if_else(pc.fill_null(pc.is_nan(values), fill_value=False), absent, values)
            table = table.set_column(number, field.with_nullable(nullable=True), plain)
    with written_whole(path) as unfinished:
        csv.write_csv(table, unfinished)
