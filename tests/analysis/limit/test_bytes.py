"""The limit in bytes is of all that is learnt, and a number beside that of parameters."""

from pathlib import Path
from typing import Any

import pytest

from analysis import LimitRule, Phase, cost_limits, findings_of, limit_candidates, markdown_report, read_table
from analysis.findings import Findings

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
