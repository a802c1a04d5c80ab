"""This module reads a sweep's trials: each journal once, and from the tracking store what the journals cannot say.

A trial that began once, has settled, and whose journal the store has in full, looks in the store as it does in its
journal, unless its run is deleted or begins again, which leaves a tag (tags.REOPENED). For such a trial the journal
speaks, and the store is asked

1. which runs are deleted,
2. for the runs that are not settled, and those that were reopened,
3. by their ids, for those that have a journal which does not speak for them,
4. for the trials that other sweeps share with this one,
5. whether the number of runs is the known one, and every run that a journal speaks for is among them. Where either is
   not so, all of them are read: another machine has run trials of which there is no journal here, or `mlflow gc` has
   removed a run for good.

A change that a person makes by hand in a settled run is not noticed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from analysis import Phase
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Journal, Record
from sweeps.ledger.records import Objectives, finite_objectives, record_of, shared_records
from sweeps.ledger.tags import PHASE, REUSED, SETTLED, TRIAL_KEY
from sweeps.ledger.tracking import Tracking

Reached = tuple[float, Objectives]  # (kimg, what was measured there)
Priced = Callable[[Record], Record]


def _as_it_is(record: Record) -> Record:
    return record


@dataclass(frozen=True)
class TrialSnapshot:
    """A TrialSnapshot has a sweep's trials at one moment, by identity.

    `records` has the sweep's own trials in the order in which they began, then those of other sweeps. `reached` has,
    for the trials of the search that have a journal here, the finite results at their rungs.
    """

    records: Mapping[str, Record]
    reached: Mapping[str, Sequence[Reached]]


@dataclass(kw_only=True)
class _Journaled:
    """This is what the journals say, read one after the other: no more of each is kept."""

    names: Sequence[str]
    priced: Priced
    records: dict[str, Record] = field(default_factory=dict)
    reached: dict[str, Sequence[Reached]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)  # the store lacks something of these
    began: dict[str, int] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)  # these speak for themselves
    asked: set[str] = field(default_factory=set)  # the run ids of the other trials

    def add(self, journal: Journal) -> None:
        found = journal.record()
        if found is None:
            return
        record = self.priced(found)
        self.records[journal.key], self.began[journal.key] = record, journal.events[0].time_ms
        if not journal.is_delivered:
            self.pending.add(journal.key)
        if record.run_id and _is_in_store(journal, record):
            self.settled.add(journal.key)
        elif record.run_id and REUSED not in record.tags:
            self.asked.add(record.run_id)
        if record.tags[PHASE] == Phase.SEARCH and (reached := list(self._reached(journal, record))):
            self.reached[journal.key] = reached

    def _reached(self, journal: Journal, record: Record) -> Iterator[Reached]:
        for event in journal.reported:
            objectives = finite_objectives({**record.metrics, **event.metrics}, self.names)
            if objectives:
                yield event.kimg, objectives


@dataclass
class _Runs:
    """These are the sweep's own runs, as they were fetched."""

    priced: Priced
    _: KW_ONLY
    records: dict[str, Record] = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)

    def add(self, runs: Iterable[Run]) -> None:
        for run in runs:
            key = run.data.tags[TRIAL_KEY]
            self.records[key], self.began[key] = self.priced(record_of(run)), run.info.start_time

    def run_ids(self) -> set[str]:
        return {record.run_id for record in self.records.values()}

    def in_order(self, journaled: Mapping[str, int]) -> dict[str, Record]:
        """Returns the records in the order in which their trials began, as the journals say where they do."""
        began = {**self.began, **journaled}
        return dict(sorted(self.records.items(), key=lambda item: (began[item[0]], item[1].run_id)))


class TrialReader:
    """A TrialReader reads the trials of one sweep, whose search has the objectives `names`.

    `priced` gives a record the cost that was measured for its student, where such a cost leads the search.
    """

    def __init__(
        self,
        tracking: Tracking,
        parent_run_id: str,
        *,
        trials: TrialStorage,
        names: Sequence[str],
        priced: Priced = _as_it_is,
    ) -> None:
        self._tracking, self._parent_run_id, self._trials, self._names = tracking, parent_run_id, trials, names
        self._priced = priced
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
        found = _Journaled(names=self._names, priced=self._priced)
        for folder in self._trials.folders():
            found.add(folder.read())
        return found

    def _snapshot(self, journaled: _Journaled, records: dict[str, Record]) -> TrialSnapshot:
        self._last = records | {key: journaled.records[key] for key in sorted(journaled.pending)}
        return TrialSnapshot(self._last, journaled.reached)

    def _stored(self, journaled: _Journaled) -> dict[str, Record]:
        """Returns what the store says, from the journals where they speak for it."""
        own = self._own(journaled) if journaled.settled else None
        if own is None:
            own = _Runs(self._priced)
            own.add(self._tracking.each_trial(self._parent_run_id))
        shared = shared_records(self._tracking, self._parent_run_id)
        return own.in_order(journaled.began) | {key: self._priced(record) for key, record in shared.items()}

    def _own(self, journaled: _Journaled) -> _Runs | None:
        """Returns the sweep's own runs; None where they are not those of the journals and the requested ones."""
        tracking, parent = self._tracking, self._parent_run_id
        deleted = {run.info.run_id for run in tracking.each_trial(parent, deleted=True)}
        found = _Runs(self._priced)
        found.add(tracking.changeable_trials(parent))
        found.add(tracking.trials_by_id(parent, journaled.asked - deleted - found.run_ids()))
        settled = {key: journaled.records[key] for key in journaled.settled - found.records.keys()}
        kept = {key: record for key, record in settled.items() if record.run_id not in deleted}
        found.records |= kept
        # The number alone would hide a run that was removed for good where another machine has begun one.
        is_whole = tracking.has_trials(parent, "", count=len(found.records))
        return found if is_whole and tracking.has_all(parent, (record.run_id for record in kept.values())) else None


def _is_in_store(journal: Journal, record: Record) -> bool:
    """Returns whether the store shows for the trial what its journal says."""
    began = [event.kind for event in journal.events].count("opened")
    # When a trial began again, the store shows the latest value by kimg.
    return journal.is_delivered and record.state in SETTLED and REUSED not in record.tags and began == 1
