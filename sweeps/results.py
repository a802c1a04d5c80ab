"""From MLflow's runs to the table that analysis reads."""

from typing import Any

import pyarrow as pa
from mlflow.entities import Run

from analysis import AGREEMENT, TrialState, trial_table
from sweeps.errors import SweepError
from sweeps.tracking import ERROR, STATE, TRIAL_KEY, Tracking

# Tags of the parent run that every row repeats, so that a table needs nothing beside it.
SHARED_TEXT = ("dataset", "teacher_version", "teacher_digest", "protocol_digest", "extractor")
SHARED_INT = ("teacher_parameters", "num_samples")
SHARED_FLOAT = (
    "teacher_kimg",
    "teacher_fid",
    "teacher_last_fid",
    "teacher_inception_score",
    "teacher_sharpness",
    "real_fid",
    "real_inception_score",
    "real_sharpness",
)
SHARED_PREFIX = "ganlimit.shared."
METRICS = (
    *("fid", "best_fid", "fid_infinity", "inception_score", "inception_score_std", "sharpness"),
    *("kid", "kid_error", "precision", "recall"),
)


def find_sweep(tracking: Tracking, name: str) -> Run:
    """The parent run of a sweep. Raises SweepError when there is none of that name."""
    parent = tracking.find_sweep(name)
    if parent is None:
        known = ", ".join(sorted(run.data.tags["ganlimit.sweep"] for run in tracking.sweeps())) or "none yet"
        raise SweepError(
            "NAME is a sweep of this data directory",
            f"{name!r} (known: {known})",
            "Check --data-dir, or run the sweep.",
        )
    return parent


def sweep_table(tracking: Tracking, name: str) -> pa.Table:
    """One row per trial of a sweep, in all states, ordered by ordinal. Raises SweepError."""
    parent = find_sweep(tracking, name)
    shared = _shared(parent)
    rows: list[dict[str, Any]] = [{**shared, **_row(run), "sweep": name} for run in tracking.trials(parent.info.run_id)]
    rows.sort(key=lambda row: int(row["trial"]))
    return trial_table(rows)


def _shared(parent: Run) -> dict[str, Any]:
    tags = parent.data.tags
    columns: dict[str, Any] = {name: tags[SHARED_PREFIX + name] for name in SHARED_TEXT}
    columns |= {name: int(tags[SHARED_PREFIX + name]) for name in SHARED_INT}
    return columns | {name: float(tags[SHARED_PREFIX + name]) for name in SHARED_FLOAT}


def _row(run: Run) -> dict[str, Any]:
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    state, kimg = TrialState(tags[STATE]), metrics.get("kimg", 0.0)
    return {
        "trial": int(tags["ganlimit.trial"]),
        "trial_key": tags[TRIAL_KEY],
        "run_id": run.info.run_id,
        "phase": tags["ganlimit.phase"],
        "mode": tags["ganlimit.mode"],
        "state": str(state),
        "final": state == TrialState.COMPLETED and kimg >= float(params["budget_kimg"]),
        "width": int(params["width"]),
        "depth": int(params["depth"]),
        "block": params.get("block", "dcgan"),
        "gan_weight": float(params["gan_weight"]) if "gan_weight" in params else None,
        "seed": int(params["seed"]),
        "parameters": int(metrics["parameters"]),
        "compression_ratio": metrics["compression_ratio"],
        "mac_g": metrics["mac_g"],
        "kimg": kimg,
        **{name: metrics.get(name) for name in (*METRICS, *AGREEMENT)},
        "wall_s": metrics.get("wall_s", 0.0),
        "error": tags.get(ERROR),
    }
