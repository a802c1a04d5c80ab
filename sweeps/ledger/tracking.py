"""This module is MLflow as the ledger: sweeps are parent runs, and trials are their children.

A run is found by the identity it carries, or created; so a retry or a second submission of the same thing never makes a
second run.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from analysis import TrialState
from sweeps.errors import SweepError
from sweeps.ledger.batches import metrics_at
from sweeps.ledger.experiments import Experiments
from sweeps.ledger.registry import Registry
from sweeps.ledger.run_query import OLDEST_FIRST, are_as_many, by_id, has_tags, search
from sweeps.ledger.states import RunStatus, SweepState, run_status
from sweeps.ledger.store import SWEEPS_EXPERIMENT, TrackingStore
from sweeps.ledger.tags import (
    ERROR,
    GROUP,
    KIND,
    ORIGIN,
    PARENT,
    PHASE,
    POINT,
    REOPENED,
    REUSED,
    SETTLED,
    STATE,
    SWEEP,
    TRIAL,
    TRIAL_KEY,
)

for _noisy in (
    *("alembic", "mlflow.tracking.registry", "mlflow.utils.git_utils"),
    "mlflow.store.model_registry.abstract_store",
):
    logging.getLogger(_noisy).setLevel(logging.ERROR)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it prints the traceback of what it raises


class Tracking:
    """A Tracking has the runs of one store, and its registered models. Raises SweepError where it cannot be reached."""

    def __init__(self, store: TrackingStore) -> None:
        self.store = store
        try:
            with store.opening():
                self.client = MlflowClient(store.uri, store.uri)
                self.experiments = Experiments(self.client, store)
        except MlflowException as error:
            raise SweepError(
                "The tracking store is reachable and writable",
                f"{store.uri.rpartition('@')[2]} ({_reason(error)})",  # a password stays where it is
                "Check its address, and that it runs.",
            ) from error
        self.registry = Registry(self.client)
        self._parents: dict[str, Run] = {}

    # --- runs ---------------------------------------------------------------------------------

    def find_sweep(self, name: str) -> Run | None:
        """Returns the parent run of the sweep called `name`; None where there is none."""
        return self._first({KIND: "sweep", SWEEP: name})

    def require_one_run(self, name: str) -> None:
        """Raises SweepError where a person deleted the run of the sweep `name`, or it has two since one was restored.

        Nothing is begun beside what is there.
        """
        identity = {KIND: "sweep", SWEEP: name}
        found = self._search(identity)
        deleted = [] if found else self._search(identity, deleted=True)
        if len(found) > 1:
            runs = " and ".join(run.info.run_id for run in found)
            remedy = "Delete all but the one to go on with on MLflow's page."
            raise SweepError(f"The sweep {name} has one run in MLflow", f"{runs}, the newest first", remedy)
        for experiment in [] if found else self.experiments.deleted():
            if list(search(self.client, [experiment.experiment_id], where=has_tags(identity), deleted=True)):
                raise self.experiments.refusal(experiment)
        if deleted:
            raise SweepError(
                f"The sweep {name} has its run in MLflow",
                f"a deleted one, {deleted[0].info.run_id}",
                "Restore it on MLflow's page, among the deleted runs; or give the sweep another name with --name.",
            )

    def sweeps(self, group: str | None = None) -> list[Run]:
        """Returns the parent runs of all sweeps, or of those in `group`, newest first."""
        return self._search({KIND: "sweep", **({} if group is None else {GROUP: group})})

    def open_sweep(self, name: str, tags: Mapping[str, str], *, experiment: str = SWEEPS_EXPERIMENT) -> Run:
        """Returns the parent run of the sweep `name`, running: where it is, or created in `experiment`."""
        identity = {KIND: "sweep", SWEEP: name}
        opened = self._reopened(identity, tags={**tags, **identity})
        if opened is None:
            place = self.experiments.place(experiment)
            opened = self.client.create_run(place, run_name=name, tags={**tags, **identity})
        *_, oldest = self._search(identity)
        if oldest.info.run_id == opened.info.run_id:
            return opened
        self.client.delete_run(opened.info.run_id)  # two drivers began at the same moment
        return oldest

    def open_trial(
        self, parent_run_id: str, trial_key: str, *, name: str, tags: Mapping[str, str], is_new: bool = False
    ) -> Run:
        """Returns the run of the trial with this identity under a sweep, created if there is none, running.

        What is created has the source and the inputs of the sweep. Where the trial `is_new`, none is looked for.
        """
        identity = {PARENT: parent_run_id, TRIAL_KEY: trial_key}
        tags = {**tags, **identity, KIND: "trial"}
        if not is_new and (found := self._reopened(identity, tags=tags)):
            return found
        parent = self._parent(parent_run_id)
        place = parent.info.experiment_id if parent else self.experiments.place(SWEEPS_EXPERIMENT)
        origin = {tag: parent.data.tags[tag] for tag in ORIGIN if tag in parent.data.tags} if parent else {}
        run = self.client.create_run(place, run_name=name, tags={**origin, **tags})
        if parent and (inputs := parent.inputs) and inputs.dataset_inputs:
            self.client.log_inputs(run.info.run_id, datasets=inputs.dataset_inputs, models=inputs.model_inputs)
        return run

    def each_trial(self, parent_run_id: str, where: str = "", *, deleted: bool = False) -> Iterator[Run]:
        """Yields the trials of a sweep for which MLflow's filter `where` is true, in the order in which they began.

        A page of them is in memory at once. With `deleted` it yields the deleted trials instead of the others.
        """
        trials = self._of_sweep(parent_run_id, where)
        return search(self.client, self.experiments.of_sweeps, where=trials, order=OLDEST_FIRST, deleted=deleted)

    def changeable_trials(self, parent_run_id: str, where: str = "") -> Iterator[Run]:
        """Yields the trials of a sweep that are not settled, then those that began again after they had settled.

        Any other trial stays as it is, unless it is deleted. One that began again and runs comes twice.
        """
        also = f"{where} and " if where else ""
        unsettled = f"attributes.status != '{RunStatus.FINISHED}' and tags.`{STATE}` != '{TrialState.DIVERGED}'"
        yield from self.each_trial(parent_run_id, also + unsettled)
        yield from self.each_trial(parent_run_id, f"{also}tags.`{REOPENED}` LIKE '%'")

    def trials_by_id(self, parent_run_id: str, run_ids: Iterable[str]) -> Iterator[Run]:
        """Yields the trials of a sweep with these run ids; those that are deleted or gone are left out."""
        for where, _ in by_id(run_ids):
            yield from self.each_trial(parent_run_id, where)

    def has_all(self, parent_run_id: str, run_ids: Iterable[str]) -> bool:
        """Returns whether a sweep has a trial of each of these run ids, without fetching them."""
        return all(self.has_trials(parent_run_id, where, count=count) for where, count in by_id(run_ids))

    def has_trials(self, parent_run_id: str, where: str, *, count: int) -> bool:
        """Returns whether MLflow's filter `where` is true of exactly `count` trials of a sweep."""
        trials = self._of_sweep(parent_run_id, where)
        return are_as_many(self.client, self.experiments.of_sweeps, where=trials, count=count)

    def completed(self, tags: Mapping[str, str], beyond: str) -> list[Run]:
        """Returns all completed trials with these tags, newest first, of all sweeps but the parent run `beyond`."""
        where = has_tags({**tags, KIND: "trial", STATE: TrialState.COMPLETED})
        where = where and f"{where} and tags.`{PARENT}` != '{beyond}'"
        return list(search(self.client, self.experiments.of_sweeps, where=where))

    def share(self, run_id: str, parent_run_id: str, *, trial: str, phase: str, point: str | None = None) -> None:
        """Let another sweep have a finished trial of this one as well, under its own ordinal and phase.

        `point` is its place in the other's space, as JSON; None where it is what it was in its own.
        """
        place = {TRIAL: trial, PHASE: phase, REUSED: run_id} | ({} if point is None else {POINT: point})
        self.log(run_id, tags={f"{REUSED}.{parent_run_id}": json.dumps(place)})

    def shared(self, parent_run_id: str) -> list[tuple[Run, dict[str, str]]]:
        """Returns the finished trials that a sweep has from others, each with the tags it has here."""
        name = f"{REUSED}.{parent_run_id}"
        where = f"tags.`{name}` LIKE '%'"
        runs = search(self.client, self.experiments.of_sweeps, where=where, order=OLDEST_FIRST)
        return [(run, json.loads(run.data.tags[name])) for run in runs]

    def log(
        self,
        run_id: str,
        metrics: Mapping[str, float] | None = None,
        *,
        kimg: float = 0.0,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
        time_ms: int | None = None,
        before: Sequence[Metric] = (),
    ) -> None:
        """Log one batch: metrics at `kimg`, params and tags, and metrics of `before`."""
        self.client.log_batch(
            run_id,
            metrics=[*before, *metrics_at(kimg, metrics or {}, time_ms=time_ms)],
            params=[Param(name, str(value)) for name, value in (params or {}).items()],
            tags=[RunTag(name, str(value)) for name, value in (tags or {}).items()],
        )

    def close(
        self,
        run_id: str,
        state: TrialState | SweepState,
        *,
        error: str | None = None,
        metrics: Mapping[str, float] | None = None,
        kimg: float = 0.0,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        time_ms: int | None = None,
        before: Sequence[Metric] = (),
    ) -> None:
        """End a run with its state (a trial's, or that of a sweep or of a model's training), and its last batch."""
        ending = {**(tags or {}), STATE: state, **({ERROR: error[:500]} if error else {})}
        self.log(run_id, metrics, kimg=kimg, params=params, tags=ending, time_ms=time_ms, before=before)
        self.client.set_terminated(run_id, str(run_status(state)), time_ms)

    def close_open_trials(self, parent_run_id: str, state: TrialState) -> int:
        """End every trial of a sweep that still runs. Returns how many there were."""
        open_trials = list(self.each_trial(parent_run_id, f"attributes.status = '{RunStatus.RUNNING}'"))
        for run in open_trials:
            self.close(run.info.run_id, state)
        return len(open_trials)

    # --- inside -------------------------------------------------------------------------------

    def _reopened(self, identity: Mapping[str, str], *, tags: Mapping[str, str]) -> Run | None:
        """Returns the run of this identity, running again and with these tags; None where there is none."""
        found = self._first(identity)
        if found is None:
            return None
        if found.data.tags.get(STATE) in SETTLED:
            # Before anything else: no cache may miss it.
            self.log(found.info.run_id, tags={REOPENED: int(time.time() * 1000)})
        if found.info.status != RunStatus.RUNNING:
            self.client.update_run(found.info.run_id, status=str(RunStatus.RUNNING))
        if ERROR in found.data.tags:
            self.client.delete_tag(found.info.run_id, ERROR)  # left by an earlier try
        self.log(found.info.run_id, tags=tags)
        return found

    def _first(self, tags: Mapping[str, str]) -> Run | None:
        found = self._search(tags)
        return found[0] if found else None

    def _search(self, tags: Mapping[str, str], *, deleted: bool = False) -> list[Run]:
        return list(search(self.client, self.experiments.of_sweeps, where=has_tags(tags), deleted=deleted))

    def _of_sweep(self, parent_run_id: str, where: str) -> str:
        trials = has_tags({PARENT: parent_run_id, KIND: "trial"})
        assert trials, "MLflow's run ids have no quotes"
        return f"{trials} and {where}" if where else trials

    def _parent(self, parent_run_id: str) -> Run | None:
        """Returns a sweep's run as it was when a trial of it was first created here; None where it was removed."""
        if parent_run_id not in self._parents:
            try:
                self._parents[parent_run_id] = self.client.get_run(parent_run_id)
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                    raise
                return None
        return self._parents[parent_run_id]


def _reason(error: Exception) -> str:
    """Returns why a store cannot be reached, without the layers that said so one after the other."""
    text = str(error)
    known = ("Connection refused", "Name or service not known", "timed out", "401", "403", "No route to host")
    return next((word for word in known if word in text), text[:300])
