"""Models in MLflow's registry, as several workers make them at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.sweeps.conftest import StoredSweep


def test_workers_that_register_the_first_versions_of_a_model_at_once_both_do(
    store: Workspace, store_tracking: Tracking
) -> None:
    """As two candidates of a selection of teachers do, which end together."""
    run_id = StoredSweep(store, store_tracking, "registering").parent_run_id
    together = threading.Barrier(2)

    def register(name: str) -> str:
        registry = Tracking(store.store).registry
        together.wait()
        return str(registry.register_files(name, run_id, tags={}).version)

    with ThreadPoolExecutor(2) as pool:
        for name in map("teacher-{}".format, range(5)):
            assert sorted(pool.map(register, [name] * 2)) == ["1", "2"]
