"""This module turns MLflow's runs into the table that analysis reads."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from analysis import AGREEMENT, METRICS, SHARED_COLUMNS, TRIAL_SCHEMA, TrialState, trial_table
from analysis.schema import ARCHITECTURE, DEFAULT_BLOCK
from gan.measuring.names import CLASS_FID
from gan.networks.bits import FLOAT_BITS
from sweeps.errors import SweepError
from sweeps.ledger.journal import Record
from sweeps.ledger.records import stored_records
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import COMMON, ERROR, MODE, PHASE, POINT, REUSED, TRIAL, WRITTEN_ANEW, common_columns
from sweeps.ledger.tracking import Tracking
from sweeps.spec.search import STAGE

COLUMNS_OF_A_POINT = {*ARCHITECTURE, "gan_weight", "seed"}
COSTS_OF_A_STUDENT = {"parameters", "compression_ratio", "mac_g"}


def sweep_table(tracking: Tracking, name: str) -> pa.Table:
    """Returns one row per trial of a sweep, in all states, ordered by ordinal, as the store has them now.

    Raises SweepError. `reading.read_trials` gives the same in a fraction of the time.
    """
    parent = find_sweep(tracking, name)
    return table_of(name, parent.data.tags, records=stored_records(tracking, parent.info.run_id).items())


def table_of(name: str, shared_tags: Mapping[str, str], *, records: Iterable[tuple[str, Record]]) -> pa.Table:
    """Returns the table of a sweep's records by identity, with what all rows share from the parent's tags."""
    shared = shared_columns(name, shared_tags)
    rows = [row for key, record in records if (row := row_of(shared, key, record=record))]
    rows.sort(key=lambda row: int(row["trial"]))
    return trial_table(rows)


def shared_columns(name: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Returns what all rows of the sweep `name` have in common, from the tags of its parent run.

    Raises SweepError where they do not say it.
    """
    stated = common_columns(tags)
    return {"sweep": name, **{column: _shared(column, stated) for column in SHARED_COLUMNS}}


def _shared(column: str, stated: Mapping[str, str]) -> Any:
    if TRIAL_SCHEMA.field(column).nullable and column not in stated:
        return None
    try:
        value = SHARED_COLUMNS[column](stated[column])
        if not _may_be(column, value):
            raise ValueError(value)
    except (KeyError, ValueError) as error:
        rule = f"A sweep's run in MLflow has the {column} of its rows in the tag {COMMON}"
        raise SweepError(rule, repr(stated[column]) if column in stated else "nothing", WRITTEN_ANEW) from error
    return value


def _may_be(column: str, value: Any) -> bool:
    """Returns whether a column may have this value, of those that a person can have changed beyond sense."""
    if column == "absent":
        return isinstance(json.loads(value), dict)
    if column == "teacher_parameters":
        return bool(value >= 1)
    return not isinstance(value, float) or math.isfinite(value)


def row_of(shared: Mapping[str, Any], key: str, *, record: Record) -> dict[str, Any] | None:
    """Returns the row of the trial with the identity `key`; None for a run that is just begun and has no costs yet."""
    return {**shared, **_row(key, record)} if record.metrics.keys() >= COSTS_OF_A_STUDENT else None


def _row(key: str, record: Record) -> dict[str, Any]:
    tags, params, metrics = record.tags, record.params, record.metrics
    state, kimg = record.state, metrics.get("kimg", 0.0)
    return {
        "trial": int(tags[TRIAL]),
        "trial_key": key,
        "run_id": record.run_id,
        "phase": tags[PHASE],
        "mode": tags[MODE],
        "state": str(state),
        "final": state == TrialState.COMPLETED and kimg >= float(params["budget_kimg"]),
        **architecture_columns(record),
        "bits": None if (bits := int(params.get("bits", FLOAT_BITS))) == FLOAT_BITS else bits,
        "gan_weight": float(params["gan_weight"]) if "gan_weight" in params else None,
        "scheme": params.get("scheme"),
        "settings": _settings(tags.get(POINT)),
        "seed": int(params["seed"]),
        "parameters": int(metrics["parameters"]),
        "compression_ratio": metrics["compression_ratio"],
        "weight_bytes": int(metrics["weight_bytes"]) if "weight_bytes" in metrics else None,
        "mac_g": metrics["mac_g"],
        "latency_ms": metrics.get("latency_ms"),
        "kimg": kimg,
        **{name: metrics.get(name) for name in (*METRICS, *AGREEMENT)},
        "fid_per_class": _of_classes(metrics),
        "wall_s": 0.0 if REUSED in tags else metrics.get("wall_s", 0.0),  # what this sweep spent on it
        "error": tags.get(ERROR),
    }


def architecture_columns(record: Record) -> dict[str, Any]:
    """Returns the columns of a trial's row that tell its student's architecture."""
    params = record.params
    return {
        "width": int(params["width"]),
        "depth": int(params["depth"]),
        "block": params.get("block", DEFAULT_BLOCK),
        "first_layer_rank": int(params.get("first_layer_rank", 0)) or None,
        "stage_widths": params.get("stage_widths"),
    }


def _of_classes(metrics: Mapping[str, float]) -> str | None:
    """Returns as JSON the FID of each class by its label; None where none was measured."""
    found = {int(name.removeprefix(CLASS_FID)): value for name, value in metrics.items() if name.startswith(CLASS_FID)}
    return json.dumps({str(label): found[label] for label in sorted(found)}) if found else None


def _is_column(name: str) -> bool:
    return name in COLUMNS_OF_A_POINT or name.startswith(STAGE)


def _settings(point: str | None) -> str | None:
    """Returns as JSON what was searched beyond the columns of the table; None where nothing was."""
    values = json.loads(point) if point else {}
    rest = {name: value for name, value in values.items() if not _is_column(name)}
    return json.dumps(rest, sort_keys=True) if rest else None
