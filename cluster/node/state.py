"""This module keeps what `ganlimit cluster` started on this machine, in a file that the next command reads."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from cluster.errors import ClusterError
from cluster.node import processes
from cluster.node.processes import ProcessRecord

STATE_FILE = "node.json"


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A NodeState is a head or a node of a cluster, as started here, on this machine's address `host`.

    `address` is the head's HOST:PORT; URLs are http://HOST:PORT.
    """

    kind: str  # head or node
    host: str
    address: str
    dashboard_url: str
    tracking_url: str | None
    token_file: str | None
    temp_dir: str
    mark: str
    processes: tuple[ProcessRecord, ...] = ()

    @property
    def is_running(self) -> bool:
        """Returns whether anything of it still runs."""
        return any(record.find() for record in self.processes) or bool(processes.marked(self.mark))

    @property
    def lost(self) -> list[str]:
        """Returns the kinds of those of its processes that have ended by themselves."""
        return [record.kind for record in self.processes if not record.find()]

    def with_process(self, record: ProcessRecord) -> "NodeState":
        return replace(self, processes=(*self.processes, record))


def node_folder(data_dir: Path) -> Path:
    """Returns where a data directory keeps the state, the token and the logs of this machine's node."""
    return data_dir.expanduser().resolve() / "cluster"


def read_state(folder: Path) -> NodeState | None:
    """Returns what was started here and not yet ended. Raises ClusterError when the file does not tell."""
    path = folder / STATE_FILE
    try:
        found = json.loads(path.read_text())
        records = tuple(ProcessRecord(**record) for record in found.pop("processes"))
        return NodeState(**found, processes=records)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ClusterError(
            "The state of this machine's node can be read", f"{path} ({error})", "Check the file and its permissions."
        ) from error


def write_state(folder: Path, state: NodeState) -> None:
    """Keep `state` for the next command; never half of it."""
    part = folder / f"{STATE_FILE}.part"
    part.write_text(json.dumps(asdict(state), indent=2))
    part.replace(folder / STATE_FILE)


def clear(folder: Path, state: NodeState) -> None:
    """End what runs of it, and remove what it left behind but its logs and its token."""
    processes.end(state.processes, state.mark)
    shutil.rmtree(state.temp_dir, ignore_errors=True)
    (folder / STATE_FILE).unlink(missing_ok=True)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the folder's node for the length of a block, and make the folder if it is missing.

    Raises ClusterError while another command holds it, and when it cannot be written.
    """
    lock = FileLock(folder / "lock", timeout=0)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ClusterError(
            "One command at a time starts or ends a node", f"another one at work in {folder}", "Wait for it."
        ) from error
    except OSError as error:
        raise ClusterError(
            "The data directory can be written", f"{folder} ({error.strerror})", "Choose another with --data-dir."
        ) from error
    with lock:
        try:
            yield
        finally:
            lock.release()
