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
