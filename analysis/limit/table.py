"""This module sets the limits of several data sets and sweeps side by side."""

from collections.abc import Sequence

import pyarrow as pa

from analysis.limit.result import CompressionLimit

_LIMITS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sweep", "dataset", "rule", "status")),
        *((name, pa.float64()) for name in ("ratio", "low", "high")),
        ("parameters", pa.int64()),
        ("seeds", pa.int64()),
        ("provisional", pa.bool_()),
        ("break_ratio", pa.float64()),
        ("break_parameters", pa.float64()),
    ]
)


def limits_table(limits: Sequence[CompressionLimit]) -> pa.Table:
    """Returns a row for each limit, of any data sets and sweeps. Ratios and parameters are null where there are none.

    >>> from analysis import LimitRule, compression_limit, example_trials, limits_table
    >>> limit = compression_limit(example_trials({"fid": 9.0}), LimitRule(metric="fid", tolerance=1.0))
    >>> limits_table([limit]).select(["dataset", "status", "ratio"]).to_pylist()
    [{'dataset': 'digits', 'status': 'NOT_REACHED', 'ratio': 10.0}]
    """
    rows = []
    for limit in limits:
        low, high = limit.ratio_interval or (None, None)
        corner = limit.break_point
        rows.append(
            {
                "sweep": limit.sweep,
                "dataset": limit.dataset,
                "rule": "" if limit.threshold is None else limit.rule.describe(limit.threshold),
                "status": str(limit.status),
                "ratio": limit.ratio,
                "low": low,
                "high": high,
                "parameters": limit.parameters,
                "seeds": limit.seeds,
                "provisional": limit.provisional,
                "break_ratio": corner and corner.ratio,
                "break_parameters": corner and corner.parameters,
            }
        )
    return pa.Table.from_pylist(rows, _LIMITS_SCHEMA)
