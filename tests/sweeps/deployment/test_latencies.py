"""A search may be led by how long its students take, once deployed: each architecture is timed once, on one machine."""

from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pyarrow as pa
import pytest
from mlflow.exceptions import MlflowException

import sweeps
from analysis import Phase, limit_candidates, write_measurements
from gan import GeneratorConfig, MeasurementProtocol
from sweeps.deployment.choosing import LOGGED_IN
from sweeps.deployment.latencies import LatencyBook, allowed_cores, workers_beside
from sweeps.driver.runner import sync_sweep
from sweeps.ledger.measurements import LATENCIES, stored_latencies, untrained_digest
from sweeps.ledger.tags import MEASUREMENT
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.search.study_file import open_storage
from sweeps.spec.architecture import architecture_of, architecture_of_row

NAME = "timed"
SMALL = GeneratorConfig(image_size=16, image_channels=1, width=1, latent_size=16)


class Timed:
    """A sweep that latency leads: it has what the tiny sweep trained, one trial of its own, and a confirmation."""

    def __init__(self, finished: Any, data_dir: Path) -> None:
        self.data_dir, data = data_dir, finished.spec.model_dump(mode="json")
        data |= {"name": NAME, "phases": ["search", "confirm"], "confirm": {"seeds": 2, "around": 1, "of": "limit"}}
        data["search"] |= {"objectives": ["latency_ms", "fid"], "trials": 1}
        self.spec = sweeps.SweepSpec.model_validate(data, strict=False)
        self.before = finished.result.table
        self.result = sweeps.run_sweep(self.spec, data_dir)

    @property
    def tracking(self) -> Tracking:
        return Tracking(Workspace.existing(self.data_dir).store)

    @property
    def run_id(self) -> str:
        return str(self.tracking.find_sweep(NAME).info.run_id)  # type: ignore[union-attr]

    @property
    def folder(self) -> Path:
        return Workspace.existing(self.data_dir).sweep(NAME)

    def known_ms(self) -> dict[str, float]:
        """The latencies that the sweep's run has, by what stands for an architecture."""
        found = stored_latencies(self.tracking, self.run_id)
        assert found is not None
        return dict(zip(*(found[name].to_pylist() for name in ("weights_digest", "median_ms")), strict=True))


@pytest.fixture(scope="module")
def timed(finished: Any, copied: Path) -> Timed:
    return Timed(finished, copied)


def test_the_study_is_told_what_each_architecture_takes(timed: Timed) -> None:
    known, rows = timed.known_ms(), timed.result.table.to_pylist()
    digests = [untrained_digest(architecture_of(architecture_of_row(row), timed.spec.shape)) for row in rows]
    assert set(digests) <= known.keys()
    assert len(known) == len(set(digests)) + 1  # and the teacher
    assert rows[0]["teacher_digest"] in known
    (study,) = optuna.get_all_study_summaries(open_storage(timed.folder))
    told = optuna.load_study(study_name=study.study_name, storage=open_storage(timed.folder)).get_trials(
        states=(optuna.trial.TrialState.COMPLETE,)
    )
    searched = [
        (known[digest], row["fid"]) for digest, row in zip(digests, rows, strict=True) if row["phase"] == Phase.SEARCH
    ]
    assert {tuple(trial.values) for trial in told} == set(searched)
    assert len(searched) > 1


def test_a_trial_has_it_beside_its_machine_and_its_identity_knows_nothing_of_it(timed: Timed) -> None:
    trained = {row["trial_key"] for row in timed.before.to_pylist()}
    rows = timed.result.table.to_pylist()
    (own,) = (row for row in rows if row["phase"] == Phase.SEARCH and row["trial_key"] not in trained)
    run = timed.tracking.client.get_run(own["run_id"])
    digest = untrained_digest(architecture_of(architecture_of_row(own), timed.spec.shape))
    assert run.data.metrics["deployed_ms"] == timed.known_ms()[digest]
    assert run.data.metrics["deployed_ms_p5"] <= run.data.metrics["deployed_ms"] <= run.data.metrics["deployed_ms_p95"]
    assert run.data.tags[MEASUREMENT] == MeasurementProtocol.here(1).digest
    searched = [
        sum(each["phase"] == "search" for each in table.to_pylist()) for table in (timed.result.table, timed.before)
    ]
    assert searched[0] == 1 + searched[1]


def test_the_smallest_latency_that_holds_the_rule_is_reported_and_deployed(timed: Timed, tmp_path: Path) -> None:
    device = timed.result.report.device
    assert device is not None
    assert device.forms == ["onnx"]
    assert "latency that holds the rule" in device.sentences()[0] or "still holds the rule" in device.sentences()[0]
    known = set(timed.known_ms().values())
    assert set(device.table["latency_ms"].to_pylist()) <= known
    assert set(device.table["teacher_latency_ms"].to_pylist()) <= known
    student = device.limits["latency_ms"][0].student
    assert student is not None
    found = sweeps.deploy(NAME, out=tmp_path / "out", data_dir=timed.data_dir)
    assert [export.card.origin.trial for export in found.exports] == [student.trial]


def test_fresh_seeds_of_students_around_the_limit_in_latency_decide_it(timed: Timed) -> None:
    known, table = timed.known_ms(), timed.result.table
    of_row = {
        row["trial"]: known[untrained_digest(architecture_of(architecture_of_row(row), timed.spec.shape))]
        for row in table.to_pylist()
    }
    place = table.schema.get_field_index("latency_ms")
    timed_table = table.set_column(place, table.field(place), pa.array([of_row[n] for n in table["trial"].to_pylist()]))
    expected = limit_candidates(timed_table, timed.spec.limit, around=1, whole_frontier=False, cost="latency_ms")
    fresh = [row for row in table.to_pylist() if row["phase"] == Phase.CONFIRM]
    assert Counter((row["width"], row["depth"], row["gan_weight"]) for row in fresh) == {
        (row["width"], row["depth"], row["gan_weight"]): 2 for row in expected.to_pylist()
    }
    limit = timed.result.report.device.limits["latency_ms"][0]
    assert (limit.students, limit.seeds) == (len(expected), 2)
    assert not {row["seed"] for row in fresh} & {
        row["seed"] for row in table.to_pylist() if row["phase"] == Phase.SEARCH
    }


def test_an_architecture_is_timed_once(timed: Timed) -> None:
    before = timed.known_ms()
    book = LatencyBook(timed.spec, timed.folder, tracking=timed.tracking, parent_run_id=timed.run_id)
    row = timed.result.table.to_pylist()[0]
    architecture = architecture_of(architecture_of_row(row), timed.spec.shape)
    assert book.of(architecture).median_ms == before[untrained_digest(architecture)]
    assert timed.known_ms() == before
    wide = architecture.model_copy(update={"width": 7})
    found = book.of(wide)
    assert found.low_ms <= found.median_ms <= found.high_ms
    assert timed.known_ms() == before, "the search does not wait for the store"
    later = LatencyBook(timed.spec, timed.folder, tracking=timed.tracking, parent_run_id=timed.run_id)
    assert later.log(), "a driver that ended before is no loss"
    assert timed.known_ms() == before | {untrained_digest(wide): found.median_ms}


def test_what_the_store_lacks_is_told(timed: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    book = LatencyBook(timed.spec, timed.folder, tracking=timed.tracking, parent_run_id=timed.run_id)
    row = timed.result.table.to_pylist()[0]
    book.of(architecture_of(architecture_of_row(row), timed.spec.shape).model_copy(update={"width": 5}))
    with monkeypatch.context() as patch:
        patch.setattr(type(timed.tracking.client), "log_artifact", away)
        assert not book.log()
    known = timed.known_ms()
    sync_sweep(NAME, Workspace.existing(timed.data_dir))
    assert len(timed.known_ms()) == len(known) + 1, "as the error that counts it says"


def away(*_: Any, **__: Any) -> None:
    raise MlflowException("the store is away")


def test_a_search_of_another_machine_is_refused_before_anything_is_done(timed: Timed, tmp_path: Path) -> None:
    found = stored_latencies(timed.tracking, timed.run_id)
    assert found is not None
    rows = [{**row, "measurement_digest": "elsewhere", "cpu": "another"} for row in found.to_pylist()]
    write_measurements(pa.Table.from_pylist(rows, found.schema), tmp_path / LATENCIES.name)
    timed.tracking.client.log_artifact(timed.run_id, str(tmp_path / LATENCIES.name), LOGGED_IN)
    with pytest.raises(sweeps.SweepError, match=r"are of one machine.* those of timed are of another.*with --name"):
        sweeps.run_sweep(timed.spec, timed.data_dir)
    assert timed.tracking.client.get_run(timed.run_id).info.status == "FINISHED"


def test_what_cannot_be_is_a_mistake_in_the_file(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["search"] |= {"objectives": ["latency_ms", "fid"], "reproducible": True}
    with pytest.raises(sweeps.SpecError, match="latency_ms is another each time"):
        sweeps.load_spec(spec_file(tiny))
    tiny["search"] |= {"reproducible": False, "sampler": "limit", "points": []}
    with pytest.raises(sweeps.SpecError, match="parameters or bytes, got the cost latency_ms"):
        sweeps.load_spec(spec_file(tiny))
    tiny["search"] |= {"sampler": "nsgaii"}
    tiny |= {"phases": ["search", "confirm"], "confirm": {"precision": 1.3}}
    with pytest.raises(sweeps.SpecError, match=r"narrows no limit of latency, got 1\.3"):
        sweeps.load_spec(spec_file(tiny))


def test_trials_leave_a_core_for_the_timing(tiny: dict[str, Any], spec_file: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("sweeps.deployment.latencies.allowed_cores", lambda: 8)
    plain = sweeps.load_spec(spec_file(tiny))
    assert workers_beside([plain]) is None
    tiny["search"] |= {"objectives": ["latency_ms", "fid"]}
    assert workers_beside([sweeps.load_spec(spec_file(tiny))]) == 7
    tiny |= {"measure": {"threads": 2}, "resources": {"cpus_per_trial": 3}}
    assert workers_beside([sweeps.load_spec(spec_file(tiny))]) == 2


def test_of_a_container_its_quota_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr("sweeps.deployment.latencies.QUOTA", quota)
    of_machine = allowed_cores()
    quota.write_text("100000 100000\n")
    assert allowed_cores() == 1
    quota.write_text("max 100000\n")
    assert allowed_cores() == of_machine
