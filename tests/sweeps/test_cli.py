"""The command line as a person types it, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from sweeps.errors import SpecError


def ganlimit(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120", **environment},
    )


def test_help_is_quick_and_names_the_commands() -> None:
    result = ganlimit("--help")
    assert result.returncode == 0
    for word in ("demo", "teacher", "sweep", "report", "sample", "ui"):
        assert word in result.stdout


def test_help_needs_no_heavy_library() -> None:
    code = "import sys, sweeps.cli; print([m for m in ('torch', 'ray', 'mlflow', 'optuna') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


class TestMistakes:
    """One clear error, exit code 2, no traceback, and nothing written."""

    def check(self, expected: str, *arguments: object) -> None:
        result = ganlimit(*arguments)
        assert result.returncode == 2, result.stderr
        assert expected in result.stderr
        assert "Traceback" not in result.stderr + result.stdout

    def test_a_spec_with_a_mistake(self, tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
        tiny["teacher"]["widht"] = 3
        data_dir = tmp_path / "data"
        expected = "teacher.widht: unknown key. Did you mean width?"
        self.check(expected, "sweep", "run", spec_file(tiny), "--data-dir", data_dir)
        assert not data_dir.exists()

    def test_an_unknown_preset(self, tmp_path: Path) -> None:
        self.check("one of the presets digits", "sweep", "run", "digit", "--data-dir", tmp_path)

    def test_a_data_directory_that_cannot_be_written(
        self, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("here first")
        self.check("folder that can be written", "sweep", "run", spec_file(tiny), "--data-dir", file / "data")
        assert file.read_text() == "here first"

    def test_a_sweep_that_is_not_there(self, finished: Any, tmp_path: Path) -> None:
        self.check("'nope' (known: tiny)", "report", "nope", "--data-dir", finished.data_dir)
        self.check("mlflow.db of earlier runs", "sweep", "status", "nope", "--data-dir", tmp_path)

    def test_an_artifact_that_is_not_there(self, finished: Any) -> None:
        self.check("digits-teacher", "sample", "nope", "--data-dir", finished.data_dir)
        self.check("digits-teacher/9", "sample", "digits-teacher/9", "--data-dir", finished.data_dir)

    def test_a_number_out_of_range(self) -> None:
        result = ganlimit("sample", "digits-teacher", "--n", "0")
        assert result.returncode == 2
        assert "--n" in result.stderr


class TestOnAFinishedSweep:
    def test_status(self, finished: Any) -> None:
        result = ganlimit("sweep", "status", "tiny", "--data-dir", finished.data_dir)
        assert result.returncode == 0
        assert "tiny: finished" in result.stdout
        assert "search: 4 of 4 trials (4 completed)" in result.stdout
        as_json = json.loads(ganlimit("sweep", "status", "tiny", "--json", "--data-dir", finished.data_dir).stdout)
        assert as_json["trials"]["search"] == {"COMPLETED": 4}

    def test_report_prints_frontier_limit_and_files(self, finished: Any, tmp_path: Path) -> None:
        result = ganlimit("report", "tiny", "--out", tmp_path / "out", "--data-dir", finished.data_dir)
        assert result.returncode == 0, result.stderr
        shown = result.stdout
        assert "teacher" in shown
        assert finished.result.report.limit.sentence() in shown.replace("\n", "")
        assert str(tmp_path / "out" / "pareto.png") in shown
        assert (tmp_path / "out" / "trials.parquet").exists()

    def test_report_as_json(self, finished: Any, tmp_path: Path) -> None:
        result = ganlimit("report", "tiny", "--json", "--out", tmp_path, "--data-dir", finished.data_dir)
        answer = json.loads(result.stdout)
        assert answer["sweep"] == "tiny"
        assert answer["limit"]["sentence"] == finished.result.report.limit.sentence()
        assert len(answer["frontier"]) == len(finished.result.report.frontier)

    def test_sample_of_a_teacher_and_of_a_student(self, finished: Any, tmp_path: Path) -> None:
        student = finished.result.table["run_id"][0].as_py()
        for artifact in ("digits-teacher", "digits-teacher/1", student):
            out = tmp_path / "grid.png"
            result = ganlimit("sample", artifact, "--n", 10, "--out", out, "--data-dir", finished.data_dir)
            assert result.returncode == 0, result.stderr
            assert cv2.imread(str(out)) is not None
            out.unlink()

    def test_teachers(self, finished: Any) -> None:
        listed = json.loads(ganlimit("teacher", "list", "--json", "--data-dir", finished.data_dir).stdout)
        assert [(row["teacher"], row["champion"]) for row in listed] == [("digits-teacher/1", True)]
        card = json.loads(ganlimit("teacher", "show", "digits-teacher", "--data-dir", finished.data_dir).stdout)
        assert card["weights_digest"] == listed[0]["weights_digest"]
        assert card["architecture"]["width"] == 8
        assert "digits-teacher/1" in ganlimit("teacher", "list", "--data-dir", finished.data_dir).stdout


def test_a_spec_error_is_an_error_for_people() -> None:
    with pytest.raises(ValueError, match="line 1"):
        raise SpecError("x.yaml", ["line 1: y"])
