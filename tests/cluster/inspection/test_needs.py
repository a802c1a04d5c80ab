"""Whether a trial can ever be scheduled."""

import pytest

from cluster import ClusterError, Node, TrialNeed, require_schedulable
from cluster.inspection.probing import outside

HEAD = Node(id="1", address="10.0.0.1", resources={"CPU": 0.0}, labels={}, is_head=True)
CORES = Node(id="2", address="10.0.0.2", resources={"CPU": 8.0}, labels={})
GPUS = Node(
    id="3",
    address="10.0.0.3",
    resources={"CPU": 16.0, "GPU": 2.0, "licence": 1.0},
    labels={"ray.io/accelerator-type": "H100"},
)


@pytest.mark.parametrize(
    ("need", "places"),
    [
        (TrialNeed(cpus=1), 24),
        (TrialNeed(cpus=3), 7),
        (TrialNeed(cpus=1, gpus=0.1), 16),  # of 20 places on the GPUs, as far as there are cores
        (TrialNeed(cpus=1, gpus=0.3), 6),
        (TrialNeed(cpus=1, resources={"licence": 1}), 1),
        (TrialNeed(cpus=1, labels={"ray.io/accelerator-type": "H100"}), 16),
        (TrialNeed(cpus=9), 1),
        (TrialNeed(cpus=17), 0),
        (TrialNeed(cpus=1, gpus=3), 0),
        (TrialNeed(cpus=1, labels={"ray.io/accelerator-type": "A100"}), 0),
    ],
)
def test_places(need: TrialNeed, places: int) -> None:
    nodes = [HEAD, CORES, GPUS]
    assert need.places(nodes) == places
    if places:
        require_schedulable(nodes, need)
    else:
        with pytest.raises(ClusterError, match=r"some node has room for that, got .*10\.0\.0\.3 has 16 CPU, 2 GPU"):
            require_schedulable(nodes, need)


def test_a_cluster_that_grows_is_trusted_with_what_it_may_grow_to() -> None:
    require_schedulable([HEAD], TrialNeed(cpus=4, gpus=1), autoscaled={"CPU": 64, "GPU": 8})
    with pytest.raises(ClusterError, match="A trial occupies 4 CPU, 9 GPU"):
        require_schedulable([HEAD], TrialNeed(cpus=4, gpus=9), autoscaled={"CPU": 64, "GPU": 8})


def test_a_trial_whose_files_are_on_one_node_alone_stays_there() -> None:
    here = Node(id="1", address="10.0.0.1", resources={"CPU": 4.0, "node:10.0.0.1": 1.0}, labels={})
    late = Node(id="2", address="10.0.0.2", resources={"CPU": 4.0, "node:10.0.0.2": 1.0}, labels={})
    need = TrialNeed(cpus=1).on(here)
    assert [need.fits(node) for node in (here, late)] == [True, False]
    assert need.places([here, late]) == 4


def test_the_clock_of_a_node_is_judged_by_when_it_was_asked_and_had_answered() -> None:
    assert outside(105.0, begin_s=100.0, end_s=110.0) == 0.0, "a node may take its time"
    assert outside(97.0, begin_s=100.0, end_s=110.0) == -3.0
    assert outside(112.5, begin_s=100.0, end_s=110.0) == 2.5
