"""A sweep with the phase measure says by itself what its students cost, and measures no more than is missing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import sweeps
from analysis import read_measurements, write_measurements
from gan import FormatError, GanError, MeasurementProtocol
from sweeps.deployment import exports
from sweeps.deployment.choosing import LOGGED_IN
from sweeps.display import QuietDisplay, Update
from sweeps.ledger.measurements import stored_measurements
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


class HeardDisplay(QuietDisplay):
    """A display that notes what is said, and how much of each piece of work there is."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        self.steps[name] = total
        yield lambda done, note: None

    def say(self, message: str) -> None:
        self.said.append(message)


class Measuring:
    """The tiny sweep, finished before, in a data directory of its own, with the phase measure from now on."""

    def __init__(self, finished: Any, data_dir: Path) -> None:
        phases = {"phases": [*finished.spec.phases, "measure"], "measure": {"formats": ["onnx-int8", "onnx"]}}
        data = finished.spec.model_dump(mode="json") | phases
        self.spec = sweeps.SweepSpec.model_validate(data, strict=False)
        self.data_dir, self.frontier = data_dir, finished.result.report.frontier

    @property
    def tracking(self) -> Tracking:
        return Tracking(Workspace.existing(self.data_dir).store)

    @property
    def run_id(self) -> str:
        return str(self.tracking.find_sweep("tiny").info.run_id)  # type: ignore[union-attr]

    def run(self) -> tuple[sweeps.SweepResult, HeardDisplay]:
        display = HeardDisplay()
        result = sweeps.run_sweep(self.spec, self.data_dir, display=display)
        display.said = [said for said in display.said if said.startswith("tiny: ")]
        return result, display

    def stored(self) -> pa.Table:
        found = stored_measurements(self.tracking, self.run_id)
        assert found is not None
        return found

    def store(self, table: pa.Table, folder: Path) -> None:
        write_measurements(table, folder / "measurements.parquet")
        self.tracking.client.log_artifact(self.run_id, str(folder / "measurements.parquet"), LOGGED_IN)


@pytest.fixture(scope="module")
def measuring(finished: Any, copied: Path) -> Measuring:
    return Measuring(finished, copied)


@pytest.fixture(scope="module")
def measured(measuring: Measuring) -> tuple[sweeps.SweepResult, HeardDisplay]:
    return measuring.run()


def test_the_report_has_the_devices_axes_without_a_further_command(measuring: Measuring, measured: Any) -> None:
    result, display = measured
    assert not display.said
    device = result.report.device
    assert device.costs == ["latency_ms", "file_bytes"]
    assert device.forms == ["onnx", "onnx-int8", "pytorch"]
    frontier = measuring.frontier["trial_key"].to_pylist()
    rows = measuring.stored().to_pylist()
    places = {(row["trial_key"], row["form"], row["batch"]) for row in rows}
    forms = ("pytorch", "onnx", "onnx-int8")
    assert places == {(key, form, batch) for key in (*frontier, None) for form in forms for batch in (1, 64)}
    assert {row["threads"] for row in rows} == {1}
    assert all(row["fid"] for row in rows if row["form"] == "onnx-int8" and row["trial_key"])
    assert display.steps["exports"] == 2 * (len(frontier) + 1)
    student = next(row for row in result.table.to_pylist() if row["trial_key"] == frontier[0])
    logged = measuring.tracking.client.list_artifacts(student["run_id"], f"{LOGGED_IN}/onnx")
    assert {Path(each.path).name for each in logged} >= {"model.onnx", "card.json", "run.py"}


@pytest.mark.usefixtures("without_figures")
def test_going_on_measures_what_is_missing_and_nothing_else(
    measuring: Measuring, measured: Any, tmp_path: Path
) -> None:
    before = measuring.stored()
    _, display = measuring.run()
    assert "exports" not in display.steps
    assert measuring.stored().equals(before)
    lost = measuring.frontier["trial_key"][0].as_py()
    of_lost = pc.fill_null(pc.equal(before["trial_key"], lost), fill_value=False)
    partly = pc.and_(of_lost, pc.equal(before["form"], "onnx"))
    measuring.store(before.filter(pc.invert(partly)), tmp_path)
    _, display = measuring.run()
    assert display.steps["exports"] == 2
    after = measuring.stored().to_pylist()
    assert len(after) == len(before)
    times = {(row["weights_digest"], row["form"], row["batch"]): row["median_ms"] for row in before.to_pylist()}
    again = [row for row in after if times[row["weights_digest"], row["form"], row["batch"]] != row["median_ms"]]
    assert {row["trial_key"] for row in again} == {lost}


@pytest.mark.usefixtures("without_figures")
def test_another_machine_measures_all_of_them_in_a_table_of_its_own(
    measuring: Measuring, measured: Any, tmp_path: Path
) -> None:
    rows = [{**row, "measurement_digest": "elsewhere"} for row in measuring.stored().to_pylist()]
    elsewhere = pa.Table.from_pylist(rows, measuring.stored().schema)
    measuring.store(elsewhere, tmp_path)
    _, display = measuring.run()
    assert "exports" not in display.steps  # whatever machine it was: nothing is missing
    measuring.store(elsewhere.slice(1), tmp_path)
    _, display = measuring.run()
    assert display.steps["exports"] == 2 * (len(measuring.frontier) + 1)
    assert set(measuring.stored()["measurement_digest"].to_pylist()) == {MeasurementProtocol.here(1).digest}
    logged = {Path(each.path).name for each in measuring.tracking.client.list_artifacts(measuring.run_id, LOGGED_IN)}
    assert "measurements-elsewher.parquet" in logged
    kept = measuring.tracking.client.download_artifacts(measuring.run_id, f"{LOGGED_IN}/measurements-elsewher.parquet")
    assert read_measurements(Path(kept)).num_rows == len(elsewhere) - 1


@pytest.mark.usefixtures("without_figures")
def test_a_form_that_is_refused_is_tried_once(
    measuring: Measuring, measured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = measuring.frontier["trial_key"][0].as_py()

    def refuse(candidate: Any, root: Path, *, form: str, evaluator: Any) -> Any:
        if form == "onnx-int8":
            raise error("Its images are those of the original", "others", "Choose another format.")
        return export(candidate, root, form=form, evaluator=evaluator)

    export, error = exports._export, GanError
    monkeypatch.setattr(exports, "_export", refuse)
    before = measuring.stored()
    of_lost = pc.fill_null(pc.equal(before["trial_key"], lost), fill_value=False)
    measuring.store(before.filter(pc.invert(pc.and_(of_lost, pc.equal(before["form"], "onnx-int8")))), tmp_path)
    _, display = measuring.run()
    assert "is not measured as onnx-int8: Its images are those of the original" in display.said[0]
    assert not list(measuring.data_dir.rglob("refused.json")), "it may pass"
    error = FormatError
    _, display = measuring.run()
    assert display.steps["exports"] == 2
    _, display = measuring.run()
    assert "exports" not in display.steps, "it is known that it cannot be had"
    (kept,) = measuring.data_dir.rglob("refused.json")
    kept.write_text('{"digest": null}')
    _, display = measuring.run()
    assert display.steps["exports"] == 2, "what cannot be read is tried again"
    kept.unlink()
    measuring.store(before, tmp_path)


@pytest.mark.usefixtures("without_figures")
def test_what_cannot_be_measured_is_said_and_the_report_is_written(
    measuring: Measuring, measured: Any, tmp_path: Path
) -> None:
    (measuring.data_dir / "sweeps" / "tiny" / "deployed").rename(tmp_path / "away")
    (measuring.data_dir / "sweeps" / "tiny" / "deployed").write_text("no folder")
    measuring.store(measuring.stored().slice(1), tmp_path)
    result, display = measuring.run()
    assert [said.partition(":")[0] for said in display.said] == ["tiny"]
    assert "its students are not all measured" in display.said[0]
    assert "ganlimit sweep resume tiny" in display.said[0]
    assert result.report.files


def test_a_missing_extra_is_one_error_before_anything_begins(
    measuring: Measuring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
    with pytest.raises(GanError, match=r"pip install 'ganlimit\[deploy\]'"):
        sweeps.run_sweep(measuring.spec, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_phase_and_its_place_are_checked(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["phases"] = ["search", "measure", "baseline"]
    with pytest.raises(sweeps.SweepError, match="then some of confirm, baseline, measure"):
        sweeps.load_spec(spec_file(tiny))
    tiny["phases"] = ["search", "baseline", "measure"]
    tiny["measure"] = {"formats": ["onnx", "tflite"]}
    with pytest.raises(sweeps.SweepError, match=r"measure\.formats"):
        sweeps.load_spec(spec_file(tiny))
    tiny["measure"] = {"formats": ["onnx", "onnx"]}
    spec = sweeps.load_spec(spec_file(tiny))
    assert spec.measure.formats == ("onnx",)
    assert spec.trial_phases == ("search", "baseline")
    assert "measure" not in sweeps.load_spec(spec_file({**tiny, "measure": {}})).model_dump(mode="json")
