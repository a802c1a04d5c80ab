"""A laboratory: hosts that are namespaces, a database, an object store, and a tracking server with accounts."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis import TrialState
from sweeps.ledger.folders import TrialStorage
from sweeps.ledger.journal import Record
from sweeps.ledger.tags import KIND, NODE, SWEEP
from tests.cluster import command_server
from tests.cluster.hosts import Host, Network, network
from tests.cluster.servers import PostgresServer, S3Server, postgres, s3_server
from tests.waiting import PATIENCE_S, wait_until

ADMIN_PASSWORD = "a-long-enough-canary"
TRIAL = b"ray::ImplicitFunc"  # how Ray calls the process of a trial
ASK_EVERY_S = 0.7  # asking takes as much of the machine as a trial


class CommandLine:
    """`ganlimit` on one host, without the seconds that each command takes to import PyTorch and MLflow."""

    def __init__(self, host: Host) -> None:
        self._said = host.home / "said"
        self._process = host.start(sys.executable, command_server.__file__, stdin=subprocess.PIPE)

    def __call__(self, *words: object, expect: int = 0) -> str:
        """Run a command to its end; what it said."""
        asking, answers = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answers is not None
        print(json.dumps([str(self._said), *map(str, words)]), file=asking, flush=True)
        for line in answers:
            if line.startswith(command_server.EXIT):
                said = self._said.read_text()
                assert line == f"{command_server.EXIT}{expect}\n", said
                return said
        raise AssertionError("the process that has imported everything has ended")


class Lab:
    """Hosts, a database, an object store and a tracking server; what a team's secrets are; and the command line on the
    host that people are at.
    """

    def __init__(self, net: Network, database: PostgresServer, s3: S3Server, folder: Path) -> None:
        self.head, self.one, self.late, self.desk, self.store = net.hosts
        self.database, self.s3, self.folder = database, s3, folder
        self.password_file = self._secret("admin-password", ADMIN_PASSWORD)
        self.server: subprocess.Popen[str] | None = None
        credentials = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD}
        lines = {**credentials, **s3.environment}
        self.env_file = self._secret("nodes.env", "".join(f"{name}={value}\n" for name, value in lines.items()))
        self.desk.environment |= credentials
        self.ganlimit = CommandLine(self.desk)

    @property
    def tracking_uri(self) -> str:
        return f"http://{self.store.address}:5000"

    @property
    def address(self) -> str:
        return f"http://{self.head.address}:8265"

    @property
    def token_file(self) -> Path:
        return self.head.home / "data" / "cluster" / "token"

    def _secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    # --- servers ------------------------------------------------------------------------------

    def start_tracking(self) -> None:
        command = [sys.executable, "-m", "sweeps.cli", "tracking", "serve", "--host", self.store.address]
        options = ["--artifacts-destination", f"{self.s3.uri}/artifacts", "--basic-auth"]
        options += ["--admin-password-file", self.password_file, "--data-dir", self.store.home / "data"]
        secret = {"MLFLOW_BACKEND_STORE_URI": self.database.uri, **self.s3.environment}
        self.server = self.store.start(*command, *options, **secret)
        wait_until(self._answers, every_s=ASK_EVERY_S)

    def stop_tracking(self) -> None:
        assert self.server is not None
        self.server.terminate()
        self.server.communicate(timeout=PATIENCE_S)

    def _answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, self.server.communicate()[0]
        try:
            build_opener(ProxyHandler({})).open(f"{self.tracking_uri}/health", timeout=2).close()
        except OSError:
            return False
        return True

    # --- cluster ------------------------------------------------------------------------------

    def up(self) -> None:
        options = ("--host", self.head.address, "--no-tracking", "--num-cpus", 1, "--env-file", self.env_file)
        self.head.ganlimit("cluster", "up", *options, "--data-dir", self.head.home / "data")

    def join(self, host: Host) -> None:
        options = ("--token-file", self.token_file, "--env-file", self.env_file, "--num-cpus", 1)
        host.ganlimit("cluster", "join", f"{self.head.address}:6379", *options, "--data-dir", host.home / "data")

    @property
    def where(self) -> tuple[object, ...]:
        return ("--address", self.address, "--token-file", self.token_file)

    def submit(self, spec: Path, *options: object, expect: int = 0) -> str:
        words = (*self.where, "--tracking-uri", self.tracking_uri, *options)
        return self.ganlimit("sweep", "submit", spec, *words, expect=expect)

    def job(self, word: str, name: str, *options: object, expect: int = 0) -> str:
        return self.ganlimit("sweep", word, name, *self.where, *options, expect=expect)

    def wait(self, name: str, condition: Callable[[], Any]) -> None:
        """Until the condition holds; what the job has said is told where it does not."""
        try:
            wait_until(condition, every_s=ASK_EVERY_S)
        except AssertionError as error:
            raise AssertionError(self.job("logs", name)[-6000:]) from error

    def spread(self, name: str, host: Host, *, trials: TrialStorage) -> None:
        """Wait until trials run on that host beside the head.

        Ray Tune gives a worker up that is still starting when another one has become free, so that the head's stands
        still meanwhile: trials here are shorter than a worker's start.
        """
        with self.held(name, self.head, trials=trials):
            self.wait(name, lambda: any(each.state == TrialState.RUNNING for each in records_on(host, trials)))

    # --- what the tracking server knows -------------------------------------------------------

    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri)

    def runs(self, name: str) -> list[Run]:
        client = self.client()
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        where = f"tags.`{KIND}` = 'trial' and tags.`{SWEEP}` = '{name}'"
        return list(client.search_runs(experiments, where, max_results=1000))

    def kimg_of(self, run: Run) -> list[float]:
        return [metric.value for metric in self.client().get_metric_history(run.info.run_id, "kimg")]

    @contextmanager
    def paused(self, host: Host) -> Iterator[None]:
        """Have that host's trials stand still until the block ends."""
        host.signal(TRIAL, signal.SIGSTOP)
        try:
            yield
        finally:
            host.signal(TRIAL, signal.SIGCONT)

    @contextmanager
    def held(self, name: str, host: Host, *, trials: TrialStorage) -> Iterator[None]:
        """Have that host's trial stand still between two rungs until the block ends. It has a core, and so one trial.

        The server is told of quick rungs late, so the journals are read.
        """
        with ExitStack() as held:

            def hold() -> bool:
                held.enter_context(self.paused(host))
                if any(is_between_rungs(each) for each in records_on(host, trials)):
                    return True
                held.close()  # let it run on for a while
                return False

            self.wait(name, hold)
            yield

    def finished(self, name: str) -> int:
        return sum(run.info.status == "FINISHED" for run in self.runs(name))


def records_on(host: Host, trials: TrialStorage) -> list[Record]:
    """The records of the trials that ran there last."""
    records = [record for folder in trials.folders() if (record := folder.record())]
    return [record for record in records if record.tags[NODE] == host.address]


def is_between_rungs(record: Record) -> bool:
    """Whether a trial has reported, and is not at the end of its budget."""
    kimg, budget_kimg = record.metrics.get("kimg", 0.0), float(record.params["budget_kimg"])
    return record.state == TrialState.RUNNING and 0 < kimg < budget_kimg


@contextmanager
def laboratory() -> Iterator[Lab]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="g", dir="/tmp")))
        net = stack.enter_context(network(folder, "head", "one", "late", "desk", "store"))
        store = net.hosts[-1]
        database = stack.enter_context(postgres(folder, store.address, store.inside))
        s3 = stack.enter_context(s3_server(store.address, store.inside))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        patch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        lab = Lab(net, database, s3, folder)
        lab.start_tracking()
        yield lab
