"""This module says which of MLflow's pages are worth opening: for each sweep its answer, its frontier, its report."""

from collections.abc import Iterator
from contextlib import suppress

from sweeps.errors import SweepError
from sweeps.ledger.links import experiment_link, run_link, view_link
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import SAVED_VIEW, SWEEP
from sweeps.ledger.tracking import Tracking
from sweeps.results.answer_text import REPORT
from sweeps.results.names import FRONTIER_SIZE
from sweeps.results.views import SWEEPS_VIEW, view_links

MOST_SWEEPS = 5


def pages_of_store(store: TrackingStore) -> list[tuple[str, str]]:
    """Returns the pages of a data directory's own store; none of one that was served to other machines.

    Of a store elsewhere there are none either: looking for them would make experiments in it.
    """
    if not store.takes_files_freely:
        return []
    with suppress(SweepError):
        return list(pages_of(Tracking(store)))
    return []


def pages_of(tracking: Tracking) -> Iterator[tuple[str, str]]:
    """Yields the newest sweeps' pages, each with what it shows, relative to the server; then where all sweeps are."""
    newest = tracking.sweeps()
    for run in newest[:MOST_SWEEPS]:
        name, experiment, run_id = run.data.tags[SWEEP], str(run.info.experiment_id), str(run.info.run_id)
        has_students = FRONTIER_SIZE in run.data.metrics
        yield (
            f"{name}: {'limit, best students, samples' if has_students else 'how it stands'}",
            run_link(experiment, run_id),
        )
        for word, link in view_links(tracking, run).items():
            yield f"  its {word}", link
        if any(file.path == "report" for file in tracking.client.list_artifacts(run_id)):
            yield "  its report, to read alone", run_link(experiment, run_id, page=REPORT)
    for each in dict.fromkeys(str(run.info.experiment_id) for run in newest):
        found = tracking.client.get_experiment(each)
        has_view = SAVED_VIEW + SWEEPS_VIEW in found.tags
        yield f"all of {found.name}", view_link(each, SWEEPS_VIEW, charts=False) if has_view else experiment_link(each)
