"""A cluster of two nodes for real, on loopback, started and ended by the commands that people type."""

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from cluster import node_folder, read_state
from cluster.node import processes as own_processes
from tests.cluster.node.machine import SMALL, Machine
from tests.cluster.servers import free_port
from tests.waiting import PATIENCE_S

SECRET = "hush-hush-7391"


@pytest.fixture(scope="module")
def head(temporary: Path, environment: dict[str, str]) -> Iterator[Machine]:
    machine = Machine(temporary / "head", environment)
    secret_file = temporary / "secrets.env"
    secret_file.write_text(f"# of the artifact store\n\nAWS_SECRET_ACCESS_KEY={SECRET}\n")
    secret_file.chmod(0o600)
    ports = ("--port", free_port(), "--dashboard-port", free_port(), "--tracking-port", free_port())
    up = machine.ganlimit("up", *ports, *SMALL, "--label", "zone=a", "--env-file", secret_file)
    assert up.returncode == 0, up.stderr
    state = machine.state
    submission = f"ganlimit sweep submit digits --address {state.dashboard_url} --token-file "
    assert submission in up.stdout
    assert f"cluster/token --tracking-uri {state.tracking_url}\n" in up.stdout
    yield machine
    machine.ganlimit("down")


@pytest.fixture(scope="module")
def node(head: Machine, temporary: Path, environment: dict[str, str]) -> Iterator[Machine]:
    machine = Machine(temporary / "node", environment)
    offers = ("--label", "zone=b", "--label", "gpu=", "--resource", "fast_disk=2")
    join = machine.ganlimit("join", head.state.address, *SMALL, *offers, "--token-file", head.token)
    assert join.returncode == 0, join.stderr
    yield machine
    machine.ganlimit("down")


def test_the_head_starts_with_a_token_of_its_own_and_both_nodes_show_what_they_offer(
    head: Machine, node: Machine
) -> None:
    assert head.token.stat().st_mode & 0o777 == 0o600
    assert len(head.token.read_text()) == 64
    first, second = node.overview().nodes  # asked with what the node knows of the head
    assert (first.is_head, first.alive, first.address, dict(first.labels)) == (True, True, "127.0.0.1", {"zone": "a"})
    assert (second.is_head, second.alive, dict(second.labels)) == (False, True, {"zone": "b", "gpu": ""})
    assert dict(second.resources) == {"fast_disk": 2.0}
    assert (second.cpus_free, second.cpus_total, second.gpus_total) == (1, 1, 0)
    assert second.object_store_total_bytes == 100_000_000
    shown = node.ganlimit("status").stdout
    assert "127.0.0.1 (head)" in shown
    assert "fast_disk=2" in shown
    assert json.loads(node.ganlimit("status", "--json").stdout)["nodes"][1]["resources"] == {"fast_disk": 2.0}


def test_everything_listens_on_loopback_alone(head: Machine, node: Machine) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for machine in (head, node)
        for process in own_processes.marked(machine.state.mark)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    ports = {int(url.rpartition(":")[2]) for url in (head.state.address, head.state.dashboard_url)}
    assert ports <= {port for _, port in listening}
    assert {ip for ip, _ in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}, listening


TUNE = """
import os, pathlib, shutil, sys, time
import ray
from ray import tune

go = pathlib.Path(sys.argv[1])

def trial(config):
    while not go.exists():
        time.sleep(0.1)
    tune.report({"python": shutil.which("python"), "node": ray.get_runtime_context().get_node_id()})

bound = tune.with_resources(trial, {"cpu": 1, "fast_disk": 1})
[result] = tune.Tuner(bound, run_config=tune.RunConfig(storage_path=sys.argv[2])).fit()
print("RESULT", result.metrics["node"], shutil.which("python"), os.environ["MLFLOW_TRACKING_URI"])
print("SECRET", len(os.environ["AWS_SECRET_ACCESS_KEY"]))
"""


def test_a_job_finds_our_python_its_credentials_and_the_other_node_and_its_trial_is_seen(
    head: Machine, node: Machine, temporary: Path
) -> None:
    script, go = temporary / "job.py", temporary / "go"
    script.write_text(TUNE)
    entrypoint = f"python {script} {go} {temporary / 'results'}"
    head.ask("/api/jobs/", {"entrypoint": entrypoint, "submission_id": "tuned"})
    deadline = time.monotonic() + PATIENCE_S
    while (seen := head.overview()).trials == 0 or seen.nodes[1].cpus_free:
        assert time.monotonic() < deadline, (seen, head.ask("/api/jobs/tuned/logs")["logs"])
        time.sleep(0.2)
    assert [node.trials for node in seen.nodes] == [0, 1]
    assert [(job.name, job.status, job.entrypoint) for job in seen.jobs] == [("tuned", "RUNNING", entrypoint)]
    go.touch()
    while head.ask("/api/jobs/tuned")["status"] == "RUNNING":
        assert time.monotonic() < deadline, head.ask("/api/jobs/tuned/logs")["logs"]
        time.sleep(0.2)
    said = head.ask("/api/jobs/tuned/logs")["logs"]
    python = Path(sys.executable).parent / "python"
    assert f"RESULT {seen.nodes[1].node_id} {python} {head.state.tracking_url}\n" in said, said
    assert f"SECRET {len(SECRET)}\n" in said
    assert head.overview().jobs == ()


HOLD = """
import sys, time, ray
ray.init(namespace="SUPERVISOR_ACTOR_RAY_NAMESPACE")

@ray.remote(num_cpus=0)
class Held:
    pass

held = Held.options(name="_ray_internal_job_actor_again").remote()
ray.get(held.__ray_ready__.remote())
print("HELD", flush=True)
time.sleep(3)
"""


AGAIN = """
import sys, time
from pathlib import Path
from cluster import ClusterError, Jobs

address, token, folder = sys.argv[1:]
jobs = Jobs(address, Path(token))
jobs.submit("again", "sleep 1", folder=Path(folder), environment={}, title="sweep run again")
try:
    jobs.submit("again", "sleep 1", folder=Path(folder), environment={})
except ClusterError as error:
    print(error)
while not (job := jobs.find("again")) or not job.is_over:
    time.sleep(0.2)
print("succeeded" if job.has_succeeded else "failed", job.message)
print(job.metadata["job_name"])
"""

ATTACHED = """
import sys
from pathlib import Path
from cluster import ray_session

address, token = sys.argv[1:]
with ray_session(address, token_file=Path(token), name="sweep run here") as session:
    print(session.dashboard)
"""


def test_a_job_waits_for_the_end_of_an_earlier_one_of_its_id_and_a_second_one_is_refused(
    head: Machine, temporary: Path
) -> None:
    script, folder = temporary / "hold.py", temporary / "shipped"
    script.write_text(HOLD)
    folder.mkdir()
    (folder / "sweep.yaml").write_text("nothing")
    head.ask("/api/jobs/", {"entrypoint": f"python {script}", "submission_id": "holder"})
    deadline = time.monotonic() + PATIENCE_S
    while "HELD" not in head.ask("/api/jobs/holder/logs")["logs"]:
        assert time.monotonic() < deadline, head.ask("/api/jobs/holder/logs")
        time.sleep(0.2)
    # In a process of its own, which alone shows the cluster's token from then on.
    given = [sys.executable, "-c", AGAIN, head.state.dashboard_url, str(head.token), str(folder)]
    answer = subprocess.run(given, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert answer.returncode == 0, answer.stderr
    refusal, message, name = answer.stdout.splitlines()
    assert refusal.startswith("A cluster has one job of an id at a time, got ")
    assert "status again" in refusal
    assert message.startswith("succeeded"), message
    assert name == "sweep run again"


def test_a_driver_knows_the_dashboard_and_has_a_name_there(head: Machine) -> None:
    given = [sys.executable, "-c", ATTACHED, head.state.address, str(head.token)]
    answer = subprocess.run(given, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert answer.stdout.strip() == head.state.dashboard_url, answer.stderr
    assert "sweep run here" in {(job["metadata"] or {}).get("job_name") for job in head.ask("/api/jobs/")}


def test_artifacts_travel_through_the_tracking_server(head: Machine, temporary: Path) -> None:
    client = MlflowClient(head.state.tracking_url)
    run = client.create_run(client.create_experiment("e")).info
    assert run.artifact_uri.startswith("mlflow-artifacts:/")
    client.log_text(run.run_id, "kept", "note.txt")
    [note] = (head.data_dir / "tracking" / "artifacts").rglob("note.txt")
    assert note.read_text() == "kept"


def test_secrets_are_on_no_command_line_and_in_no_file_of_ours(head: Machine, node: Machine) -> None:
    secrets = {SECRET, head.token.read_text()}
    lines = [" ".join(process.cmdline()) for process in own_processes.marked(head.state.mark)]
    files = [path.read_text() for path in (head.data_dir / "cluster").glob("*") if path != head.token]
    assert len(lines) > 5
    assert len(files) >= 4
    assert not [text for text in lines + files for secret in secrets if secret in text]


@pytest.mark.parametrize(("content", "which"), [("wrong", "another one"), (None, "none")])
def test_a_machine_without_the_token_is_refused_and_keeps_nothing(
    head: Machine, temporary: Path, content: str | None, which: str
) -> None:
    stranger, token = Machine(temporary / "stranger", head.environment), temporary / "wrong"
    if content:
        token.write_text(content)
        token.chmod(0o600)
    shown = ("--token-file", token) if content else ()
    before = set((temporary / "tmp").iterdir())
    join = stranger.ganlimit("join", head.state.address, *SMALL, *shown)
    assert join.returncode == 2, join
    assert f"A node shows the token of its cluster, got {which} for {head.state.address}" in join.stderr
    assert "Traceback" not in join.stderr
    assert read_state(node_folder(stranger.data_dir)) is None
    assert set((temporary / "tmp").iterdir()) == before
    status = stranger.ganlimit("status", "--address", head.state.dashboard_url, *shown)
    assert status.returncode == 2
    assert f"got {which} for {head.state.dashboard_url} ({403 if content else 401})" in status.stderr


def test_a_second_node_in_the_same_place_is_refused(head: Machine) -> None:
    for arguments in (("up",), ("join", head.state.address, "--token-file", head.token)):
        again = head.ganlimit(*arguments)
        assert again.returncode == 2, again
        assert "one node at a time, got one whose head is at 127.0.0.1" in again.stderr
    assert head.overview().nodes[0].alive


def test_what_listens_but_is_no_head_is_a_clear_error(head: Machine, temporary: Path) -> None:
    stranger = Machine(temporary / "stranger", head.environment)
    join = stranger.ganlimit("join", str(head.state.tracking_url).removeprefix("http://"), *SMALL)
    assert join.returncode == 2
    assert "is the head of a Ray cluster, got" in join.stderr


def test_down_ends_this_node_whole_and_no_other_ray(head: Machine, node: Machine, temporary: Path) -> None:
    code = """
        import ray, sys
        from cluster import ray_session
        with ray_session(num_cpus=1):
            print("up", flush=True)
            sys.stdin.readline()
            print(ray.get(ray.remote(lambda: 6 * 7).remote()), flush=True)
        """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=head.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        shared = set(Path("/dev/shm").iterdir())
        states = [node.state, head.state]
        lost = next(record for record in states[0].processes if record.kind == "node").find()
        lost.kill()  # its children are nobody's now
        for machine, ended in ((node, "Ended the node."), (head, "Ended Ray's head and the tracking server.")):
            down = machine.ganlimit("down")
            assert down.returncode == 0, down.stderr
            assert down.stdout.startswith(ended)
            assert machine.ganlimit("down").stdout.startswith("Nothing to end")
        for state in states:
            assert not state.is_running
            assert not Path(state.temp_dir).exists()
        assert set(Path("/dev/shm").iterdir()) <= shared
        assert not (temporary / ".ray").exists(), "no token is kept in the home directory"
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "42\n"
    assert list((temporary / "tmp").iterdir()) == []
