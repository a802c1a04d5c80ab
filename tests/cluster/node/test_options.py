from pathlib import Path

import pytest

from cluster import ClusterError, NodeOptions
from cluster.node.options import read_environment


def test_options_become_the_arguments_of_ray_start() -> None:
    assert NodeOptions().arguments == ()
    options = NodeOptions(
        num_cpus=2,
        num_gpus=0,
        object_store_memory=200_000_000,
        labels=("zone=a", "rack=r-1.2"),
        resources=("disk=2", "licence=0.5"),
    )
    assert options.arguments == (
        "--num-cpus=2",
        "--num-gpus=0",
        "--object-store-memory=200000000",
        "--labels=zone=a,rack=r-1.2",
        '--resources={"disk": 2.0, "licence": 0.5}',
    )


@pytest.mark.parametrize("label", ["zone", "=a", "zone=a b", "zone=a,b=c", "ray.io/node-id=x", "zone=a=b", "-x=a"])
def test_what_is_no_label_is_a_clear_error(label: str) -> None:
    with pytest.raises(ClusterError, match="A label is KEY=VALUE"):
        NodeOptions(labels=(label,))


@pytest.mark.parametrize("resource", ["disk", "disk=", "disk=0", "disk=-1", "disk=inf", "disk=nan", "CPU=4", "=1"])
def test_what_is_no_resource_is_a_clear_error(resource: str) -> None:
    with pytest.raises(ClusterError, match="A resource is NAME=AMOUNT"):
        NodeOptions(resources=(resource,))


def test_a_tiny_object_store_is_a_clear_error() -> None:
    with pytest.raises(ClusterError, match="at least 78,643,200 bytes, got 1,000"):
        NodeOptions(object_store_memory=1000)


def test_the_environment_file_is_taken_as_it_stands_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text('# comment\n\nUSER_NAME=me\nPASSWORD=a=b "c" #d\nEMPTY=\n')
    path.chmod(0o600)
    assert read_environment(path) == {"USER_NAME": "me", "PASSWORD": 'a=b "c" #d', "EMPTY": ""}
    assert read_environment(None) == {}
    path.write_text("A=1\nhush-hush\n")
    with pytest.raises(ClusterError, match="line 2 of") as caught:
        read_environment(path)
    assert "hush" not in str(caught.value)
    path.chmod(0o644)
    with pytest.raises(ClusterError, match="environment file is its owner's alone"):
        read_environment(path)
