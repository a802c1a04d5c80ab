"""The limit in bytes is of all that is learnt, and a number beside that of parameters."""

from pathlib import Path
from typing import Any

import pytest

from analysis import (
    COSTS,
    AnalysisError,
    Chapter,
    LimitRule,
    Phase,
    cost_limits,
    course_figure,
    findings_of,
    limit_candidates,
    markdown_report,
    read_table,
    space_figure,
)
from analysis.findings import Findings
from analysis.page.charts import chart_data
from analysis.page.text import chapter_text
from analysis.seeking.limit_search import LimitSearch
from analysis.seeking.space import Candidate, space_of
from analysis.seeking.values import Measured

FID = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10


def student(width: int, bits: int, fid: float, **changes: Any) -> dict[str, Any]:
    few = {"bits": bits, "scheme": f"{bits} bits"} if bits < 32 else {}
    learnt = {"parameters": 1000 * width, "weight_bytes": 1000 * width * bits // 8}
    return {"width": width, "fid": fid, **learnt, **few, "settings": f'{{"bits": {bits}}}', **changes}


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Floats whose FID is 10 at 8,000 parameters; with 4 bits it is 10 at 10,000, which are 5,000 bytes."""
    floats = [student(width, 32, 80 / width) for width in (4, 8, 16)]
    return [*floats, *(student(width, 4, 100 / width) for width in (4, 8, 16))]


def test_it_is_a_limit_of_its_own(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows), FID)
    assert findings.limit.parameters == 8000
    assert findings.bytes_limit is not None
    assert findings.bytes_limit.amount == pytest.approx(5000)
    assert findings.bytes_limit.student is not None
    assert findings.bytes_limit.student.bits == 4
    assert findings.bytes_limit.student.ratios.weight_bytes == pytest.approx(4 * 100_000 / 8000)
    assert findings.bytes_frontier is not None
    assert findings.bytes_frontier["weight_bytes"].to_pylist() == [2000, 4000, 8000, 64_000]


def test_its_sentence_names_bytes_and_bits(table: Any, rows: list[dict[str, Any]]) -> None:
    (limit,) = cost_limits(table(*rows), FID, cost="weight_bytes")
    assert limit.short() == "5.0 kB, 4 bits"
    assert limit.sentence().startswith(
        "On digits the smallest store of weights of the students measured that holds the rule is 5.0 kB, 4 bits "
    )
    assert (
        "trial 6 in 8.0 kB, 4 bits: FID 6.2, 6.2 times fewer parameters than the teacher, 50.0 times fewer bytes of "
        "weights."
    ) in limit.sentence()


def test_fresh_seeds_give_it_an_interval(table: Any, rows: list[dict[str, Any]]) -> None:
    fresh = [
        {**row, "phase": Phase.CONFIRM, "seed": 10 + seed, "fid": row["fid"] * (1 + 0.02 * seed)}
        for row in rows[3:]
        for seed in range(3)
    ]
    (limit,) = cost_limits(table(*rows, *fresh), FID, cost="weight_bytes")
    assert limit.interval is not None
    assert limit.interval.low is not None
    assert limit.interval.high is not None
    assert limit.interval.low < limit.amount < limit.interval.high
    assert (limit.confirmed, limit.provisional, limit.seeds) == (True, False, 3)


def test_its_candidates_lie_around_it_and_not_around_that_of_parameters(table: Any, rows: list[dict[str, Any]]) -> None:
    found = limit_candidates(table(*rows), FID, around=1, whole_frontier=False, cost="weight_bytes")
    assert {(row["width"], row["bits"]) for row in found.to_pylist()} >= {(8, 4), (16, 4)}
    assert found["weight_bytes"].to_pylist() == sorted(found["weight_bytes"].to_pylist())


def test_the_report_has_it_where_there_are_few_bits_alone(table: Any, rows: list[dict[str, Any]]) -> None:
    def lines(findings: Findings) -> list[str]:
        return markdown_report(findings, {}).splitlines()

    shown = lines(findings_of(table(*rows), FID))
    assert any(line.startswith("On digits the smallest store of weights") for line in shown)
    assert "| 6 | 16x1 | 4 | 8,000 | 16,000 | 6.2 |  |" in shown
    floats = findings_of(table(*rows[:3]), FID)
    assert floats.bytes_limit is floats.bytes_frontier is None
    assert "## In bytes" not in lines(floats)


def test_a_table_of_before_has_no_bytes() -> None:
    old = read_table(Path("docs/records/digits-limit/trials.parquet"))
    assert old["weight_bytes"].null_count == old["bits"].null_count == len(old) > 0
    assert findings_of(old, FID).bytes_limit is None
    assert cost_limits(old, FID, cost="weight_bytes") == ()


def test_where_bytes_are_sought_the_answer_begins_with_them(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows), FID, cost="weight_bytes")
    of_bytes = findings.bytes_limit
    assert of_bytes is not None
    assert findings.sought is of_bytes
    assert findings.sentences == (of_bytes.sentence(), findings.limit.answer)
    assert markdown_report(findings, {}).splitlines()[2] == of_bytes.sentence()
    html = findings._repr_html_()
    assert 0 < html.index("smallest store of weights") < html.index("the compression limit")
    shown = chapter_text(Chapter(findings, "few"))
    assert (shown["answer"], shown["sought"]) == ("5.0 kB, 4 bits", "limit in bytes")
    charts = chart_data(Chapter(findings, "few"))
    assert charts["view"] == "weight_bytes|fid"
    assert charts["trials"]["weight_bytes"] == [row["weight_bytes"] for row in rows]


def test_elsewhere_it_stands_behind_that_of_parameters(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows), FID)
    assert findings.bytes_limit is not None
    assert findings.sentences == (findings.limit.sentence(), findings.bytes_limit.sentence())
    assert chapter_text(Chapter(findings, "few"))["answer"] == findings.limit.short()
    assert chart_data(Chapter(findings, "few"))["view"] == "parameters|fid"


def test_floats_alone_have_a_limit_in_bytes_where_it_is_sought(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows[:3]), FID, cost="weight_bytes")
    assert findings.bytes_limit is not None
    assert findings.bytes_limit.amount == pytest.approx(32_000)
    assert findings.bytes_limit.short() == "32.0 kB, 32 bits"


def test_a_cost_that_no_sweep_seeks_is_refused(table: Any, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(AnalysisError, match="one of parameters, weight_bytes, got 'mac_g'"):
        findings_of(table(*rows), FID, cost="mac_g")


def searched(rows: list[dict[str, Any]]) -> tuple[LimitSearch, list[Measured]]:
    """A search for the limit in bytes that has trained these rows, and they as it takes them."""
    students = [
        Candidate(
            parameters=row["parameters"],
            depth=1,
            block="dcgan",
            gan_weight=0.0,
            kimg=8.0,
            settings=(("bits", float(row.get("bits", 32))),),
            cost=row["weight_bytes"],
        )
        for row in rows
    ]
    measured = [Measured(candidate=each, seed=0, quality=row["fid"]) for each, row in zip(students, rows, strict=True)]
    return LimitSearch(space_of(students, cost=COSTS["weight_bytes"]), FID, threshold=10.0), measured


def test_what_was_sought_stands_first(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows), FID, cost="weight_bytes")
    search, measured = searched(rows)
    found = search.read(measured)
    of_space, of_students = found.sentence(findings.first["teacher_parameters"]), findings.sentences[0]
    for leads, order in ((True, [of_space, of_students]), (False, [of_students, of_space])):
        text = markdown_report(findings, {}, space=found, space_leads=leads)
        assert sorted(order, key=text.index) == order
    sought = chapter_text(Chapter(findings, "few", space=found, course=((8.0, found),)))
    assert sought["other_limits"][0] == of_space, "under the page's first chart"
    assert of_space not in chapter_text(Chapter(findings, "few", space=found))["other_limits"]


def test_the_models_figures_and_chart_are_over_bytes(table: Any, rows: list[dict[str, Any]]) -> None:
    findings = findings_of(table(*rows), FID, cost="weight_bytes")
    search, measured = searched(rows)
    found = search.read(measured)
    figure = space_figure(findings, found)
    assert figure.axes[1].get_xlabel() == "weights, biases and scales [bytes]"
    (tried,) = (each for each in figure.axes[0].collections if each.get_label() == "student that was trained")
    assert sorted(tried.get_offsets()[:, 0]) == sorted(row["weight_bytes"] for row in rows)
    course = course_figure(findings, [(8.0, search.read(measured[:4])), (16.0, found)])
    assert course.axes[0].get_ylabel() == "weights, biases and scales [bytes]"
    chart = chart_data(Chapter(findings, "few", space=found))["space"]
    assert (chart["cost"], chart["noun"]) == ("weight_bytes", " bytes")
    assert chart["sizes"] == sorted({row["weight_bytes"] for row in rows})
