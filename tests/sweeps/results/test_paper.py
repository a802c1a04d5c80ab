"""The paper's table in a terminal."""

from rich.console import Console

import analysis
from sweeps.results.paper import Paper


def test_a_long_schemes_name_is_wrapped_and_no_number_is_cut_off() -> None:
    scheme = "critic features 0.1 + teacher's critic + real teacher + GAN term from 0.5"
    rows = analysis.paper_rows(analysis.example_trials({"scheme": scheme}))
    console = Console(width=80, record=True)
    Paper("sweep", rows, answers=(), notes=()).print_to(console)
    text = console.export_text()
    assert "…" not in text
    assert all(f"{row.parameters:,}" in text for row in rows if row.parameters)


def test_what_all_students_share_stands_below_the_table_once() -> None:
    scheme = "pruned start + critic features 0.3"
    students = [{"scheme": scheme, "gan_weight": 0.0}, {"scheme": f"{scheme} + teacher's critic", "gan_weight": 0.05}]
    rows = analysis.paper_rows(analysis.example_trials(*students))
    console = Console(width=80, record=True)
    Paper("sweep", rows, answers=(), notes=()).print_to(console)
    text = console.export_text()
    assert text.count("pruned start") == text.count("critic features 0.3") == 1
    assert "All students: pruned start, critic features 0.3." in text
    assert [line.split()[:3] for line in text.splitlines() if "10,000" in line] == [
        ["these", "alone", "10,000"],
        ["teacher's", "critic", "0.05"],
    ]


def test_one_scheme_is_named_whole() -> None:
    rows = analysis.paper_rows(analysis.example_trials({"scheme": "pruned start"}))
    assert analysis.shared_parts(rows) == ()
