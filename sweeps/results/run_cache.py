"""This module keeps on disk, between two readings, the rows of those runs of a sweep that will not change any more."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from analysis import AGREEMENT, METRICS, SCHEMA_VERSION, TRIAL_SCHEMA, AnalysisError, validate, written_whole

CACHE_FILE = "runs.parquet"
CACHE_VERSION = 2  # raise it when rows change for the same runs
START_MS = "start_ms"  # when a run began, milliseconds since 1970: a column beside those of the trial table
_KEY, _DIGEST = b"ganlimit.cache", b"ganlimit.cache_sha256"


@dataclass(frozen=True)
class RunCache:
    """A RunCache is about the runs of a sweep that began before `since_ms`.

    `table` has the rows of the finished ones: the trial table's columns and `start_ms`. `watched` are the run ids of
    the others: running, failed, deleted.
    """

    table: pa.Table
    since_ms: int
    _: KW_ONLY
    watched: frozenset[str]

    @classmethod
    def empty(cls) -> "RunCache":
        """Returns the cache of a sweep of which nothing was read yet."""
        return cls(with_start(TRIAL_SCHEMA.empty_table(), []), 0, watched=frozenset())

    @classmethod
    def load(cls, folder: Path, source: str) -> "RunCache":
        """Returns the cache in `folder`, or the empty one.

        It is the empty one where there is none, or where it is damaged, older, or of another source.
        """
        try:
            table = pq.read_table(folder / CACHE_FILE, page_checksum_verification=True, partitioning=None)
            metadata = table.schema.metadata or {}
            text = metadata[_KEY]
            known = json.loads(text)
            table = with_start(validate(table), table[START_MS].to_pylist())
            if metadata[_DIGEST] != _digest(text, table) or known["source"] != source:
                return cls.empty()
            return cls(table, known["since_ms"], watched=frozenset(known["watched"]))
        except (OSError, pa.ArrowException, AnalysisError, ValueError, KeyError, TypeError):
            return cls.empty()

    def save(self, folder: Path, source: str) -> None:
        """Replace the cache in `folder`. Where that fails, the next reading only takes longer."""
        known = {"source": source, "since_ms": self.since_ms, "watched": sorted(self.watched)}
        text = json.dumps(known).encode()
        table = self.table.replace_schema_metadata({_KEY: text, _DIGEST: _digest(text, self.table)})
        with suppress(AnalysisError), written_whole(folder / CACHE_FILE) as unfinished:
            pq.write_table(table, unfinished, write_page_checksum=True)

    def equals(self, other: "RunCache") -> bool:
        """Returns whether both are about the same runs: a run's row does not change while it is in a cache."""
        same = (self.since_ms, self.watched) == (other.since_ms, other.watched)
        return same and self.table["run_id"].equals(other.table["run_id"])


def source_of(store: str, parent_run_id: str, *, shared: Mapping[str, Any]) -> str:
    """Returns all that rows are made from beside the runs. Rows of another source are not those of the sweep as it is.

    `store` is its address, which may hold a password and is kept as its SHA-256. `shared` is what all rows have in
    common.
    """
    source = {
        "version": CACHE_VERSION,
        "schema": SCHEMA_VERSION,
        "columns": [*METRICS, *AGREEMENT],
        "store_sha256": hashlib.sha256(store.encode()).hexdigest(),
        "parent_run_id": parent_run_id,
        "shared": dict(shared),
    }
    return json.dumps(source, sort_keys=True)


def with_start(table: pa.Table, start_ms: list[int]) -> pa.Table:
    """Returns `table` with a further column: when each run began."""
    return table.append_column(START_MS, pa.array(start_ms, pa.int64()))


def _digest(text: bytes, table: pa.Table) -> bytes:
    # Parquet's checksums cover its pages: a wrong bit in their headers, or in the footer, can still change a value.
    rows = pa.BufferOutputStream()
    csv.write_csv(table, rows)
    return hashlib.sha256(text + memoryview(rows.getvalue())).hexdigest().encode()
