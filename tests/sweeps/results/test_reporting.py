"""What a sweep leaves for people: its page, figures and table, of one sweep and of several."""

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import analysis
import sweeps
from analysis import Phase
from gan import Examination
from sweeps.driver.phases import PhaseLayout
from sweeps.ledger.examinations import FILE, kept_examination
from sweeps.ledger.measurements import FILE as FILE_OF_COSTS
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.importance import importances
from sweeps.results.report import write_report, write_reports
from sweeps.trial.request import Job
from tests.sweeps.figures import without_drawing
from tests.sweeps.told_sweep import opened as opened_sweep
from tests.sweeps.told_sweep import trained


@pytest.fixture(scope="module")
def confirmed(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny sweep judged by two fresh seeds, in a data directory of its own."""
    data_dir = tmp_path_factory.mktemp("confirmed") / "data"
    shutil.copytree(finished.data_dir, data_dir)
    spec = finished.spec.confirmed(2)
    with without_drawing():
        return data_dir, sweeps.run_sweep(spec, data_dir, workers=1)


def opened(data_dir: Path) -> tuple[Workspace, Tracking]:
    workspace = Workspace.existing(data_dir)
    return workspace, Tracking(workspace.store)


def test_a_sweep_is_confirmed_by_its_name_and_begins_with_its_rows(finished: Any, confirmed: Any) -> None:
    _, result = confirmed
    before = {row["trial_key"] for row in finished.result.table.to_pylist() if row["phase"] == "search"}
    rows = result.table.to_pylist()
    assert before == {row["trial_key"] for row in rows if row["phase"] == "search"}, "no search is run again"
    fresh = [row for row in rows if row["phase"] == "confirm"]
    assert {row["seed"] for row in fresh}.isdisjoint({row["seed"] for row in finished.result.table.to_pylist()})
    frontier = result.report.frontier.to_pylist()
    assert {row["confirmed_seeds"] for row in frontier} == {2}
    assert not result.report.limit.provisional
    assert "fresh seeds" in result.report.limit.sentence()


def test_the_status_of_a_confirmation(ganlimit: Any, confirmed: Any) -> None:
    data_dir, result = confirmed
    shown = ganlimit("sweep", "status", "tiny-confirmed", "--data-dir", data_dir).stdout
    fresh = sum(phase == "confirm" for phase in result.table["phase"].to_pylist())
    assert "search: 4 of 4 trials (4 completed)" in shown
    assert f"confirm: {fresh} trials ({fresh} completed)" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_confirming_again_runs_what_is_missing_and_nothing_else(
    ganlimit: Any, confirmed: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path
) -> None:
    data_dir = shutil.copytree(confirmed[0], tmp_path / "data")
    before = rows_of(confirmed[1].table)
    tiny |= {"name": "another", "phases": ["search"]}
    other = opened_sweep(sweeps.load_spec(spec_file(tiny), {"search.trials": 2}), Path(data_dir))
    queue = PhaseLayout(other).queue(Phase.SEARCH)
    while isinstance(job := queue.next(), Job):
        queue.ended(job, trained(other, job, fid=0.9))
    again = ganlimit("sweep", "confirm", "tiny", "--workers", 1, "--quiet", "--data-dir", data_dir)
    assert again.code == 0, again.stderr
    assert "tiny-confirmed: everything is confirmed already" in again.stderr
    assert "fresh seeds at each of" in again.stdout, "and the report is shown"
    workspace, tracking = opened(data_dir)
    assert rows_of(sweeps.read_trials(tracking, workspace, name="tiny-confirmed").table) == before
    more = ganlimit("sweep", "confirm", "tiny", "--seeds", 3, "--workers", 1, "--quiet", "--data-dir", data_dir)
    assert more.code == 0, more.stderr
    assert "already" not in more.stderr
    after = rows_of(sweeps.read_trials(tracking, workspace, name="tiny-confirmed").table)
    assert before.items() <= after.items()
    assert {before[key][0] for key in before} == {"search", "confirm", "baseline"}
    added = [phase for key, (phase, _) in after.items() if key not in before]
    students = {row["width"] for row in confirmed[1].table.to_pylist() if row["phase"] == "confirm"}
    assert added.count("confirm") >= len(students)
    assert set(added) == {"confirm", "baseline"}, "the search is not changed by what others found meanwhile"


def rows_of(table: Any) -> dict[str, tuple[str, float]]:
    """Phase and FID of each trial."""
    return {row["trial_key"]: (row["phase"], row["fid"]) for row in table.to_pylist()}


def test_it_names_the_forms_of_the_figures_that_are_there(finished: Any) -> None:
    folder = finished.result.report.folder / "figures"
    console = Console(file=io.StringIO(), width=400)
    finished.result.report.print_to(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert {path.suffix for path in folder.iterdir()} == {".png"}
    assert f"{folder}/ (PNG)\n" in said


def test_the_report_has_page_figures_for_a_paper_and_table(confirmed: Any, tmp_path: Path) -> None:
    workspace, tracking = opened(confirmed[0])
    report = write_report("tiny-confirmed", workspace, tracking=tracking, out=tmp_path / "out")
    names = {str(path.relative_to(tmp_path / "out")) for path in report.files}
    for stem in ("pareto", "samples", "interpolations", "gain-scratch", "sharpness", "progress", "examination"):
        assert {f"figures/{stem}.{form}" for form in ("png", "svg", "pdf")} <= names, stem
    assert {"report.html", "report.md", "trials.parquet"} <= names
    text = (tmp_path / "out" / "report.html").read_text()
    for part in (
        report.limit.answer,
        "http://127.0.0.1:5000/#/experiments/",
        "Samples, down to where they break",
        "Between latents",
        "its distance rises with all 7 disturbances",
        "version of torch",
        "num_samples: 256",  # of the specification
        "ganlimit sweep confirm tiny --seeds 2",
    ):
        assert part.replace("'", "&#39;") in text, part
    markdown = (tmp_path / "out" / "report.md").read_text()
    for line in markdown.splitlines():
        if line.startswith("!["):
            assert (tmp_path / "out" / line.rpartition("(")[2].rstrip(")")).is_file(), line


def test_the_same_rows_give_the_same_files(confirmed: Any, tmp_path: Path) -> None:
    workspace, tracking = opened(confirmed[0])
    one, two = (
        write_report("tiny-confirmed", workspace, tracking=tracking, out=tmp_path / n, formats=("png",))
        for n in ("one", "two")
    )
    for first, second in zip(one.files, two.files, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_the_page_is_on_the_sweeps_run(confirmed: Any) -> None:
    _, tracking = opened(confirmed[0])
    parent = tracking.find_sweep("tiny-confirmed")
    assert parent is not None
    names = {file.path for file in tracking.client.list_artifacts(parent.info.run_id, "report")}
    assert "report/report.html" in names


def test_the_examination_is_on_the_sweeps_run_for_reports_elsewhere(finished: Any) -> None:
    parent = finished.tracking.find_sweep("tiny")
    (path,) = (finished.data_dir / "references").glob("*.examination.json")
    assert kept_examination(finished.tracking, parent.info.run_id) == Examination.model_validate_json(path.read_text())


def test_a_sweep_without_an_examination_has_no_ruler_in_its_report(finished: Any, tmp_path: Path) -> None:
    workspace, tracking = opened(finished.data_dir)
    parent = finished.tracking.find_sweep("tiny")
    path = Path(parent.info.artifact_uri.removeprefix("file://")) / FILE
    hidden = path.rename(path.with_suffix(".hidden"))
    try:
        report = write_report("tiny", workspace, tracking=tracking, out=tmp_path, formats=("svg",))
    finally:
        hidden.rename(path)
    assert "examination" not in {file.stem for file in report.files}
    assert "Is the ruler straight?" not in (tmp_path / "report.html").read_text()


def test_a_damaged_examination_is_one_error_that_names_it(new_sweep: Any) -> None:
    sweep = new_sweep()
    assert kept_examination(sweep.tracking, sweep.parent_run_id) is None
    sweep.tracking.client.log_text(sweep.parent_run_id, '{"version": 1', FILE)
    with pytest.raises(sweeps.SweepError, match=FILE):
        kept_examination(sweep.tracking, sweep.parent_run_id)


def measured(table: Any, machine: str = "m" * 64) -> Any:
    """What the searched students of a sweep cost as floats and in 8 bits."""
    rows = analysis.searched_students(table).to_pylist()
    return analysis.example_measurements(
        *(
            {
                **{name: row[name] for name in ("sweep", "trial", "trial_key", "parameters")},
                "form": form,
                "median_ms": row["parameters"] / 1e5,
                "high_ms": 1.0,
                "file_bytes": bits // 8 * row["parameters"],
                "fid": own,
                "measurement_digest": machine,
            }
            for row in rows
            for form, bits, own in (("onnx", 32, None), ("onnx-int8", 8, 1.1 * row["fid"]))
        )
    )


def test_a_report_with_measurements_says_what_a_device_pays(ganlimit: Any, confirmed: Any, tmp_path: Path) -> None:
    data_dir, result = confirmed
    file, place = tmp_path / "measurements.parquet", ("--data-dir", data_dir, "--out", tmp_path / "out")
    analysis.write_measurements(measured(result.table), file)
    answer = ganlimit("report", "tiny-confirmed", *place, "--measurements", file)
    assert answer.code == 0, answer.stderr
    said = " ".join(answer.stdout.split())
    assert "the smallest latency of the students measured" in said
    assert "the smallest file of the students measured" in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'data-chart="device"' in page
    assert "## What a device pays" in (tmp_path / "out" / "report.md").read_text()
    for cost in ("latency_ms", "file_bytes"):
        assert (tmp_path / "out" / "figures" / f"device-{cost}.png").is_file()
    found = analysis.device_findings_of(result.table, measured(result.table), rule=result.report.findings.rule)
    assert all(sentence in said for sentence in found.sentences())
    floats = next(limit for limit in found.limits["file_bytes"] if limit.form == "onnx")
    assert floats.confirmed, "the fresh seeds have the size of a student that was measured"


@pytest.mark.usefixtures("without_figures")
def test_measurements_that_a_deployment_kept_are_in_the_next_report(finished: Any, tmp_path: Path) -> None:
    data_dir = shutil.copytree(finished.data_dir, tmp_path / "data")
    workspace, tracking = opened(data_dir)
    kept = Path(find_sweep(tracking, "tiny").info.artifact_uri.removeprefix("file://")) / FILE_OF_COSTS
    assert kept.is_relative_to(data_dir)
    kept.parent.mkdir()
    analysis.write_measurements(measured(finished.result.table), kept)
    report = write_report("tiny", workspace, tracking=tracking, out=tmp_path / "out", formats=("png",))
    assert report.device is not None
    assert report.device.first["measurement"] == "m" * 64
    given = write_report(
        "tiny", workspace, tracking=tracking, out=tmp_path / "out", formats=("png",),
        measurements=measured(finished.result.table, machine="n" * 64),
    )  # fmt: skip
    assert given.device is not None
    assert given.device.first["measurement"] == "n" * 64, "those that are given count"
    kept.write_bytes(kept.read_bytes()[:-9])
    report = write_report("tiny", workspace, tracking=tracking, out=tmp_path / "out", formats=("png",))
    assert report.device is None
    assert report.note.startswith("What a deployment measured is left out: Measurements are a readable, undamaged")


def test_measurements_of_another_sweep_are_one_error(ganlimit: Any, finished: Any, tmp_path: Path) -> None:
    file = tmp_path / "measurements.parquet"
    analysis.write_measurements(analysis.example_measurements({}), file)
    answer = ganlimit(
        "report", "tiny", "--out", tmp_path / "out", "--data-dir", finished.data_dir, "--measurements", file
    )
    assert (answer.code, answer.stdout) == (2, "")
    assert "got none of tiny. Measure them: ganlimit deploy tiny --all --measure." in " ".join(answer.stderr.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_figures")
def test_measurements_of_one_of_several_sweeps_are_its_own(confirmed: Any, tmp_path: Path) -> None:
    (workspace, tracking), names = opened(confirmed[0]), ["tiny", "tiny-confirmed"]
    fresh = [row for row in confirmed[1].table.to_pylist() if row["phase"] == "confirm"]
    own = analysis.example_measurements(*({name: row[name] for name in ("trial", "trial_key")} for row in fresh))
    reports, _ = write_reports(names, workspace, tracking=tracking, out=tmp_path / "a", measurements=own)
    assert [report.device is not None for report in reports] == [False, True]
    with pytest.raises(analysis.AnalysisError, match="none of tiny, tiny-confirmed"):
        write_reports(
            names, workspace, tracking=tracking, out=tmp_path / "b", measurements=analysis.example_measurements({})
        )
    assert not (tmp_path / "b").exists()


@pytest.mark.usefixtures("without_figures")
def test_several_sweeps_have_one_page_over_all(confirmed: Any, tmp_path: Path) -> None:
    workspace, tracking = opened(confirmed[0])
    reports, page = write_reports(["tiny", "tiny-confirmed"], workspace, tracking=tracking, out=tmp_path)
    assert page == tmp_path / "report.html"
    text = page.read_text()
    assert "Compression limits" in text
    for report in reports:
        assert f'<article id="sweep-{report.name}"' in text
        assert (tmp_path / report.name / "report.html").is_file()


@pytest.mark.usefixtures("without_figures")
def test_a_student_whose_weights_are_gone_is_missing_from_the_samples_alone(finished: Any, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(finished.data_dir, data_dir)
    workspace, tracking = opened(data_dir)
    row = finished.result.report.frontier.to_pylist()[0]
    folder = tracking.registry.model_folder(row["run_id"])
    assert folder is not None
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        report = write_report("tiny", workspace, tracking=tracking, out=tmp_path / "out", formats=("png",))
        text = (tmp_path / "out" / "report.html").read_text()
        assert f'data-strip="{row["trial"]}"' not in text
        assert row["trial"] in report.frontier["trial"].to_pylist()
    finally:
        hidden.rename(folder)


def test_a_report_to_a_place_that_cannot_be_written_is_one_error(finished: Any, tmp_path: Path) -> None:
    workspace, tracking = opened(finished.data_dir)
    (tmp_path / "file").write_text("")
    with pytest.raises(sweeps.SweepError, match="folder can be written"):
        write_report("tiny", workspace, tracking=tracking, out=tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////data/mlflow.db", "http://127.0.0.1:5000"),
        ("http://tracking:5000/", "http://tracking:5000"),
        ("https://ada:secret@tracking.example/mlflow/", "https://tracking.example/mlflow"),
    ],
)
def test_the_address_of_runs_never_shows_a_password(uri: str, shown: str) -> None:
    assert TrackingStore(uri).ui_address == shown


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:5000/mlflow", "http://host:5000/mlflow"),
        ("postgresql://me:secret@host/runs", "postgresql://host/runs"),
        ("sqlite:////home/a@b/data/mlflow.db", "sqlite:////home/a@b/data/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert TrackingStore(uri).shown_uri == shown


def test_what_drives_quality_is_the_most_important(finished: Any) -> None:
    """Width decides and depth does nothing, over enough rows for a forest."""
    base = finished.result.table.to_pylist()[0]
    rows = [
        {**base, "trial": n, "trial_key": f"{n:064x}", "width": 1 + n % 4, "depth": 1 + n // 4 % 2,
         "gan_weight": 0.0, "fid": 100.0 / (1 + n % 4)}
        for n in range(1, 33)
    ]  # fmt: skip
    shares = importances(finished.spec, analysis.trial_table(rows))
    assert shares == importances(finished.spec, analysis.trial_table(rows)), "the same rows give the same shares"
    assert max(shares, key=lambda name: shares[name]) == "width"
    assert shares["width"] > 0.95
    assert importances(finished.spec, analysis.trial_table(rows[:4])) == {}
