"""This module works out what a sweep's students cost on a device: frontier and least cost, form by form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COSTS, QUALITIES, Column
from analysis.deployed import deployed_trials
from analysis.frontier.students import student_frontier
from analysis.limit.cost_estimate import cost_limits, ratios_of
from analysis.limit.cost_limit import CostLimit, Ratios
from analysis.limit.rule import LimitRule
from analysis.notebook import html_paragraph, html_table
from analysis.schema import MEASUREMENT, VARIANT, size_text

DEVICE_COSTS = ("latency_ms", "file_bytes")


@dataclass(frozen=True, kw_only=True)
class DeviceRow:
    """A DeviceRow has a student in one form that no other dominates in a cost, with what it costs and gains.

    `holds` says whether the search's value holds the rule; None where that cannot be said.

    >>> from analysis import LimitRule, device_findings_of, device_rows, example_measurements, example_trials
    >>> measured = example_measurements({"form": "onnx-int8", "file_bytes": 11_000, "fid": 9.8})
    >>> (row,) = device_rows(device_findings_of(example_trials({}), measured, rule=LimitRule(tolerance=1.0)))
    >>> row.form, row.file, row.latency, row.quality, row.holds
    ('onnx-int8', '11.0 kB', '0.05', '9.8', True)
    """

    trial: int
    run_id: str
    size: str
    form: str
    latency: str  # of one image, median
    spread: str  # 5 to 95%
    file: str
    quality: str  # in the rule's metric, with a mark where it is the float's
    parameters: str
    ratios: Ratios
    holds: bool | None


@dataclass(frozen=True, kw_only=True)
class DeviceFindings:
    """DeviceFindings are what a sweep's measured students cost on one machine under one rule.

    `table` is that of `deployed_trials`. `frontiers` has for each cost that was measured the students that no other
    dominates in it and the rule's metric, every form a point of its own; `limits` the least cost that holds the rule,
    of each form, the least of all first.

    >>> from analysis import LimitRule, device_findings_of, example_measurements, example_trials
    >>> forms = {"form": "onnx"}, {"form": "onnx-int8", "median_ms": 0.06, "file_bytes": 11_000, "fid": 9.8}
    >>> table, rule = example_trials({"fid": 9.5}), LimitRule(metric="fid", tolerance=1.0)
    >>> findings = device_findings_of(table, example_measurements(*forms), rule=rule)
    >>> findings.forms, [findings.limits[cost][0].form for cost in findings.costs]
    (['onnx', 'onnx-int8'], ['onnx', 'onnx-int8'])
    """

    table: pa.Table
    rule: LimitRule
    frontiers: Mapping[str, pa.Table]
    limits: Mapping[str, tuple[CostLimit, ...]]

    @property
    def costs(self) -> list[str]:
        """Returns the names of the costs that were measured."""
        return list(self.frontiers)

    @property
    def forms(self) -> list[str]:
        """Returns the forms that were measured, by name."""
        return sorted(self.table[VARIANT].unique().to_pylist())

    @property
    def metric(self) -> Column:
        return QUALITIES[self.rule.metric]

    @property
    def first(self) -> dict[str, Any]:
        """Returns one row, for what all rows share."""
        return dict(self.table.slice(0, 1).to_pylist()[0])

    @property
    def threshold(self) -> float | None:
        """Returns the worst value that holds the rule; None where no form has a student that is judged."""
        return next((limits[0].threshold for limits in self.limits.values() if limits), None)

    @property
    def basis(self) -> str:
        """Returns what the costs are of: a machine, its threads, and the digest of what makes times comparable."""
        return f"{self.first['machine']}; measurement {self.first[MEASUREMENT][:8]}"

    def headline(self, cost: str) -> str:
        """Returns the least of a cost that holds the rule, over all forms, in the length of a title."""
        limits = self.limits[cost]
        if not limits or limits[0].amount is None:
            return "no student measured holds the rule"
        return limits[0].short() + " (provisional)" * limits[0].provisional

    def sentences(self) -> list[str]:
        """Returns for each cost the least that holds the rule, and in which form; then that of the other forms."""
        found = []
        for limits in self.limits.values():
            if limits:
                others = "; ".join(limit.short() for limit in limits[1:])
                found.append(limits[0].sentence() + (f" Other forms: {others}." if others else ""))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {
            "machine": self.first["machine"],
            "measurement": self.first[MEASUREMENT],
            "limits": {cost: [limit.as_dict() for limit in limits] for cost, limits in self.limits.items()},
            "frontiers": {cost: frontier.to_pylist() for cost, frontier in self.frontiers.items()},
        }

    def _repr_html_(self) -> str:
        rows = [(COSTS[cost].label, limit.short()) for cost, limits in self.limits.items() for limit in limits]
        return "".join(map(html_paragraph, self.sentences())) + html_table(("cost", "least that holds the rule"), rows)


def device_findings_of(table: pa.Table, measurements: pa.Table, *, rule: LimitRule) -> DeviceFindings:
    """Returns what the trials in `table`, all of one sweep, cost on the machine of `measurements`, under `rule`.

    Raises AnalysisError where the measurements are of no trial of the table, for rows of several protocols or teachers,
    and for measurements of two machines.

    >>> from analysis import LimitRule, device_findings_of, example_measurements, example_trials
    >>> rule = LimitRule(metric="fid", tolerance=1.0)
    >>> findings = device_findings_of(example_trials({"fid": 9.5}), example_measurements({}), rule=rule)
    >>> findings.limits["latency_ms"][0].short(), findings.limits["file_bytes"][0].short()
    ('at most 0.05 ms, onnx', 'at most 42.0 kB, onnx')
    """
    joined = deployed_trials(table, measurements)
    costs = [cost for cost in DEVICE_COSTS if pc.any(pc.is_valid(joined[cost])).as_py()]
    return DeviceFindings(
        table=joined,
        rule=rule,
        frontiers={cost: student_frontier(joined, rule.metric, cost=cost) for cost in costs},
        limits={cost: cost_limits(joined, rule, cost=cost) for cost in costs},
    )


def device_rows(findings: DeviceFindings) -> list[DeviceRow]:
    """Returns the students on a frontier of any cost, each form of one once: smallest first, then by latency.

    >>> from analysis import LimitRule, device_findings_of, device_rows, example_measurements, example_trials
    >>> teacher = {"trial": None, "trial_key": None, "weights_digest": "t" * 64, "median_ms": 0.3, "high_ms": 0.4}
    >>> measured = example_measurements({}, teacher)
    >>> findings = device_findings_of(example_trials({}), measured, rule=LimitRule(tolerance=1.0))
    >>> [row.ratios.words() for row in device_rows(findings)]
    ['10.0 times fewer parameters than the teacher, 6.0 times faster, 1.0 times fewer bytes']
    """
    rows = {
        (row["trial"], row[VARIANT]): row for frontier in findings.frontiers.values() for row in frontier.to_pylist()
    }
    ordered = sorted(rows.values(), key=lambda row: (row["parameters"], row["trial"], row["latency_ms"]))
    return [_row(row, findings) for row in ordered]


def _row(row: Mapping[str, Any], findings: DeviceFindings) -> DeviceRow:
    metric, threshold, form = findings.metric, findings.threshold, COSTS["latency_ms"].text
    value = row[metric.name]
    unknown = "" if row["own_quality"] or not row["rounds"] else " (the float's)"
    return DeviceRow(
        trial=row["trial"],
        run_id=row["run_id"],
        size=size_text(row),
        form=row[VARIANT],
        latency=form(row["latency_ms"]),
        spread=f"{form(row['latency_ms_p5'])} to {form(row['latency_ms_p95'])}",
        file="" if row["file_bytes"] is None else COSTS["file_bytes"].amount(row["file_bytes"]),
        quality=metric.text(value) + unknown,
        parameters=f"{row['parameters']:,}",
        ratios=ratios_of(row),
        holds=None if threshold is None or value is None else findings.rule.holds(value, threshold),
    )
