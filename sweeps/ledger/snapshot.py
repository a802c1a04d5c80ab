"""This module reads a sweep's trials: each journal once, and from the tracking store what the journals cannot say.

A trial that began once, has settled, and whose journal the store has in full, looks in the store as it does in its
journal, unless its run is deleted or begins again, which leaves a tag (tags.REOPENED). For such a trial the journal
speaks, and the store is asked

1. which runs are deleted,
2. for the runs that are not settled, and those that were reopened,
3. by their ids, for those that have a journal which does not speak for them,
4. for the trials that other sweeps share with this one,
5. whether the number of runs is the known one. Where it is not, all of them are read: another machine has run trials
   of which there is no journal here, or `mlflow gc` has removed a run for good.

A change that a person makes by hand in a settled run is not noticed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow.exceptions import MlflowException

from analysis import Phase, TrialState
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Journal, Record
from sweeps.ledger.records import Objectives, finite_objectives, own_records, shared_records
from sweeps.ledger.states import RunStatus
from sweeps.ledger.tags import PHASE, REOPENED, REUSED, SETTLED, STATE
from sweeps.ledger.tracking import Tracking

IDS_AT_ONCE = 200

Reached = tuple[float, Objectives]  # (kimg, what was measured there)


@dataclass(frozen=True)
class TrialSnapshot:
    """A TrialSnapshot has a sweep's trials at one moment, by identity.

    `reached` has, for the trials of the search that have a journal here, the finite results at their rungs.
    """

    records: Mapping[str, Record]
    reached: Mapping[str, Sequence[Reached]]


@dataclass
class _Journaled:
    """This is what the journals say, read one after the other: no more of each is kept."""

    names: Sequence[str]
    records: dict[str, Record] = field(default_factory=dict)
    reached: dict[str, Sequence[Reached]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)  # the store lacks something of these
    settled: dict[str, int] = field(default_factory=dict)  # when those trials began that speak for themselves
    asked: set[str] = field(default_factory=set)  # the run ids of the other trials

    def add(self, journal: Journal) -> None:
        record = journal.record()
        if record is None:
            return
        self.records[journal.key] = record
        if not journal.is_delivered:
            self.pending.add(journal.key)
        if record.run_id and _is_in_store(journal, record):
            self.settled[journal.key] = journal.events[0].time_ms
        elif record.run_id and REUSED not in record.tags:
            self.asked.add(record.run_id)
        if record.tags[PHASE] == Phase.SEARCH and (reached := list(self._reached(journal, record))):
            self.reached[journal.key] = reached

    def _reached(self, journal: Journal, record: Record) -> Iterator[Reached]:
        for event in journal.reported:
            objectives = finite_objectives({**record.metrics, **event.metrics}, self.names)
            if objectives:
                yield event.kimg, objectives


class TrialReader:
    """A TrialReader reads the trials of one sweep, whose search has the objectives `names`."""

    def __init__(self, tracking: Tracking, parent_run_id: str, *, trials: TrialStorage, names: Sequence[str]) -> None:
        self._tracking, self._parent_run_id, self._trials, self._names = tracking, parent_run_id, trials, names
        self._last: Mapping[str, Record] = {}

    def read(self) -> TrialSnapshot:
        """Returns what is known now. Raises MlflowException while the store is away."""
        journaled = self._journaled()
        return self._snapshot(journaled, self._stored(journaled))

    def read_again(self) -> TrialSnapshot:
        """Returns what is known now; while the store is away, with what it said last."""
        journaled = self._journaled()
        try:
            return self._snapshot(journaled, self._stored(journaled))
        except MlflowException:
            return self._snapshot(journaled, {**self._last, **journaled.records})

    def _journaled(self) -> _Journaled:
        # The journals first: what is delivered in between is then read twice rather than not at all.
        found = _Journaled(self._names)
        for folder in self._trials.folders():
            found.add(folder.read())
        return found

    def _snapshot(self, journaled: _Journaled, records: dict[str, Record]) -> TrialSnapshot:
        self._last = records | {key: journaled.records[key] for key in sorted(journaled.pending)}
        return TrialSnapshot(self._last, journaled.reached)

    def _stored(self, journaled: _Journaled) -> dict[str, Record]:
        """Returns what the store says, from the journals where they speak for it."""
        found = self._own(journaled) if journaled.settled else None
        if found is None:
            found = own_records(self._tracking.each_trial(self._parent_run_id))
        return found | shared_records(self._tracking, self._parent_run_id)

    def _own(self, journaled: _Journaled) -> dict[str, Record] | None:
        """Returns the sweep's own runs; None where there are more of them than the journals and the requested runs."""
        parent, each_trial = self._parent_run_id, self._tracking.each_trial
        deleted = {run.info.run_id for run in each_trial(parent, deleted=True)}
        open_runs = f"attributes.status != '{RunStatus.FINISHED}' and tags.`{STATE}` != '{TrialState.DIVERGED}'"
        fetched = own_records(each_trial(parent, open_runs)) | own_records(
            each_trial(parent, f"tags.`{REOPENED}` LIKE '%'")
        )
        missing = journaled.asked - deleted - {record.run_id for record in fetched.values()}
        for ids in _in_parts(sorted(missing)):
            fetched |= own_records(each_trial(parent, f"attributes.run_id IN ({ids})"))
        order = sorted(journaled.settled, key=lambda key: journaled.settled[key])  # in which their runs began
        kept = {key: record for key in order if (record := journaled.records[key]).run_id not in deleted}
        found = kept | fetched
        return found if self._tracking.has_trials(parent, "", count=len(found)) else None


def _is_in_store(journal: Journal, record: Record) -> bool:
    """Returns whether the store shows for the trial what its journal says."""
    began = [event.kind for event in journal.events].count("opened")
    # When a trial began again, the store shows the latest value by kimg. It stores an infinity as another number.
    is_whole = journal.is_delivered and record.state in SETTLED and REUSED not in record.tags
    return is_whole and began == 1 and not any(map(math.isinf, record.metrics.values()))


def _in_parts(run_ids: Sequence[str]) -> Iterable[str]:
    for first in range(0, len(run_ids), IDS_AT_ONCE):
        yield ", ".join(f"'{run_id}'" for run_id in run_ids[first : first + IDS_AT_ONCE])
