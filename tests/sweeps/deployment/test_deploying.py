"""A sweep's students, its teacher and any stored generator become folders that a device runs, and are logged."""

import json
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import Any, get_args

import mlflow.pyfunc
import numpy as np
import pytest

import sweeps
from analysis import deployed_trials, example_measurements, read_measurements
from gan import MeasurementProtocol, load_any_generator, load_deployed
from gan.deployment.card import Format
from sweeps.cli.options import DeployedForm
from sweeps.deployment.measuring import Measurements
from sweeps.deployment.pages import WEB
from sweeps.ledger.registry import Registry


def test_the_command_line_offers_every_format() -> None:
    assert [form.value for form in DeployedForm] == [*get_args(Format), WEB]


def test_a_frontier_and_its_teacher_are_exported_and_logged(ganlimit: Any, finished: Any, tmp_path: Path) -> None:
    out, rows = tmp_path / "out", finished.result.report.frontier.sort_by("parameters").to_pylist()
    forms = ("--format", "onnx", "--format", "onnx-int8")
    place = ("--out", out, "--data-dir", finished.data_dir, "--quiet", "--json")
    answer = ganlimit("deploy", "tiny", "--all", "--teacher", *forms, *place)
    assert answer.code == 0, answer.stderr
    exports = json.loads(answer.stdout)["exports"]
    folders = [*(f"trial-{row['trial']}" for row in rows), "teacher"]
    expected = [str(out / folder / form) for folder in folders for form in ("onnx", "onnx-int8")]
    assert [export["folder"] for export in exports] == expected
    registry: Registry = finished.tracking.registry
    for row in rows:
        whole, rounded = (load_deployed(out / f"trial-{row['trial']}" / form) for form in ("onnx", "onnx-int8"))
        assert whole.card.origin.trial == rounded.card.origin.trial == row["trial"]
        assert whole.card.origin.teacher == row["teacher_version"]
        assert whole.card.origin.metrics["fid"] == pytest.approx(row["fid"])
        assert whole.card.metrics == {}  # which are those of before
        assert rounded.card.protocol_digest == row["protocol_digest"]
        assert rounded.card.metrics["fid"] == pytest.approx(row["fid"], rel=0.1)
        assert rounded.card.metrics["fid"] != row["fid"]
        kept = registry.model_folder(row["run_id"])
        assert kept is not None
        logged = kept.parent / "deployment" / "onnx-int8"
        assert load_deployed(logged).card == rounded.card
        generator, _ = load_any_generator(kept)
        inputs_NI = generator.config.inputs(3, "place", seed=0)
        assert np.abs(whole(inputs_NI.numpy()) - generator(inputs_NI).numpy()).max() < 1e-4
    teacher = load_deployed(out / "teacher" / "onnx").card
    assert teacher.origin.model == rows[0]["teacher_version"]
    assert teacher.parameters == rows[0]["teacher_parameters"]


def test_a_sweeps_student_at_the_limit_is_exported(
    finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = finished.result.report.limit
    assert limit.trial is not None
    found = sweeps.deploy("tiny", out=tmp_path / "out", data_dir=finished.data_dir)
    assert [export.card.origin.trial for export in found.exports] == [limit.trial]
    assert found.exports[0].card.parameters == limit.student_parameters
    (row,) = (row for row in finished.result.table.to_pylist() if row["trial"] == limit.trial)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", finished.tracking.store.uri)
    served = mlflow.pyfunc.load_model(f"runs:/{row['run_id']}/deployment/onnx/mlflow")
    deployed = load_deployed(found.exports[0].folder)
    inputs_NI = deployed.card.architecture.inputs(3, "place", seed=0).numpy()
    assert np.abs(served.predict(inputs_NI)["images"] - deployed(inputs_NI)).max() < 1e-6


def test_a_folder_of_a_sweeps_name_is_not_taken_for_a_generator(
    finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    found = sweeps.deploy("tiny", data_dir=finished.data_dir)
    assert [export.folder.parts[:2] for export in found.exports] == [("deployed", "tiny")]


@pytest.mark.parametrize("artifact", ["digits-teacher", "digits-teacher/1", "run id", "folder"])
def test_a_stored_generator_is_exported(ganlimit: Any, finished: Any, artifact: str, tmp_path: Path) -> None:
    row = finished.result.report.frontier.to_pylist()[0]
    folder = finished.tracking.registry.model_folder(row["run_id"])
    named = {"run id": row["run_id"], "folder": folder}.get(artifact, artifact)
    answer = ganlimit("deploy", named, "--out", tmp_path / "out", "--data-dir", finished.data_dir)
    assert answer.code == 0, answer.stderr
    assert str(tmp_path / "out" / "onnx") in answer.stdout
    card = load_deployed(tmp_path / "out" / "onnx").card
    if artifact == "run id":
        assert (card.origin.sweep, card.origin.trial) == ("tiny", row["trial"])
    else:
        assert card.origin.model == (None if artifact == "folder" else named)


def test_a_deployment_is_measured_beside_pytorch(finished: Any, ganlimit: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    place = ("--out", out, "--data-dir", finished.data_dir, "--quiet")
    answer = ganlimit("deploy", "tiny", "--teacher", "--measure", "--threads", 1, *place)
    assert answer.code == 0, answer.stderr
    student, teacher = finished.result.report.limit.student_parameters, finished.result.report.limit.teacher_parameters
    assert f"{teacher / student:.1f}" in answer.stdout
    table = read_measurements(out / "measurements.parquet")
    joined = deployed_trials(finished.result.table, table)
    assert joined["variant"].unique().to_pylist() == ["pytorch", "onnx"]
    assert joined["teacher_latency_ms"].null_count == 0
    assert json.loads(table["versions"][0].as_py()).keys() >= {"python", "torch"}
    rows = table.to_pylist()
    assert [(row["parameters"], row["form"], row["batch"]) for row in rows] == [
        (parameters, form, batch)
        for batch in (1, 64)
        for parameters in (student, teacher)
        for form in ("pytorch", "onnx")
    ]
    for row in rows:
        assert 0 < row["low_ms"] <= row["median_ms"] <= row["high_ms"]
        assert row["images_per_s"] == pytest.approx(1000 * row["batch"] / row["median_ms"])
        assert (row["file_bytes"] is None) == (row["form"] == "pytorch")
    memory = {(row["parameters"], row["form"], row["batch"]): row["peak_bytes"] for row in rows}
    for parameters, batch in product((student, teacher), (1, 64)):
        assert 10_000_000 < memory[parameters, "onnx", batch] < memory[parameters, "pytorch", batch]
    assert f"{memory[student, 'onnx', 1] / 1e6:.0f}" in answer.stdout
    (folder,) = out.glob("trial-*/onnx")
    costs = load_deployed(folder).card.measured.costs
    assert [(cost.batch, cost.peak_bytes) for cost in costs] == [(b, memory[student, "onnx", b]) for b in (1, 64)]
    (run_id,) = (row["run_id"] for row in finished.result.table.to_pylist() if row["trial_key"] == rows[0]["trial_key"])
    logged = finished.tracking.registry.model_folder(run_id).parent / "deployment" / "onnx"
    assert load_deployed(logged).card.measured.costs == costs
    keys = set(finished.result.table["trial_key"].to_pylist())
    assert {row["trial_key"] for row in rows} - {None} <= keys
    found = json.loads((out / "measurements.json").read_text())
    assert {row["measurement_digest"] for row in rows} == {found["protocol_digest"]}
    assert [each["form"] for each in found["against_teacher"]] == ["pytorch", "onnx"]
    artifacts = finished.tracking.client.list_artifacts(finished.tracking.find_sweep("tiny").info.run_id, "deployment")
    assert {Path(each.path).name for each in artifacts} >= {"measurements.parquet", "measurements.json", "teacher"}


def test_rows_of_one_machine_stay_when_others_are_measured_and_those_of_another_have_a_file(tmp_path: Path) -> None:
    rows = example_measurements({"form": "onnx"}, {"form": "onnx-int8", "rounds": True}).to_pylist()
    about = {"cpu": "a", "cores": 2, "threads": 1, "versions": {"torch": "2"}}
    mine, other = MeasurementProtocol(**about), MeasurementProtocol(**{**about, "threads": 2})
    Measurements(mine, (rows[0],)).write(tmp_path)
    Measurements(mine, ({**rows[0], "median_ms": 0.045}, rows[1])[::-1]).write(tmp_path)
    Measurements(mine, ({**rows[1], "median_ms": 0.055},)).write(tmp_path)
    found = read_measurements(tmp_path / "measurements.parquet")
    assert dict(zip(*(found[name].to_pylist() for name in ("form", "median_ms")), strict=True)) == {
        "onnx": 0.045,
        "onnx-int8": 0.055,
    }
    Measurements(other, (rows[0],)).write(tmp_path)
    assert read_measurements(tmp_path / "measurements.parquet")["form"].to_pylist() == ["onnx"]
    assert read_measurements(tmp_path / f"measurements-{mine.digest[:8]}.parquet").num_rows == 2


def test_mistakes_are_one_message_and_leave_nothing(
    ganlimit: Any, finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = finished.result.report.frontier.to_pylist()[0]
    damaged = tmp_path / "damaged"
    shutil.copytree(finished.tracking.registry.model_folder(row["run_id"]), damaged)
    content = bytearray((damaged / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (damaged / "weights.safetensors").write_bytes(content)
    (tmp_path / "file").write_text("no folder")
    out, place = tmp_path / "out", ("--data-dir", finished.data_dir)
    mistakes = {
        "Or name a sweep: tiny": ("deploy", "nothing", "--out", out, *place),
        "--all and --teacher are of a sweep": ("deploy", "digits-teacher", "--all", "--out", out, *place),
        "have the SHA-256 digest": ("deploy", damaged, "--out", out),
        "folder can be written": ("deploy", "tiny", "--out", tmp_path / "file", *place),
        "--compile needs a C++ compiler": ("deploy", "tiny", "--compile", "--out", out, *place),
        "Invalid value for '--format'": ("deploy", "tiny", "--format", "tflite", "--out", out, *place),
        "pip install 'ganlimit[deploy]'": ("deploy", "tiny", "--out", out, *place),
    }
    for said, arguments in mistakes.items():
        if "compiler" in said:
            monkeypatch.setenv("PATH", str(tmp_path))
        if "pip" in said:
            monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as where it is not installed
        answer = ganlimit(*arguments)
        assert answer.code == 2
        assert said in " ".join(answer.stderr.split())
        assert "Traceback" not in answer.stderr
    assert not list(tmp_path.glob("out/**/*.onnx"))
    assert sorted(path.name for path in tmp_path.iterdir() if path != out) == ["damaged", "file"]
