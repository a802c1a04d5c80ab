"""What happens on a cluster that many use: sweeps that share it, drivers that end, and a head that dies.

Everything is real, as in test_cluster.py. The tests run in their order: each goes on with what the one before has left.
"""

import os
import signal
import sys
from collections import Counter
from typing import Any

import pytest

from sweeps.ledger.folders import trials_of
from sweeps.ledger.tags import STATE
from tests.cluster.lab import Lab
from tests.sweeps.site.cluster_specs import RUNGS, TRIALS, spec_of
from tests.waiting import PATIENCE_S, wait_until

TRIALS_WITHOUT_END = 120  # minutes of work: stopped long before, however slowly the machine starts the other sweep
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


@pytest.mark.soak
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


@pytest.mark.soak
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


@pytest.mark.soak
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


@pytest.mark.soak
def test_on_a_new_head_the_same_submission_goes_on(lab: Lab, tiny: dict[str, Any]) -> None:
    shared = lab.folder / "shared"  # a mounted path, this time
    shared.mkdir()
    spec = spec_of(tiny, "beheaded", shared, lab.folder)
    lab.submit(spec)
    follower = lab.desk.start(sys.executable, "-m", "sweeps.cli", "sweep", "logs", "beheaded", *lab.where, "--follow")
    trials = trials_of("beheaded", str(shared))
    lab.spread("beheaded", lab.one, trials=trials)
    lab.wait("beheaded", lambda: lab.finished("beheaded"))
    with lab.held("beheaded", lab.one, trials=trials):
        assert lab.finished("beheaded") < TRIALS
        lab.head.kill()
    before = {run.info.run_id: run.info.end_time for run in lab.runs("beheaded") if run.info.status == "FINISHED"}
    said, _ = follower.communicate(timeout=PATIENCE_S)
    assert "on a new head, the same command goes on" in said
    wait_until(lambda: not lab.one.processes())

    lab.one.ganlimit("cluster", "down", "--data-dir", lab.one.home / "data")
    lab.head = lab.late  # another machine
    lab.up()
    lab.join(lab.one)
    lab.submit(spec)
    said = lab.job("logs", "beheaded", "--follow")
    assert f"search: {TRIALS} of {TRIALS} trials" in said, said
    runs = lab.runs("beheaded")
    assert Counter(run.data.tags[STATE] for run in runs) == {"COMPLETED": TRIALS}
    assert {tuple(lab.kimg_of(run)) for run in runs} == {tuple(RUNGS)}, "each rung once, in order"
    after = {run.info.run_id: run.info.end_time for run in runs}
    assert before.items() <= after.items(), "what was finished did not run again"
