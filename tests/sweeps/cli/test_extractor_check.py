"""An extractor is examined before anything is measured with it; one that failed is refused, or marked everywhere."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import analysis
import sweeps
from gan import DataRoot, load_dataset
from sweeps.driver.checking import check_extractor
from sweeps.results.versus import Versus

SPEC = """
name: ruler
dataset: digits
extractor: {extractor}
evaluation: {{num_samples: 128, examination: {examination}}}
teacher: {{width: 2, latent_size: 4, pool_size: 64, training: {{kimg: 0.064}}}}
student: {{kimg: 0.064}}
search: {{trials: 1, space: {{width: {{type: choice, values: [2]}}, gan_weight: {{type: choice, values: [0.0]}}}}}}
baseline: {{kimg: 0.064}}
limit: {{metric: fid, tolerance: 1.0}}
"""
GOOD = "{features: 16, epochs: 4}"


class Brightness(nn.Module):
    """It sees the mean of an image, and nothing else."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(1, 2, 3))[:, None]


@pytest.fixture
def blind(tmp_path: Path) -> str:
    """The extractor of a spec: a file of one's own that sees brightness alone."""
    path = tmp_path / "blind.pt"
    torch.jit.save(torch.jit.script(Brightness()), path)
    return f"{{file: {path}, image_size: 16, image_channels: 1, range: [-1.0, 1.0], features: 1}}"


def spec_file(folder: Path, extractor: str, examination: str = "require") -> Path:
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(extractor=extractor, examination=examination))
    return path


def test_an_extractor_that_passes_is_shown_and_examined_once(ganlimit: Any, tmp_path: Path) -> None:
    spec = spec_file(tmp_path, GOOD)
    answer = ganlimit("extractor", "check", spec, "--data-dir", tmp_path / "data")
    assert answer.code == 0
    assert answer.stdout.count("rises") == 7 + 1
    assert "digits-classifier/1 passed" in answer.stdout
    (kept,) = (tmp_path / "data" / "references").glob("*.examination.json")
    before = kept.stat().st_mtime_ns
    found = json.loads(ganlimit("extractor", "check", spec, "--data-dir", tmp_path / "data", "--json").stdout)
    assert found["passed"] is True
    assert len(found["levels"]) == 28
    assert kept.stat().st_mtime_ns == before
    kept.write_text("{")
    answer = ganlimit("extractor", "check", spec, "--data-dir", tmp_path / "data")
    assert answer.code == 2
    assert f"a file that ganlimit wrote, got {kept}" in answer.stderr


def test_a_blind_extractor_is_refused_before_a_teacher_is_trained(ganlimit: Any, blind: str, tmp_path: Path) -> None:
    spec, data = spec_file(tmp_path, blind), tmp_path / "data"
    answer = ganlimit("extractor", "check", spec, "--data-dir", data)
    assert answer.code == 1
    assert "FAILS: its distance does not rise as it should with" in answer.stdout
    answer = ganlimit("teacher", "train", spec, "--data-dir", data)
    assert answer.code == 2
    assert "own, which failed" in answer.stderr
    assert "swapped patches: " in answer.stderr
    assert "evaluation.examination: mark" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not json.loads(ganlimit("teacher", "list", "--data-dir", data, "--json").stdout)


def test_a_spec_can_go_on_with_the_mark(blind: str, tmp_path: Path) -> None:
    spec = sweeps.load_spec(spec_file(tmp_path, blind, "mark"))
    extractor = check_extractor(spec, tmp_path / "data", data_root=DataRoot(tmp_path, download=False))
    assert not extractor.examination.passed
    assert len(load_dataset("digits").held_out_images) == extractor.examination.levels[0].images


def test_what_is_measured_with_the_mark_says_so_wherever_people_read() -> None:
    faults = "contrast: 4 at level 0, 4 at 0.25; blur: 4 at level 0, 4 at 0.1"
    rows = ({"width": n, "parameters": 1_000 * n, "fid": 80 / n, "extractor_faults": faults} for n in (4, 8))
    findings = analysis.findings_of(analysis.example_trials(*rows), analysis.LimitRule(metric="fid", tolerance=1.0))
    said = "EXTRACTOR FAILED ITS EXAMINATION: contrast, blur"
    figure = analysis.pareto_figure(findings)
    assert said in " ".join(text.get_text().replace("\n", " ") for axes in figure.axes for text in axes.texts)
    report = analysis.markdown_report(findings, figures={})
    assert said in report
    assert f"FAILED its examination ({faults})" in report


def test_a_comparison_with_one_side_that_is_marked_says_so() -> None:
    faults = "contrast: 4 at level 0, 4 at 0.25; blur: 4 at level 0, 4 at 0.1"
    blind = analysis.example_trials({"sweep": "b", "extractor_faults": faults})
    mark, note = (
        "b: EXTRACTOR FAILED ITS EXAMINATION: contrast, blur",
        f"b: The extractor FAILED its examination ({faults})",
    )
    for digest in ("p", "q"):
        other = analysis.example_trials({"sweep": "a", "protocol_digest": digest * 64})
        comparison = analysis.compare(other, blind)
        assert analysis.versus_figure(comparison).get_supxlabel().count("EXAMINATION") == 1
        assert mark in analysis.versus_figure(comparison).get_supxlabel()
        console = Console(record=True, width=400)
        Versus(comparison).print_to(console)
        for text in (comparison.sentence(), analysis.comparison_markdown(comparison), console.export_text()):
            assert text.count(note) == 1
            assert text.count("FAILED") == 1
        assert comparison.as_dict()["b"]["extractor_faults"] == faults


def test_the_papers_table_and_a_selection_carry_the_mark() -> None:
    faults = "contrast: 4 at level 0, 4 at 0.25"
    for marked in (faults, None):
        rows = analysis.paper_rows(analysis.example_trials({"extractor_faults": marked}))
        read = list(csv.DictReader(io.StringIO(analysis.paper_csv(rows))))
        assert {row["extractor_faults"] for row in read} == {marked or ""}
        latex = analysis.paper_latex(rows)
        assert latex.startswith("% EXTRACTOR FAILED ITS EXAMINATION: contrast\n" if marked else r"\begin{tabular}")
        shape = {"version": "t/1", "width": 4, "parameters": 100, "fid": 5.0, "fid_error": 0.1, "inception_score": None}
        figure = analysis.selection_figure([analysis.Candidate(**shape, extractor_faults=marked)])
        assert figure.get_supxlabel() == ("EXTRACTOR FAILED ITS EXAMINATION: contrast" if marked else "")
