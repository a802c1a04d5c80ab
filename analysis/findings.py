"""This module works out once what the rows of one sweep say under its rule; whatever shows it draws from here."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.absence import absence_notes, absences_of, fault_notes
from analysis.columns import COSTS, PARAMETERS, QUALITIES, Column, column_of
from analysis.comparison.baselines import with_baselines
from analysis.comparison.gain import GAIN_METRICS, SHARPNESS, Gain, gain_of_pairs
from analysis.comparison.pairing import Pairing, pair_rows
from analysis.errors import AnalysisError
from analysis.frontier.attainment import Attainment, attainment_of
from analysis.frontier.progress import search_progress
from analysis.frontier.students import (
    Students,
    final_searched,
    fresh_students,
    frontier_of,
    student_frontier,
    with_fresh,
    with_fresh_seeds,
)
from analysis.frontier_table import frontier_rows
from analysis.limit.cost_estimate import cost_limits
from analysis.limit.cost_limit import CostLimit
from analysis.limit.estimate import limit_of
from analysis.limit.judging import Judgement, judge
from analysis.limit.result import CompressionLimit
from analysis.limit.rule import LimitRule
from analysis.notebook import html_paragraph
from analysis.paper.answers import Answer, answers_of
from analysis.schema import Mode, Phase
from analysis.schemes import Scheme
from analysis.tables import require_one_protocol, require_one_teacher, state_counts
from analysis.trials import Trials

BYTES = "weight_bytes"
SOUGHT = {name: COSTS[name] for name in (PARAMETERS.name, BYTES)}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Findings are what one sweep found under one rule.

    `frontier` has the searched students that no other dominates in parameters and the rule's metric, smallest first,
    with their confirmations and baselines beside them, and `confirmed` all that have fresh seeds, with those columns.
    `gains` has, where there are such pairs, under `scratch` how distilled students compare with the same GANs from
    scratch, and under `joint` the joint scheme with MSE alone: in the rule's metric first, then in what else can be
    compared. `bytes_limit` is the limit of what is learnt in bytes, and `bytes_frontier` the students that no other
    dominates in them and the metric, with their confirmations and baselines, where there are students of few bits or
    bytes are sought. `cost` is the column that the sweep seeks the least of, parameters or weight_bytes.

    >>> from analysis import LimitRule, TrialState, example_trials, findings_of
    >>> table = example_trials({}, {"state": TrialState.LOST, "final": False})
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    >>> findings.counts
    '2 search (1 completed, 1 lost)'
    >>> len(findings.frontier)
    1
    """

    table: pa.Table
    rule: LimitRule
    limit: CompressionLimit
    frontier: pa.Table
    confirmed: pa.Table
    attainment: Attainment | None
    progress: pa.Table
    gains: dict[str, tuple[Gain, ...]]
    answers: tuple[Answer, ...]
    bytes_limit: CostLimit | None = None
    bytes_frontier: pa.Table | None = None
    cost: str = PARAMETERS.name

    @property
    def metric(self) -> Column:
        """Returns the quality that the rule judges, the vertical axis of every figure."""
        return QUALITIES[self.rule.metric]

    @property
    def first(self) -> dict[str, Any]:
        """Returns one row, for what all rows share; nothing from an empty table."""
        return dict(self.table.slice(0, 1).to_pylist()[0]) if len(self.table) else {}

    @property
    def sought(self) -> CompressionLimit | CostLimit:
        """Returns the limit in what the sweep seeks the least of."""
        return self.bytes_limit if self.cost == BYTES and self.bytes_limit else self.limit

    @property
    def sentences(self) -> tuple[str, ...]:
        """Returns the limits in words, the one that is sought first."""
        if self.bytes_limit is None:
            return (self.limit.sentence(),)
        if self.sought is self.limit:
            return self.limit.sentence(), self.bytes_limit.sentence()
        return self.bytes_limit.sentence(), self.limit.answer

    @property
    def notes(self) -> list[str]:
        """Returns for people what the extractor failed, and which scores no row of the sweep can have, and why."""
        return [*fault_notes(self.first), *absence_notes(absences_of(self.first))]

    @property
    def is_confirmed(self) -> bool:
        """Returns whether fresh seeds are judged, and not the search."""
        return self.limit.confirmed

    @property
    def counts(self) -> str:
        """Returns the trials by phase and state: `30 search (28 completed, 2 failed), 12 confirm (12 completed)`."""
        parts = []
        for phase in Phase:
            rows = self.table.select(["state"]).filter(pc.equal(self.table["phase"], phase.value))
            if len(rows):
                states = ", ".join(
                    f"{count} {state.lower().replace('_', ' ')}" for state, count in state_counts(rows).items()
                )
                parts.append(f"{len(rows)} {phase} ({states})")
        return ", ".join(parts) or "none"

    @property
    def break_sentence(self) -> str:
        """Returns where quality begins to worsen steeply, or why that cannot be said."""
        return self.limit.break_sentence

    def _repr_html_(self) -> str:
        sweep = html_paragraph(f"{self.first.get('sweep', 'no sweep')}: {self.counts}")
        frontier = frontier_rows(self)._repr_html_() if len(self.frontier) else ""
        of_bytes = self.bytes_limit._repr_html_() if self.bytes_limit else ""
        leads = self.sought is self.bytes_limit
        limits = of_bytes + html_paragraph(self.limit.answer) if leads else self.limit._repr_html_() + of_bytes
        return sweep + limits + frontier + "".join(map(html_paragraph, self.notes))

    def _repr_markdown_(self) -> str:
        return "\n\n".join(self.sentences)


def findings_of(table: pa.Table, rule: LimitRule, *, cost: str = PARAMETERS.name) -> Findings:
    """Returns what the trials in `table`, all of one sweep that seeks the least `cost`, say under `rule`.

    A table without a finished student has findings too. Raises AnalysisError for rows of several sweeps, protocols or
    teachers, and for a cost other than parameters and weight_bytes.

    >>> from analysis import LimitRule, example_trials, findings_of
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))  # at most 10: the teacher has 5
    >>> findings.limit.status, findings.limit.student_parameters, findings.limit.provisional
    (<LimitStatus.FOUND: 'FOUND'>, 8000, True)
    """
    sweeps = sorted(table["sweep"].unique().to_pylist())
    if len(sweeps) > 1:
        remedy = 'Choose one: table.filter(pyarrow.compute.equal(table["sweep"], NAME)).'
        raise AnalysisError("Findings are of one sweep", ", ".join(sweeps), remedy)
    column_of(cost, SOUGHT)
    require_one_protocol(table)
    require_one_teacher(table)
    trials, column = Trials(table), rule.column
    judgement = judge(trials, column)
    limit = limit_of(judgement, rule)
    searched = final_searched(trials, column)
    frontier = frontier_of(searched, ("parameters", rule.metric))
    fresh = fresh_students(trials, column)
    joint_and_mse = pair_rows(trials, ours=Scheme.JOINT, theirs=Scheme.MSE)
    with_scratch = pair_rows(trials, ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    in_bytes = cost == BYTES or pc.any(pc.is_valid(table["bits"])).as_py()
    return Findings(
        table=table,
        rule=rule,
        limit=limit,
        frontier=with_baselines(with_fresh(frontier, fresh), table),
        confirmed=with_baselines(with_fresh_seeds(searched, fresh), table),
        attainment=attainment_of(trials, ("parameters", rule.metric)),
        progress=_progress(table),
        gains=_gains(with_scratch, joint_and_mse, metric=rule.metric),
        answers=_answers(judgement, limit, joint_and_mse=joint_and_mse),
        bytes_limit=next(iter(cost_limits(table, rule, cost=BYTES)), None) if in_bytes else None,
        bytes_frontier=_bytes_frontier(table, rule, fresh=fresh) if in_bytes else None,
        cost=cost,
    )


def _bytes_frontier(table: pa.Table, rule: LimitRule, *, fresh: Students) -> pa.Table:
    frontier = student_frontier(table, rule.metric, cost=BYTES)
    return with_baselines(with_fresh(frontier, fresh), table)


def _answers(judgement: Judgement, limit: CompressionLimit, *, joint_and_mse: Pairing) -> tuple[Answer, ...]:
    try:
        return tuple(answers_of(judgement, limit, joint_and_mse=joint_and_mse))
    except AnalysisError:
        return ()  # no finished student was measured whole


def _progress(table: pa.Table) -> pa.Table:
    try:
        return search_progress(table)
    except AnalysisError:
        return search_progress(table.slice(0, 0))  # a teacher without a finite FID has no box to fill


def _gains(with_scratch: Pairing, joint_and_mse: Pairing, *, metric: str) -> dict[str, tuple[Gain, ...]]:
    first = metric if metric in GAIN_METRICS else "fid"
    metrics = (first, *(name for name in ("fid", "inception_score", SHARPNESS) if name != first))
    pairings = {"scratch": with_scratch, "joint": joint_and_mse}
    found = {key: [gain_of_pairs(pairing, name) for name in metrics] for key, pairing in pairings.items()}
    return {key: tuple(gain for gain in gains if gain.pairs) for key, gains in found.items() if gains[0].pairs}
