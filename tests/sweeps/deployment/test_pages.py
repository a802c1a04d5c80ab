"""A sweep's student becomes a page, with its teacher where that is asked for."""

import json
from pathlib import Path
from typing import Any

from gan import load_deployed
from gan.deployment.web.runtime import WebRuntime, find_web_runtime


def test_a_student_and_its_teacher_become_a_page_that_is_logged(
    ganlimit: Any, finished: Any, web_runtime: WebRuntime, tmp_path: Path
) -> None:
    out, limit = tmp_path / "out", finished.result.report.limit
    place = ("--out", out, "--data-dir", finished.data_dir, "--runtime", web_runtime.folder)
    answer = ganlimit("deploy", "tiny", "--format", "web", "--teacher", *place, "--quiet", "--json")
    assert answer.code == 0, answer.stderr
    found = json.loads(answer.stdout)
    folder = out / f"trial-{limit.trial}" / "web"
    assert found["exports"] == []
    assert [page["page"] for page in found["pages"]] == [str(folder / "index.html")]
    student, teacher = load_deployed(folder).card, load_deployed(folder / "teacher").card
    assert student.origin.trial == limit.trial
    assert student.origin.teacher == teacher.origin.model
    page = (folder / "index.html").read_text()
    assert f"1/{teacher.parameters / student.parameters:.1f}" in page
    assert all(f"{card.origin.metrics['fid']:.2f}" in page for card in (student, teacher))
    kept = finished.tracking.registry.model_folder(
        next(row["run_id"] for row in finished.result.report.table.to_pylist() if row["trial"] == limit.trial)
    )
    assert (kept.parent / "deployment" / "web" / "index.html").read_text() == page
    assert find_web_runtime(finished.data_dir / "runtimes", download=False).whole


def test_a_page_is_written_beside_other_formats(
    ganlimit: Any, finished: Any, web_runtime: WebRuntime, tmp_path: Path
) -> None:
    place = ("--out", tmp_path / "out", "--data-dir", finished.data_dir, "--runtime", web_runtime.folder)
    answer = ganlimit("deploy", "digits-teacher/1", "--format", "web", "--format", "onnx", *place)
    assert answer.code == 0, answer.stderr
    assert str(tmp_path / "out" / "web" / "index.html") in answer.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"onnx", "web"}
    assert "digits-teacher/1" in (tmp_path / "out" / "web" / "index.html").read_text()


def test_what_a_page_lacks_is_one_message_and_leaves_nothing(ganlimit: Any, finished: Any, tmp_path: Path) -> None:
    row = finished.result.report.frontier.to_pylist()[0]
    student = finished.tracking.registry.model_folder(row["run_id"])
    place = ("--out", tmp_path / "out", "--data-dir", tmp_path / "data")
    mistakes = {
        "--runtime is of --format web": ("--format", "onnx", "--runtime", tmp_path),
        "none kept, and no downloads": ("--format", "web", "--no-download"),
        "Install npm, or": ("--format", "web", "--runtime", tmp_path / "nowhere.tgz"),
    }
    for said, arguments in mistakes.items():
        answer = ganlimit("deploy", student, *arguments, *place)
        assert answer.code == 2
        assert said in " ".join(answer.stderr.split())
        assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()
