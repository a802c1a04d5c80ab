"""This module has what is known of a sweep's trials at one moment, in the forms in which a driver needs it."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import pyarrow as pa

import analysis
from sweeps.ledger.records import Ledger, Objectives, ledger_of
from sweeps.ledger.snapshot import TrialSnapshot
from sweeps.results.table import table_of
from sweeps.search.rungs import Rungs
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class KnownTrials:
    """KnownTrials follow from one reading of the trials; each form is worked out when it is first asked for.

    `shared` are the tags of the sweep's parent run that all rows repeat.
    """

    spec: SweepSpec
    shared: Mapping[str, str]
    _: KW_ONLY
    trials: TrialSnapshot

    @cached_property
    def ledger(self) -> Ledger:
        """Returns the records as far as the search needs them."""
        return ledger_of(self.trials.records, self.spec.search.objectives)

    @cached_property
    def table(self) -> pa.Table:
        """Returns one row per trial."""
        return table_of(self.spec.name, self.shared, records=self.trials.records.items())

    def trial_seconds(self) -> float:
        """Returns the wall time of all trials so far."""
        return sum(entry.wall_s for entry in self.ledger.values())

    def finished_students(self) -> dict[str, Objectives]:
        """Returns (parameters or bytes, fid) of each distilled student that reached the full budget, by identity."""
        rows, cost = analysis.final_students(self.table).to_pylist(), self.spec.limit_cost
        return {row["trial_key"]: (row[cost], row["fid"]) for row in rows if None not in (row[cost], row["fid"])}

    def rungs(self) -> Rungs | None:
        """Returns what the search's pruning compares, with the rungs reached so far; None where nothing is pruned."""
        rungs = Rungs.of(self.spec)
        if rungs is None:
            return None
        for key, reached in self.trials.reached.items():
            for kimg, objectives in reached:
                rungs.recall(key, kimg, objectives=objectives)
        return rungs
