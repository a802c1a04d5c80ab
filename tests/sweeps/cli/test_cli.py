"""The command line as a person types it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from sweeps.ledger.workspace import Workspace


def test_help_names_the_commands() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("ganlimit"), "--help"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    for word in ("demo", "teacher", "sweep", "report", "compare", "export", "sample", "ui"):
        assert word in result.stdout


def test_help_needs_no_heavy_library() -> None:
    code = "import sys, sweeps.cli; print([m for m in ('torch', 'ray', 'mlflow', 'optuna') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def check(ganlimit: Any, expected: str, *arguments: object) -> None:
    answer = ganlimit(*arguments)
    assert answer.code == 2, answer
    assert expected in answer.stderr
    assert "Traceback" not in answer.stderr + answer.stdout


class TestMistakes:
    """One clear error, exit code 2, no traceback, and nothing written."""

    def test_a_spec_with_a_mistake(self, ganlimit: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
        tiny["teacher"]["widht"] = 3
        data_dir = tmp_path / "data"
        expected = "teacher.widht: unknown key. Did you mean width?"
        check(ganlimit, expected, "sweep", "run", spec_file(tiny), "--data-dir", data_dir)
        assert not data_dir.exists()

    def test_an_unknown_preset(self, ganlimit: Any, tmp_path: Path) -> None:
        check(ganlimit, "one of the presets celeba-paper", "sweep", "run", "digit", "--data-dir", tmp_path)

    def test_an_unwritable_data_directory(
        self, ganlimit: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("here first")
        arguments = ("sweep", "run", spec_file(tiny), "--data-dir", file / "data")
        check(ganlimit, "folder that can be written", *arguments)
        assert file.read_text() == "here first"

    def test_a_sweep_that_is_not_there(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        check(ganlimit, "'nope' (known: tiny)", "report", "nope", "--data-dir", finished.data_dir)
        check(ganlimit, "mlflow.db of earlier runs", "sweep", "status", "nope", "--data-dir", tmp_path)

    def test_an_artifact_that_is_not_there(self, ganlimit: Any, finished: Any) -> None:
        check(ganlimit, "digits-teacher", "sample", "nope", "--data-dir", finished.data_dir)
        check(ganlimit, "digits-teacher/9", "sample", "digits-teacher/9", "--data-dir", finished.data_dir)

    def test_a_number_out_of_range(self, ganlimit: Any) -> None:
        check(ganlimit, "--n", "sample", "digits-teacher", "--n", "0")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("sweep run digits --token-file t", "got --token-file t without --address"),
            ("sweep resume tiny --token-file t", "got --token-file t without --address"),
            ("sweep confirm tiny --token-file t", "got --token-file t without --address"),
            ("sweep status tiny --token-file t", "got --token-file t without --address"),
            ("sweep stop tiny --token-file t", "got --token-file t without --address"),
            ("sweep resume tiny --quiet --address http://h:8265", "got --quiet with --address http://h:8265"),
            ("sweep confirm tiny --quiet --address http://h:8265", "got --quiet with --address http://h:8265"),
            ("sweep stop tiny --address http://h:1 --data-dir d", "got --data-dir d with --address http://h:1"),
            (
                "sweep stop tiny --address http://h:1 --data-dir d --tracking-uri http://t:1",
                "Leave --data-dir and --tracking-uri out",
            ),
            ("paper tiny --format latex --json", "got --format latex with --json"),
        ],
    )
    def test_an_option_that_would_do_nothing(
        self, ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, expected: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        check(ganlimit, expected, *words.split())
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_variable_names_no_tracking_server(
        self, ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
        data_dir = tmp_path / "none"
        check(ganlimit, "mlflow.db of earlier runs", "sweep", "status", "nope", "--data-dir", data_dir)
        assert Workspace(data_dir).tracking_uri is None
        assert not data_dir.exists()


class TestOnAFinishedSweep:
    def test_status(self, ganlimit: Any, finished: Any) -> None:
        result = ganlimit("sweep", "status", "tiny", "--data-dir", finished.data_dir)
        assert result.code == 0
        assert "tiny: finished" in result.stdout
        assert "search: 4 of 4 trials (4 completed)" in result.stdout
        as_json = json.loads(ganlimit("sweep", "status", "tiny", "--json", "--data-dir", finished.data_dir).stdout)
        assert as_json["trials"]["search"] == {"COMPLETED": 4}

    def test_report_prints_frontier_limit_and_files(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        result = ganlimit("report", "tiny", "--out", tmp_path / "out", "--data-dir", finished.data_dir)
        assert result.code == 0, result.stderr
        shown = result.stdout
        assert "teacher" in shown
        assert finished.result.report.limit.sentence() in shown.replace("\n", "")
        assert str(tmp_path / "out" / "report.html") in shown
        assert (tmp_path / "out" / "figures" / "pareto.pdf").is_file()
        assert (tmp_path / "out" / "trials.parquet").exists()

    @pytest.mark.usefixtures("without_figures")
    def test_report_as_json(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        result = ganlimit("report", "tiny", "--json", "--out", tmp_path, "--data-dir", finished.data_dir)
        answer = json.loads(result.stdout)
        assert answer["sweep"] == "tiny"
        assert answer["limit"]["sentence"] == finished.result.report.limit.sentence()
        assert len(answer["frontier"]) == len(finished.result.report.frontier)

    def test_sample_of_a_teacher_and_of_a_student(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        student = finished.result.table["run_id"][0].as_py()
        for artifact in ("digits-teacher", "digits-teacher/1", student):
            out = tmp_path / "grid.png"
            result = ganlimit("sample", artifact, "--n", 10, "--out", out, "--data-dir", finished.data_dir)
            assert result.code == 0, result.stderr
            assert cv2.imread(str(out)) is not None
            out.unlink()

    def test_teachers(self, ganlimit: Any, finished: Any) -> None:
        listed = json.loads(ganlimit("teacher", "list", "--json", "--data-dir", finished.data_dir).stdout)
        assert [(row["teacher"], row["champion"]) for row in listed] == [("digits-teacher/1", True)]
        card = json.loads(ganlimit("teacher", "show", "digits-teacher", "--data-dir", finished.data_dir).stdout)
        assert card["weights_digest"] == listed[0]["weights_digest"]
        assert card["architecture"]["width"] == 8
        assert "digits-teacher/1" in ganlimit("teacher", "list", "--data-dir", finished.data_dir).stdout


class TestPaper:
    def test_the_terminal_shows_the_table_and_answers_all_five_questions(self, ganlimit: Any, finished: Any) -> None:
        answer = ganlimit("paper", "tiny", "--data-dir", finished.data_dir)
        assert answer.code == 0
        assert all(f"{number}. " in answer.stdout for number in range(1, 6))
        assert "teacher" in answer.stdout
        assert "scratch" in answer.stdout

    def test_files_are_written_and_printed_alike(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        assert ganlimit("paper", "tiny", "--data-dir", finished.data_dir, "--out", tmp_path / "p").code == 0
        for form, name in (("markdown", "paper.md"), ("csv", "paper.csv"), ("latex", "paper.tex")):
            printed = ganlimit("paper", "tiny", "--data-dir", finished.data_dir, "--format", form)
            assert printed.stdout == (tmp_path / "p" / name).read_text()

    def test_json_is_for_scripts(self, ganlimit: Any, finished: Any) -> None:
        found = json.loads(ganlimit("paper", "tiny", "--data-dir", finished.data_dir, "--json").stdout)
        assert [row["scheme"] for row in found["rows"][:2]] == ["real held-out images", "teacher"]
        assert len(found["answers"]) == 5

    def test_an_unknown_sweep_is_one_error(self, ganlimit: Any, finished: Any) -> None:
        answer = ganlimit("paper", "other", "--data-dir", finished.data_dir)
        assert answer.code == 2
        assert "known: tiny" in answer.stderr


class TestCompare:
    def test_the_terminal_shows_ranges_shares_and_files(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        out = tmp_path / "made" / "here"
        answer = ganlimit("compare", "tiny", "tiny", "--out", out, "--data-dir", finished.data_dir)
        assert answer.code == 0, answer.stderr
        shown = answer.stdout.replace("\n", " ")
        for words in ("better", "parameters on", "both have the same FID", "dominated share", str(out / "compare.md")):
            assert words in shown, words
        assert {"compare.md", "compare.json", "compare.png", "compare.svg"} <= {path.name for path in out.iterdir()}
        assert cv2.imread(str(out / "compare.png")) is not None

    def test_json_is_for_scripts(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        arguments = ("--metric", "inception_score", "--cost", "latency_ms", "--data-dir", finished.data_dir)
        answer = ganlimit("compare", "tiny", "tiny", "--json", "--out", tmp_path, *arguments)
        found = json.loads(answer.stdout)
        assert found == json.loads((tmp_path / "compare.json").read_text())
        assert found["objectives"] == ["latency_ms", "inception_score"]
        assert found["segments"][0]["better"] == "equal"

    def test_a_mistake_is_one_error(self, ganlimit: Any, finished: Any, tmp_path: Path) -> None:
        place = ("--data-dir", finished.data_dir)
        check(ganlimit, "'nope' (known: tiny)", "compare", "tiny", "nope", *place)
        check(ganlimit, "'nope' (known: tiny)", "compare", "nope", "tiny", *place)
        check(
            ganlimit, "parameters, weight_bytes, mac_g, latency_ms", "compare", "tiny", "tiny", "--cost", "size", *place
        )
        (tmp_path / "file").write_text("here first")
        check(ganlimit, "writable folder", "compare", "tiny", "tiny", "--out", tmp_path / "file", *place)


def test_inceptions_weights_are_asked_for_by_name(
    ganlimit: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    spec = spec_file({**tiny, "extractor": "inception", "evaluation": {"num_samples": 4096}})
    answer = ganlimit("sweep", "run", spec, "--data-dir", tmp_path / "d", "--inception-weights", tmp_path / "none.pth")
    assert answer.code == 2
    assert "weights-inception-2015-12-05-6726825d.pth" in answer.stderr
    assert "none.pth" in answer.stderr
    assert "Traceback" not in answer.stderr
