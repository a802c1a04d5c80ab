"""A sweep on several hosts, with what happens to hosts and servers while it runs: all of it for real.

The hosts are network namespaces. Trials keep their files in an S3 store, runs go to an MLflow server with accounts on
PostgreSQL, and the submission comes from a host that is no part of the cluster. The tests run in their order: each goes
on with what the one before has left.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import analysis
from sweeps.ledger.folders import trials_of
from sweeps.ledger.tags import NODE, STATE, TRIAL_KEY
from tests.cluster.lab import ADMIN_PASSWORD, Lab, laboratory, records_on
from tests.cluster.servers import PASSWORD
from tests.waiting import PATIENCE_S, wait_until

RUNGS = [4.032, 8.0, 12.032, 16.0]  # whole batches of 64
TRIALS = 6
TRIALS_OF_HOSTS = 8  # enough for a node that joins late
TRIALS_WITHOUT_END = 120  # minutes of work: stopped long before, however slowly the machine starts the other sweep
GRID = {
    "width": {"type": "choice", "values": [4, 8]},
    "depth": {"type": "choice", "values": [1, 2]},
    "gan_weight": {"type": "choice", "values": [0.0, 0.05]},
}
# Claims half of the cluster at a time, and writes down whether anybody else claims any of it.
WATCHER = """
import sys, time
from pathlib import Path
from cluster import Share, ray_session, use_token

heard, address, token_file = sys.argv[1:]
use_token(Path(token_file))
with ray_session(address), Share("watcher", lambda: 0.5) as share, open(heard, "w") as file:
    before = None
    while True:
        share.claim()
        now = "alone" if share.allows(1) else "shared"
        if now != before:
            print(now, file=file, flush=True)
        before = now
        time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as made:
        made.up()
        made.join(made.one)
        yield made


def spec_of(tiny: dict[str, Any], name: str, storage: object, folder: Path, trials: int = TRIALS) -> Path:
    tiny |= {"name": name, "phases": ["search"], "cluster": {"storage": str(storage)}}
    tiny["extractor"]["epochs"], tiny["teacher"]["training"]["kimg"] = 1, 1  # models of any quality
    tiny["student"] = {"kimg": RUNGS[-1]}
    tiny["evaluation"]["rungs_kimg"] = [4, 8, 12]
    tiny["search"] |= {"sampler": "grid", "trials": trials, "points": [], "space": dict(GRID)}
    # A trial of another sweep is not done again: each has its own.
    weights = [0.01 * number + sum(name.encode()) / 10**5 for number in range(2 * trials // TRIALS)]
    tiny["search"]["space"]["gan_weight"] = {"type": "choice", "values": weights}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(tiny))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "commands"),
    [
        (None, (["submit", "SPEC", "--tracking-uri", "URI"], ["stop", "x"])),
        ("another-token", (["logs", "x"], ["status", "x"])),
    ],
)
def test_without_the_token_nothing_is_had(
    lab: Lab, tiny: dict[str, Any], token: str | None, commands: tuple[list[str], ...]
) -> None:
    given = {"SPEC": spec_of(tiny, "refused", f"{lab.s3.uri}/trials", lab.folder), "URI": lab.tracking_uri}
    options = ["--token-file", lab._secret("wrong-token", token)] if token else []
    where = ["--address", lab.address, *options]
    for words in ([given.get(word, word) for word in command] for command in commands):
        said = lab.ganlimit("sweep", *words, *where, expect=2)
        assert "401" in said or "403" in said, said
        assert "Traceback" not in said
    joining = ["cluster", "join", f"{lab.head.address}:6379", *options, "--data-dir", lab.late.home / "refused"]
    assert "shows the token of its cluster" in lab.late.ganlimit(*joining, expect=2)
    assert lab.late.processes() == []
    assert lab.runs("refused") == []
    overview = json.loads(lab.ganlimit("cluster", "status", *lab.where, "--json"))
    assert overview["jobs"] == []


@pytest.mark.slow
def test_two_sweeps_share_the_cluster_whoever_came_first(lab: Lab, tiny: dict[str, Any]) -> None:
    first = spec_of(tiny, "first", f"{lab.s3.uri}/trials", lab.folder, trials=TRIALS_WITHOUT_END)
    second = spec_of(tiny, "second-one", f"{lab.s3.uri}/trials", lab.folder)
    lab.submit(first)
    lab.spread("first", lab.one, trials=trials_of("first", f"{lab.s3.uri}/trials"))
    lab.submit(second, "--trials", 3)
    lab.wait("second-one", lambda: lab.finished("second-one"))
    done = lab.finished("first")
    assert done < TRIALS_WITHOUT_END, "the second one did not wait for the first one's end"
    assert "running, process" in lab.job("status", "first")

    lab.job("stop", "first")
    lab.wait("first", lambda: "The same command again goes on" in lab.job("logs", "first"))
    lab.wait("first", lambda: "stopped" in lab.job("status", "first"))
    lab.job("logs", "second-one", "--follow")  # to the end of its report
    assert lab.finished("second-one") == 3


@pytest.mark.slow
def test_a_finished_sweep_that_is_resumed_claims_nothing_while_it_writes_its_report(lab: Lab) -> None:
    heard = lab.folder / "heard"
    where = (f"{lab.head.address}:6379", lab.token_file)
    watcher = lab.one.start(sys.executable, "-c", WATCHER, heard, *where)
    try:
        wait_until(lambda: heard.exists() and heard.read_text().split() == ["alone"])
        words = ("--address", where[0], "--token-file", where[1], "--tracking-uri", lab.tracking_uri, "--data-dir")
        command = (sys.executable, "-m", "sweeps.cli", "sweep", "resume", "second-one", *words, lab.head.home / "data")
        driver = lab.head.start(*command, **lab.desk.environment, **lab.s3.environment)
        wait_until(lambda: heard.read_text().split() == ["alone", "shared", "alone"] or driver.poll() is not None)
        assert driver.poll() is None, "others have the whole cluster again while the report is written"
        said, _ = driver.communicate(timeout=PATIENCE_S)
        assert driver.returncode == 0, said
    finally:
        watcher.kill()  # what it claims is had by no sweep of the tests that follow
        watcher.communicate()

    assert "Submitted first" in lab.submit(lab.folder / "first.yaml"), "what was stopped goes on"
    lab.spread("first", lab.one, trials=trials_of("first", f"{lab.s3.uri}/trials"))


@pytest.mark.slow
def test_a_submitted_driver_that_is_terminated_closes_its_runs_and_says_how_to_go_on(lab: Lab) -> None:
    (driver,) = (pid for pid in lab.head.processes() if b"sweeps.cli\0sweep\0run" in lab.head.command(pid))
    os.kill(driver, signal.SIGTERM)
    said = lab.job("logs", "first", "--follow", expect=143)
    assert "Stopped. The same command again goes on from here" in said, said
    assert "The job first ended as failed" in said
    assert "The same submission goes on from there" in said
    assert "SIGTERM received" not in said, "Ray's crash dump"
    assert "RUNNING" not in {run.info.status for run in lab.runs("first")}
    assert "stopped" in lab.job("status", "first")


@pytest.mark.slow
def test_a_sweep_outlives_a_node_its_servers_and_takes_in_a_late_node(lab: Lab, tiny: dict[str, Any]) -> None:
    spec = spec_of(tiny, "hosts", f"{lab.s3.uri}/trials", lab.folder, trials=TRIALS_OF_HOSTS)
    trials = trials_of("hosts", f"{lab.s3.uri}/trials")

    def rungs() -> int:
        return sum(len(folder.reported()) for folder in trials.folders())

    said = lab.submit(spec)
    assert "Submitted hosts" in said
    with lab.held("hosts", lab.head, trials=trials):  # however quick that is, it leaves trials to the others
        lab.wait("hosts", lambda: records_on(lab.one, trials))
        lab.stop_tracking()
        told = rungs()
        lab.wait("hosts", lambda: rungs() > told)  # it goes on without its server
        with lab.held("hosts", lab.one, trials=trials):
            lab.database.restart()
            lab.start_tracking()
            assert "nothing is done twice" in lab.submit(spec), "a second submission is the first one"
            before = {each.key: [event.kimg for event in each.reported()] for each in trials.folders()}
            lab.one.kill()
        lab.join(lab.late)
        lab.wait("hosts", lambda: records_on(lab.late, trials))

    said = lab.job("logs", "hosts", "--follow")
    assert f"search: {TRIALS_OF_HOSTS} of {TRIALS_OF_HOSTS} trials" in said, said
    runs = lab.runs("hosts")
    assert Counter(run.data.tags[STATE] for run in runs) == {"COMPLETED": TRIALS_OF_HOSTS}
    assert len({run.data.tags[TRIAL_KEY] for run in runs}) == TRIALS_OF_HOSTS
    assert {tuple(lab.kimg_of(run)) for run in runs} == {tuple(RUNGS)}, "each rung once, in order"
    assert {run.data.tags[NODE] for run in runs} >= {lab.head.address, lab.late.address}
    after = {run.data.tags[TRIAL_KEY]: lab.kimg_of(run) for run in runs}
    assert any(before.values())
    assert all(after[key][: len(kimg)] == kimg for key, kimg in before.items()), "nothing measured was lost"


@pytest.mark.slow
def test_on_a_new_head_the_same_submission_goes_on(lab: Lab, tiny: dict[str, Any]) -> None:
    shared = lab.folder / "shared"  # a mounted path, this time
    shared.mkdir()
    spec = spec_of(tiny, "beheaded", shared, lab.folder)
    lab.submit(spec)
    follower = lab.desk.start(sys.executable, "-m", "sweeps.cli", "sweep", "logs", "beheaded", *lab.where, "--follow")
    trials = trials_of("beheaded", str(shared))
    lab.spread("beheaded", lab.late, trials=trials)
    lab.wait("beheaded", lambda: lab.finished("beheaded"))
    with lab.held("beheaded", lab.late, trials=trials):
        assert lab.finished("beheaded") < TRIALS
        lab.head.kill()
    before = {run.info.run_id: run.info.end_time for run in lab.runs("beheaded") if run.info.status == "FINISHED"}
    said, _ = follower.communicate(timeout=PATIENCE_S)
    assert "on a new head, the same command goes on" in said
    wait_until(lambda: not lab.late.processes())

    lab.late.ganlimit("cluster", "down", "--data-dir", lab.late.home / "data")
    lab.head = lab.one  # another machine
    lab.up()
    lab.join(lab.late)
    lab.submit(spec)
    said = lab.job("logs", "beheaded", "--follow")
    assert f"search: {TRIALS} of {TRIALS} trials" in said, said
    runs = lab.runs("beheaded")
    assert Counter(run.data.tags[STATE] for run in runs) == {"COMPLETED": TRIALS}
    assert {tuple(lab.kimg_of(run)) for run in runs} == {tuple(RUNGS)}, "each rung once, in order"
    after = {run.info.run_id: run.info.end_time for run in runs}
    assert before.items() <= after.items(), "what was finished did not run again"


@pytest.mark.slow
def test_the_report_is_made_from_the_tracking_server_alone(lab: Lab) -> None:
    out = lab.desk.home / "report"
    lab.ganlimit("report", "hosts", "--tracking-uri", lab.tracking_uri, "--out", out)
    assert (out / "report.html").stat().st_size > 100_000
    table = analysis.read_table(out / "trials.parquet")
    assert table.num_rows == TRIALS_OF_HOSTS


@pytest.mark.slow
def test_secrets_are_where_they_belong_and_nowhere_else(lab: Lab) -> None:
    canaries = [ADMIN_PASSWORD.encode(), PASSWORD.encode(), lab.s3.environment["AWS_SECRET_ACCESS_KEY"].encode()]
    homes = {lab.password_file, lab.env_file}
    for path in lab.folder.rglob("*"):
        belongs = path in homes or "accounts" in path.parts
        if path.is_file() and not path.is_symlink() and not belongs:
            content = path.read_bytes()
            found = [content[max(0, content.index(c) - 300) :][:400] for c in canaries if c in content]
            assert not found, (path, found)
    for table in ("params", "tags", "experiment_tags", "model_version_tags"):
        content = str(lab.database.rows(f"SELECT * FROM {table}")).encode()
        assert not any(canary in content for canary in canaries), table
    objects = lab.s3.keys()
    for key in objects:
        body = lab.s3.client().get_object(Bucket=lab.s3.bucket, Key=key)["Body"].read()
        assert not any(canary in body for canary in canaries), key
    for host in (lab.head, lab.late, lab.desk, lab.store):
        for pid in host.processes():
            command = host.command(pid)
            assert not any(canary in command for canary in canaries), command
