"""A sweep on several hosts that loses a node and its servers while it runs: all of it for real.

The hosts are network namespaces. Trials keep their files in an S3 store, runs go to an MLflow server with accounts on
PostgreSQL, and the submission comes from a host that is no part of the cluster. The tests run in their order: each goes
on with what the one before has left.
"""

import json
from collections import Counter
from typing import Any

import pytest

import analysis
from sweeps.ledger.folders import trials_of
from sweeps.ledger.tags import NODE, STATE, TRIAL_KEY
from tests.cluster.lab import ADMIN_PASSWORD, Lab, records_on
from tests.cluster.servers import PASSWORD
from tests.sweeps.site.cluster_specs import RUNGS, spec_of

TRIALS_OF_HOSTS = 8  # enough for a node that joins late
TRIALS_TO_STOP = 24  # more than end before they are stopped


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
def test_the_report_is_made_from_the_tracking_server_alone(lab: Lab) -> None:
    out = lab.desk.home / "report"
    lab.ganlimit("report", "hosts", "--tracking-uri", lab.tracking_uri, "--out", out)
    assert (out / "report.html").stat().st_size > 100_000
    table = analysis.read_table(out / "trials.parquet")
    assert table.num_rows == TRIALS_OF_HOSTS


@pytest.mark.slow
def test_a_submitted_sweep_is_stopped_where_it_runs(lab: Lab, tiny: dict[str, Any]) -> None:
    spec = spec_of(tiny, "stopped", f"{lab.s3.uri}/trials", lab.folder, trials=TRIALS_TO_STOP)
    trials = trials_of("stopped", f"{lab.s3.uri}/trials")
    lab.submit(spec)
    lab.wait("stopped", lambda: any(records_on(host, trials) for host in (lab.head, lab.late)))
    lab.job("stop", "stopped")
    lab.wait("stopped", lambda: "The same command again goes on" in lab.job("logs", "stopped"))
    lab.wait("stopped", lambda: "stopped" in lab.job("status", "stopped"))
    runs = lab.runs("stopped")
    assert 0 < len(runs) < TRIALS_TO_STOP
    assert "RUNNING" not in {run.info.status for run in runs}


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
