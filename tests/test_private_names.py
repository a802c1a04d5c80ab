"""The names of other libraries that they do not promise to keep, and which feature of ours needs each."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import optuna
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGES = ("gan", "cluster", "analysis", "sweeps")
IMPORT = re.compile(r"^\s*from ([\w.]+) import (\w+)", re.MULTILINE)

OUT_OF_MEMORY = "a worker that Ray ends for want of memory ends its trial and not its sweep"
# Private by their underscore, or parts of a module of which we replace or read what its documentation leaves out.
NEEDED_BY = {
    "executorch.extension.pybindings.portable_lib._unsafe_reset_threadpool": "--threads of deploy --format executorch",
    "mlflow.utils.search_utils.SearchUtils.create_page_token": "reading on where a tracking server's runs were left",
    "optuna.Study._storage": "NSGA-II without copies (search.sampler: nsgaii) writes a trial's generation",
    "optuna.samplers.NSGAIISampler._get_generation_key": "studies that either NSGA-II goes on with, Optuna's or ours",
    "optuna.samplers.NSGAIISampler._get_parent_cache_key_prefix": "parents, kept where Optuna keeps them",
    "optuna.trial.FrozenTrial._trial_id": "a resumed study: what is in line is taken out of it",
    "ray._private.accelerators.get_accelerator_manager_for_resource": "doctor counts the GPUs of a node",
    "ray._private.label_utils.validate_node_label_syntax": "cluster up|join --label refuses what Ray would refuse",
    "ray._private.node.Node.start_api_server": "a Ray of this machine alone starts no server of a dashboard",
    "ray._private.node.Node.start_log_monitor": "a Ray of this machine alone starts no reader of logs",
    "ray._private.node.Node.start_monitor": "a Ray of this machine alone starts no autoscaler",
    "ray._private.ray_constants.ENABLE_RAY_CLUSTER": "a Ray of this machine alone listens on 127.0.0.1",
    "ray._private.ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR": "processes of such a Ray listen on 127.0.0.1",
    "ray._private.services.canonicalize_bootstrap_address": "--address auto and HOST:PORT lead to the same cluster",
    "ray._private.services.get_node_ip_address": "cluster up on 127.0.0.1",
    "ray._private.state.state.get_max_resources_from_cluster_config": "a cluster that grows: does a trial ever fit",
    "ray._private.state.state.disconnect": "SIGTERM while Ray stops ends a command with 143",
    "ray._private.utils.estimate_available_memory": "doctor: is there room for Ray's object store",
    "ray._private.utils.get_shared_memory_bytes": "doctor: the size of /dev/shm",
    "ray._private.utils.set_sigterm_handler": "SIGTERM while Ray starts ends a command with 143",
    "ray._private.worker._global_node": "a Ray of this machine alone that does not come up leaves no process",
    "ray._private.worker.connect": "SIGTERM while Ray connects makes no crash dump",
    "ray._private.utils.resolve_object_store_memory": "doctor: the object store that Ray would make",
    "ray._raylet.AuthenticationTokenLoader.reset_cache": "--token-file, which Ray looks for when it is imported",
    "ray._raylet.Config.initialize": "--token-file, and whether tokens are asked for at all",
    "ray._raylet.GcsClient": "cluster join asks a head for its dashboard",
    "ray.air.execution._internal.actor_manager.RayActorManager._actor_task_failed": OUT_OF_MEMORY,
    "ray.scripts.scripts.get_ray_client_dependency_error": "cluster up and join open no port of Ray Client",
    "ray.tune.execution.class_cache.ENV_VARS_TO_PROPAGATE": "no AWS key of the driver in the logs of Ray",
    "ray.tune.execution.tune_controller.RayActorManager": OUT_OF_MEMORY,
    "torch._foreach_add_": "fused students: how many batches their statistics have seen",
    "torch._foreach_copy_": "fused students (resources.fused_trials): their running statistics",
    "torch._foreach_lerp_": "the moving average of a generator's weights, in one call",
}
OPTIONAL = ("executorch",)  # of an extra that goes without the others
# Attributes that a class does not have, but its instances.
INSTANCES: dict[str, Callable[[], object]] = {
    "optuna.Study": optuna.create_study,
    "optuna.trial.FrozenTrial": lambda: optuna.trial.create_trial(value=0.0),
}


def found(name: str) -> object:
    """Returns what a dotted name stands for. Raises AttributeError and ImportError where there is no such thing."""
    owner, _, attribute = name.rpartition(".")
    if make := INSTANCES.get(owner):
        return getattr(make(), attribute)
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            value: object = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            value = getattr(value, part)
        return value
    raise ImportError(name)


@pytest.mark.parametrize("name", NEEDED_BY)
def test_the_installed_libraries_have_each_private_name(name: str) -> None:
    package = name.partition(".")[0]
    if package in OPTIONAL:
        pytest.importorskip(package)
    try:
        found(name)
    except (AttributeError, ImportError) as error:
        pytest.fail(f"{name} ({NEEDED_BY[name]}): {error}")


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def private_imports(tree: ast.Module) -> Iterator[str]:
    """Yields the private names that a file, or a program in one of its strings, imports from other packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [f"{module}.{name}" for module, name in IMPORT.findall(node.value)]
        else:
            continue
        yield from (name for name in names if is_private(name) and name.partition(".")[0] not in PACKAGES)


def attributes(trees: list[ast.Module]) -> set[str]:
    """Returns the private attributes that are read of anything and that nothing here defines."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and is_private(node.attr)}
    ours = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    ours |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    ours |= {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"self", "cls"}
    }
    return used - ours - {"_exit"}  # os._exit, which Python documents


def trees() -> list[ast.Module]:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return [ast.parse(file.read_text(encoding="utf-8")) for file in files]


def test_no_private_name_is_used_beside_these() -> None:
    parsed = trees()
    imported = {name for tree in parsed for name in private_imports(tree)}
    unknown = {name for name in imported if not any(f"{known}.".startswith(f"{name}.") for known in NEEDED_BY)}
    assert unknown | (attributes(parsed) - {part for known in NEEDED_BY for part in known.split(".")}) == set()


def test_a_library_of_which_private_names_are_used_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *(text for name in OPTIONAL for text in project["optional-dependencies"][name])]
    requirements = [Requirement(text) for text in stated]
    bounded = {each.name for each in requirements if any(part.operator == "<" for part in each.specifier)}
    assert {name.partition(".")[0] for name in NEEDED_BY} == bounded
