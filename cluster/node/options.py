"""This module reads what a person says of the machine that becomes a node."""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from ray._private.label_utils import validate_node_label_syntax

from cluster.errors import ClusterError
from cluster.tokens import read_secret

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
RAYS_OWN = {"CPU", "GPU", "memory", "object_store_memory"}
LEAST_OBJECT_STORE_BYTES = 75 * 1024**2  # Ray's own limit


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """NodeOptions say what a node offers. None: what Ray finds on the machine.

    `labels` and `resources` come as people write them, K=V and NAME=AMOUNT. Raises ClusterError for what is none.
    """

    num_cpus: int | None = None
    num_gpus: int | None = None
    object_store_memory: int | None = None  # bytes
    labels: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    arguments: tuple[str, ...] = field(init=False)  # of `ray start`

    def __post_init__(self) -> None:
        given = {
            "num-cpus": self.num_cpus,
            "num-gpus": self.num_gpus,
            "object-store-memory": _object_store(self.object_store_memory),
            "labels": ",".join(_label(text) for text in self.labels) or None,
            "resources": json.dumps(dict(_resource(text) for text in self.resources)) if self.resources else None,
        }
        arguments = tuple(f"--{name}={value}" for name, value in given.items() if value is not None)
        object.__setattr__(self, "arguments", arguments)


def read_environment(env_file: Path | None) -> dict[str, str]:
    """Returns the variables in a file of KEY=VALUE lines, which its owner alone may read; values stand as they are.

    Blank lines and lines that begin with # are left out. Raises ClusterError, which shows no value.
    """
    if env_file is None:
        return {}
    variables = {}
    for number, line in enumerate(read_secret(env_file, "The environment file").splitlines(), start=1):
        name, is_pair, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not is_pair or not VARIABLE.fullmatch(name) or "\0" in value:
            raise ClusterError(
                "Each line of the environment file is KEY=VALUE", f"another in line {number} of {env_file}", "Check it."
            )
        variables[name] = value
    return variables


def _object_store(size: int | None) -> int | None:
    if size is not None and size < LEAST_OBJECT_STORE_BYTES:
        raise ClusterError(
            f"Ray's object store has at least {LEAST_OBJECT_STORE_BYTES:,} bytes",
            f"{size:,}",
            "Raise --object-store-memory, or leave it out.",
        )
    return size


def _label(text: str) -> str:
    key, is_pair, value = text.partition("=")
    try:
        if not is_pair or key.startswith("ray.io/"):
            raise ValueError(text)
        validate_node_label_syntax({key: value})
    except ValueError as error:
        raise ClusterError(
            "A label is KEY=VALUE of letters, digits, -, _ and .", repr(text), "Write --label zone=lab2."
        ) from error
    return text


def _resource(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    try:
        value = float(amount)
    except ValueError:
        value = math.nan
    if not RESOURCE.fullmatch(name) or name in RAYS_OWN or not 0 < value < math.inf:
        raise ClusterError(
            "A resource is NAME=AMOUNT with an amount above 0, beside Ray's own CPU, GPU and memory",
            repr(text),
            "Write --resource fast_disk=2.",
        )
    return name, value
