"""One reading of journals and store gives what reading every run gives, and fetches none that a journal speaks for."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.records import journaled_records, stored_records
from sweeps.ledger.snapshot import TrialReader, TrialSnapshot
from sweeps.ledger.tags import KIND, REOPENED, TRIAL_KEY
from sweeps.ledger.tracking import Tracking
from tests.sweeps.trial_histories import Life, as_text, purge

OBJECTIVES = ("parameters", "fid")
BY_THE_STORE = ("mlflow.", KIND, TRIAL_KEY, REOPENED)  # tags that no journal has


@pytest.fixture
def sweep(new_sweep: Any) -> Any:
    return new_sweep()


def trials_of(sweep: Any) -> MountedTrials:
    return MountedTrials(sweep.workspace.sweep(sweep.name) / "trials")


def reader(sweep: Any) -> TrialReader:
    return TrialReader(sweep.tracking, sweep.parent_run_id, trials=trials_of(sweep), names=OBJECTIVES)


def text_of(records: Any) -> dict[str, str]:
    """Records to compare, without what only the store says and nobody asks of a record."""
    bare = {
        key: replace(r, tags={n: v for n, v in r.tags.items() if not n.startswith(BY_THE_STORE)})
        for key, r in records.items()
    }
    return as_text(bare)


def check(sweep: Any, *, in_order: bool = True) -> TrialSnapshot:
    """Read, and compare with what reading all anew gives."""
    found = reader(sweep).read()
    pending = journaled_records(trials_of(sweep), undelivered=True)
    anew = stored_records(sweep.tracking, sweep.parent_run_id) | pending
    assert text_of(found.records) == text_of(anew)
    if in_order:
        assert list(found.records) == list(anew)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_a_reading_gives_what_reading_all_anew_gives(sweep: Any, new_sweep: Any, seed: int) -> None:
    rng = random.Random(seed)
    life = Life(sweep, new_sweep(), rng)
    sweep.finished(6)
    check(sweep)
    for _ in range(12):
        for _ in range(rng.choice([1, 2, 5])):
            life.happen()
        check(sweep, in_order=False)  # for the store a trial begins with its first delivery, which may be late


def test_no_run_is_fetched_that_a_journal_speaks_for(sweep: Any, fetched: list[str]) -> None:
    ids = sweep.finished(6)
    begun = sweep.begin()
    reader(sweep).read()
    assert sorted(fetched) == sorted([*ids[4:], begun.delivered()[1]]), "what failed, was lost or runs, each once"


def test_trials_are_in_the_order_in_which_they_began(sweep: Any, new_sweep: Any) -> None:
    sweep.begin()
    sweep.finished(6)  # the fifth of which failed
    sweep.begin()
    sweep.finished(2)
    (taken,) = new_sweep().finished(1)
    sweep.tracking.share(taken, sweep.parent_run_id, trial="90", phase="search")
    own = [folder.key for folder in sweep.folders]
    assert list(check(sweep).records)[: len(own)] == own


def test_what_a_trial_reached_before_is_known_at_each_rung(sweep: Any) -> None:
    folder = sweep.begin()
    sweep.report(folder, 2.0, 30.0)
    sweep.report(folder, 3.0, float("nan"))
    sweep.report(folder, 4.0, 20.0)
    sweep.end(folder, "PRUNED")
    assert dict(check(sweep).reached) == {folder.key: [(2.0, (101.0, 30.0)), (4.0, (101.0, 20.0))]}


class TestWhatNoJournalTellsOf:
    @pytest.fixture
    def happenings(self, sweep: Any) -> dict[str, Callable[[str], None]]:
        client = sweep.tracking.client

        def remove_for_good(run_id: str) -> None:
            client.delete_run(run_id)
            purge(sweep, run_id)

        def lose_the_journal(run_id: str) -> None:
            next(folder for folder in sweep.folders if folder.delivered()[1] == run_id).delete()

        def remove_and_begin_elsewhere(run_id: str) -> None:
            lose_the_journal(sweep.folders[2].delivered()[1])
            remove_for_good(run_id)

        def infinity(run_id: str) -> None:
            folder = sweep.begin()
            sweep.report(folder, 2.0, float("inf"))
            sweep.end(folder)

        return {
            "deleted": client.delete_run,
            "removed for good": remove_for_good,
            "run on another machine": lose_the_journal,
            "removed for good, and another run on another machine": remove_and_begin_elsewhere,
            "an infinity": infinity,
        }

    @pytest.mark.parametrize(
        "happening",
        [
            *("deleted", "removed for good", "run on another machine"),
            "removed for good, and another run on another machine",
            "an infinity",
        ],
    )
    def test_is_as_the_store_has_it(self, sweep: Any, happenings: Any, happening: str) -> None:
        ids = sweep.finished(4)
        happenings[happening](ids[1])
        check(sweep)

    def test_a_trial_that_began_again_and_ended_earlier(self, sweep: Any) -> None:
        folder = sweep.begin()
        sweep.report(folder, 4.0, 3.0)
        sweep.end(folder, "LOST")
        sweep.open(folder, 1)
        sweep.report(folder, 2.0, 9.0)
        sweep.end(folder)
        assert check(sweep).records[folder.key].metrics["fid"] == 3.0, "MLflow's latest is that at the highest kimg"


def test_while_the_store_is_away_it_is_what_it_said_last_and_the_journals(
    sweep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.finished(3)
    sweep.folders[0].delete()  # of which only the store knows
    trials = reader(sweep)
    before = trials.read()
    folder = sweep.begin(deliver=False)

    def away(*arguments: Any, **options: Any) -> Any:
        raise MlflowException("away", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(Tracking, "each_trial", away)
    found = trials.read_again()
    assert text_of({key: found.records[key] for key in before.records}) == text_of(before.records)
    assert found.records.keys() - before.records.keys() == {folder.key}
    with pytest.raises(MlflowException):
        trials.read()
