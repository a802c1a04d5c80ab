"""A sweep on several hosts, with what happens to hosts and servers while it runs: all of it for real.

The hosts are network namespaces. Trials keep their files in an S3 store, runs go to an MLflow server with accounts on
PostgreSQL, and the submission comes from a host that is no part of the cluster.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

import analysis
from sweeps.tracking import KIND, NODE, STATE, TRIAL_KEY
from tests.cluster.hosts import Host, Network, network
from tests.cluster.servers import PASSWORD, PostgresServer, S3Server, postgres, s3_server

ADMIN_PASSWORD = "a-long-enough-canary"
RUNGS = [10.048, 20.032, 30.016, 40.0]  # whole batches of 64
TRIALS = 12
GRID = {
    "width": {"type": "choice", "values": [4, 6, 8]},
    "depth": {"type": "choice", "values": [1, 2]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.05]},
}


def wait_until(condition: Callable[[], Any], seconds: float = 300.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.3)
    return found


class Lab:
    """Hosts, a database, an object store and a tracking server; and what a team's secrets are."""

    def __init__(self, net: Network, database: PostgresServer, s3: S3Server, folder: Path) -> None:
        self.head, self.one, self.late, self.desk, self.store = net.hosts
        self.database, self.s3, self.folder = database, s3, folder
        self.password_file = self._secret("admin-password", ADMIN_PASSWORD)
        self.server: subprocess.Popen[str] | None = None
        credentials = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD}
        lines = {**credentials, **s3.environment}
        self.env_file = self._secret("nodes.env", "".join(f"{name}={value}\n" for name, value in lines.items()))
        self.desk.environment |= credentials

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
        wait_until(self._answers)

    def stop_tracking(self) -> None:
        assert self.server is not None
        self.server.terminate()
        self.server.communicate(timeout=30)

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
        return self.desk.ganlimit("sweep", "submit", spec, *words, expect=expect)

    def job(self, word: str, name: str, *options: object, expect: int = 0) -> str:
        return self.desk.ganlimit("sweep", word, name, *self.where, *options, expect=expect)

    def wait(self, name: str, condition: Callable[[], Any]) -> None:
        """Until the condition holds; what the job has said is told where it does not."""
        try:
            wait_until(condition)
        except AssertionError as error:
            raise AssertionError(self.job("logs", name)[-6000:]) from error

    # --- what the tracking server knows -------------------------------------------------------

    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri)

    def runs(self, name: str) -> list[Run]:
        client = self.client()
        experiment = client.get_experiment_by_name("ganlimit")
        if experiment is None:
            return []
        where = f"tags.`{KIND}` = 'trial' and tags.`ganlimit.sweep` = '{name}'"
        return list(client.search_runs([experiment.experiment_id], where, max_results=1000))

    def kimg_of(self, run: Run) -> list[float]:
        return [metric.value for metric in self.client().get_metric_history(run.info.run_id, "kimg")]

    def reported(self, name: str, host: Host) -> list[Run]:
        """The trials that have reported on that host."""
        return [run for run in self.runs(name) if run.data.tags[NODE] == host.address and "kimg" in run.data.metrics]

    def is_between_rungs(self, name: str, host: Host) -> bool:
        """Whether a trial on that host is on its way from one rung to the next."""
        return any(run.info.status == "RUNNING" and self.kimg_of(run) for run in self.reported(name, host))

    def finished(self, name: str) -> int:
        return sum(run.info.status == "FINISHED" for run in self.runs(name))


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
        lab = Lab(net, database, s3, folder)
        lab.start_tracking()
        yield lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as made:
        made.up()
        made.join(made.one)
        yield made


def spec_of(tiny: dict[str, Any], name: str, storage: object, folder: Path, kimg: float = RUNGS[-1]) -> Path:
    tiny |= {"name": name, "phases": ["search"], "cluster": {"storage": str(storage)}}
    tiny["student"] = {"kimg": kimg}
    tiny["evaluation"]["rungs_kimg"] = [10, 20, 30]
    tiny["search"] |= {"sampler": "grid", "trials": TRIALS, "points": [], "space": dict(GRID)}
    # A trial of another sweep is not done again: each has its own.
    weights = [len(name) / 10000, 0.05 + len(name) / 1000]
    tiny["search"]["space"]["gan_weight"] = {"type": "choice", "values": weights}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tiny))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "another-token"])
def test_without_the_token_nothing_is_had(lab: Lab, tiny: dict[str, Any], token: str | None) -> None:
    spec = spec_of(tiny, "refused", f"{lab.s3.uri}/trials", lab.folder)
    options = ["--token-file", lab._secret("wrong-token", token)] if token else []
    where = ["--address", lab.address, *options]
    for words in (["submit", spec, "--tracking-uri", lab.tracking_uri], ["logs", "x"], ["stop", "x"], ["status", "x"]):
        said = lab.desk.ganlimit("sweep", *words, *where, expect=2)
        assert "401" in said or "403" in said, said
        assert "Traceback" not in said
    joining = ["cluster", "join", f"{lab.head.address}:6379", *options, "--data-dir", lab.late.home / "refused"]
    assert "shows the token of its cluster" in lab.late.ganlimit(*joining, expect=2)
    assert lab.late.processes() == []
    assert lab.runs("refused") == []
    overview = json.loads(lab.desk.ganlimit("cluster", "status", *lab.where, "--json"))
    assert overview["jobs"] == []


@pytest.mark.slow
def test_two_sweeps_share_the_cluster_whoever_came_first(lab: Lab, tiny: dict[str, Any]) -> None:
    first = spec_of(tiny, "first", f"{lab.s3.uri}/trials", lab.folder, kimg=4 * RUNGS[-1])
    second = spec_of(tiny, "second-one", f"{lab.s3.uri}/trials", lab.folder)
    lab.submit(first)
    lab.wait("first", lambda: lab.reported("first", lab.head) and lab.reported("first", lab.one))
    lab.submit(second, "--trials", 3)
    lab.wait("second-one", lambda: lab.finished("second-one") == 3)
    done = lab.finished("first")
    assert done < TRIALS, "the second one did not wait for the first one's end"
    assert "running, process" in lab.job("status", "first")

    lab.job("stop", "first")
    lab.wait("first", lambda: "The same command again goes on" in lab.job("logs", "first"))
    lab.wait("first", lambda: "stopped" in lab.job("status", "first"))
    assert "Submitted first" in lab.submit(first), "what was stopped goes on"
    lab.wait("first", lambda: lab.finished("first") > done)
    lab.job("stop", "first")


@pytest.mark.slow
def test_a_sweep_outlives_a_node_its_servers_and_takes_in_a_late_node(lab: Lab, tiny: dict[str, Any]) -> None:
    spec = spec_of(tiny, "hosts", f"{lab.s3.uri}/trials", lab.folder)
    said = lab.submit(spec)
    assert "Submitted hosts" in said
    lab.wait("hosts", lambda: lab.reported("hosts", lab.head) and lab.reported("hosts", lab.one))
    assert "nothing is done twice" in lab.submit(spec), "a second submission is the first one"

    lab.stop_tracking()
    lab.database.restart()
    lab.start_tracking()

    lab.wait("hosts", lambda: lab.is_between_rungs("hosts", lab.one))
    before = {run.data.tags[TRIAL_KEY]: lab.kimg_of(run) for run in lab.runs("hosts")}
    lab.one.kill()
    lab.join(lab.late)

    said = lab.job("logs", "hosts", "--follow")
    assert "search: 12 of 12 trials" in said, said
    runs = lab.runs("hosts")
    assert Counter(run.data.tags[STATE] for run in runs) == {"COMPLETED": TRIALS}
    assert len({run.data.tags[TRIAL_KEY] for run in runs}) == TRIALS
    assert {tuple(lab.kimg_of(run)) for run in runs} == {tuple(RUNGS)}, "each rung once, in order"
    assert {run.data.tags[NODE] for run in runs} >= {lab.head.address, lab.late.address}
    after = {run.data.tags[TRIAL_KEY]: lab.kimg_of(run) for run in runs}
    assert all(after[key][: len(kimg)] == kimg for key, kimg in before.items()), "nothing measured was lost"


@pytest.mark.slow
def test_on_a_new_head_the_same_submission_goes_on(lab: Lab, tiny: dict[str, Any]) -> None:
    shared = lab.folder / "shared"  # a mounted path, this time
    shared.mkdir()
    spec = spec_of(tiny, "beheaded", shared, lab.folder)
    lab.submit(spec)
    follower = lab.desk.start(sys.executable, "-m", "sweeps.cli", "sweep", "logs", "beheaded", *lab.where, "--follow")
    lab.wait(
        "beheaded", lambda: 2 <= lab.finished("beheaded") < TRIALS - 2 and lab.is_between_rungs("beheaded", lab.late)
    )
    lost = time.monotonic()
    lab.head.kill()
    before = {run.info.run_id: run.info.end_time for run in lab.runs("beheaded") if run.info.status == "FINISHED"}
    said, _ = follower.communicate(timeout=90)
    assert "on a new head, the same command goes on" in said
    wait_until(lambda: not lab.late.processes(), 90)
    assert time.monotonic() - lost < 90

    lab.late.ganlimit("cluster", "down", "--data-dir", lab.late.home / "data")
    lab.head = lab.one  # another machine
    lab.up()
    lab.join(lab.late)
    lab.submit(spec)
    said = lab.job("logs", "beheaded", "--follow")
    assert "search: 12 of 12 trials" in said, said
    runs = lab.runs("beheaded")
    assert Counter(run.data.tags[STATE] for run in runs) == {"COMPLETED": TRIALS}
    assert {tuple(lab.kimg_of(run)) for run in runs} == {tuple(RUNGS)}, "each rung once, in order"
    after = {run.info.run_id: run.info.end_time for run in runs}
    assert before.items() <= after.items(), "what was finished did not run again"


@pytest.mark.slow
def test_the_report_is_made_from_the_tracking_server_alone(lab: Lab) -> None:
    out = lab.desk.home / "report"
    lab.desk.ganlimit("report", "hosts", "--tracking-uri", lab.tracking_uri, "--out", out)
    assert (out / "report.html").stat().st_size > 100_000
    table = analysis.read_table(out / "trials.parquet")
    assert table.num_rows == TRIALS


@pytest.mark.slow
def test_secrets_are_where_they_belong_and_nowhere_else(lab: Lab) -> None:
    canaries = [ADMIN_PASSWORD.encode(), PASSWORD.encode(), lab.s3.environment["AWS_SECRET_ACCESS_KEY"].encode()]
    homes = {lab.password_file, lab.env_file}
    for path in lab.folder.rglob("*"):
        belongs = path in homes or "accounts" in path.parts
        if path.is_file() and not path.is_symlink() and not belongs:
            content = path.read_bytes()
            assert not any(canary in content for canary in canaries), path
    for table in ("params", "tags", "experiment_tags", "model_version_tags"):
        content = str(lab.database.rows(f"SELECT * FROM {table}")).encode()
        assert not any(canary in content for canary in canaries), table
    objects = lab.s3.keys()
    for key in objects:
        body = lab.s3.client().get_object(Bucket=lab.s3.bucket, Key=key)["Body"].read()
        assert not any(canary in body for canary in canaries), key
    for host in (lab.head, lab.late, lab.desk, lab.store):
        for pid in host.processes():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert not any(canary in command for canary in canaries), command
