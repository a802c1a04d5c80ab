"""This script is `ray start --block` on the addresses it is told and no other: python -P ray_process.py ARGUMENTS.

The first argument is --node-ip-address=ADDRESS, and the others those of `ray start`.
"""

import contextlib
import os
import sys
from typing import NoReturn

import psutil
from ray._private import ray_constants, services
from ray.scripts import scripts

EXIT = os._exit
LOOPBACK = "127.0.0.1"


def _not_served() -> ImportError:
    return ImportError("not served")


def run(arguments: list[str]) -> None:
    """Start the node and stay until it ends."""
    # Ray Client's server is one more port, always 10001, which two heads on a machine would both want.
    scripts.get_ray_client_dependency_error = _not_served  # type: ignore[attr-defined]  # imported, not exported
    if arguments[0] == f"--node-ip-address={LOOPBACK}":
        # Ray replaces 127.0.0.1 by the machine's outward address, and then listens on all of them, unless a
        # variable says that this node is no part of a cluster (see cluster.client.session): it is set for our child
        # processes, but `ray start` itself would refuse to join a cluster with it.
        ray_constants.ENABLE_RAY_CLUSTER = True
        services.get_node_ip_address = lambda address=None: LOOPBACK
    os._exit = _exit  # type: ignore[assignment]  # by which `ray start` ends where the raylet has ended before
    scripts.cli.main(["start", "--block", "--log-style=record", "--log-color=false", *arguments])


def _exit(code: int) -> NoReturn:
    """End, and with this process what is left of Ray: its agents outlive a raylet whose head is gone by a minute."""
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if process.info["name"].startswith("ray") and os.getsid(process.pid) == os.getsid(0):
                process.kill()
    EXIT(code)


if __name__ == "__main__":
    run(sys.argv[1:])
