"""The view of a sweep as it runs, on terminals of all kinds: how much it shows, and in which characters."""

import io
from typing import Any

import pytest
from rich.console import Console

import sweeps
from analysis import Phase, TrialState
from gan import DistillationConfig, GeneratorConfig
from sweeps.cli.output import heed_encoding
from sweeps.display import Fitted
from sweeps.driver.budget import Spending
from sweeps.driver.view import SweepView
from sweeps.trial.request import Job, TrialRequest

WORKERS = 64


@pytest.fixture
def view_of(tiny: dict[str, Any], spec_file: Any) -> Any:
    """Makes the view of sweeps on which 64 workers are at work, each with a frontier of 12 students."""
    spec = sweeps.load_spec(spec_file(tiny))

    def make(*names: str) -> SweepView:
        spending = Spending(budget=spec.budget, resources=spec.resources, trial_s=7200)
        view = SweepView(dict.fromkeys(names, (1000000.0, 10.0)), spending)
        for name in names:
            view.phase(name, Phase.CONFIRM, total=20, done=20)
            view.phase(name, Phase.SEARCH, total=200, done=100)
            for place in range(1, 13):
                view.known(name, f"{name} {place}", objectives=(100.0 * place**3, 500 / place))
        for number in range(1, WORKERS + 1):
            view.began(str(number), job(number))
            view.reported(str(number), {"kimg": 123.4, "fid": 1234.5})
        view.counts = {TrialState.PRUNED: 3, TrialState.COMPLETED: 5}
        return view

    return make


def job(number: int) -> Job:
    request = TrialRequest(
        phase=Phase.SEARCH,
        architecture=GeneratorConfig(image_size=32, image_channels=1, width=number),
        distillation=DistillationConfig(kimg=1000.0, gan_weight=0.05),
        seed=number,
        teacher_digest="none",
        pool_digest="none",
        protocol_digest="none",
        threads=1,
    )
    return Job(request=request, trial=1000 + number, point={})


def lines_of(view: SweepView, **terminal: Any) -> list[str]:
    file = io.StringIO()
    Console(file=file, force_terminal=True, legacy_windows=False, **terminal).print(Fitted(view.blocks()))
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (120, 24), (60, 15), (200, 100)])
@pytest.mark.parametrize("names", [("tiny",), ("tiny-of-a-data-set-with-a-long-name", "tiny-of-another", "tiny")])
def test_it_is_no_larger_than_the_terminal(view_of: Any, names: tuple[str, ...], width: int, height: int) -> None:
    lines = lines_of(view_of(*names), width=width, height=height, color_system=None)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert lines[-1] == "spent 2.00 core-hours; 3 pruned" or "no room for" in lines[-1]
    (others,) = [line for line in lines if line.startswith(("and ", "running: "))][:1] or [""]
    assert others or len(names) > 1
    assert "trial 1001" not in text or "1234.5" in text, "no number is cut"


def test_it_says_how_many_workers_it_leaves_out(view_of: Any) -> None:
    lines = lines_of(view_of("tiny"), width=80, height=24, color_system=None)
    rows = sum(line.startswith("trial 10") for line in lines)
    assert rows >= 3
    assert f"and {WORKERS - rows} more" in lines
    assert any(line.startswith("search") and "100 of 200" in line for line in lines)


def test_phases_that_are_done_make_room_first(view_of: Any) -> None:
    view = view_of("a", "b", "c", "d", "e")
    shown = "\n".join(lines_of(view, width=80, height=60, color_system=None)[:6])
    assert all(f"{name} search" in shown for name in "abcde")


def test_without_color_the_bars_can_be_read(view_of: Any) -> None:
    (bar,) = (line for line in lines_of(view_of("tiny"), width=80, height=24, no_color=True) if "search" in line)
    assert bar.count("━") == 14, "of 28: half of the trials are done"
    assert "\x1b[3" not in bar


def test_an_ascii_terminal_has_bars_too(view_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stderr", stream)
    heed_encoding()
    console = Console(stderr=True, force_terminal=True, width=80, height=24, color_system=None)
    console.print(Fitted(view_of("tiny").blocks()))
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")
    assert "-" * 14 in text
    assert "?" not in text


def test_a_frontier_in_bytes_is_named_so(view_of: Any) -> None:
    spending = Spending(budget=view_of("tiny")._spending.budget, resources=view_of("tiny")._spending.resources)
    view = SweepView({"tiny": (4_000_000.0, 10.0)}, spending, costs={"tiny": "weight_bytes"})
    view.phase("tiny", Phase.SEARCH, total=2, done=0)
    view.began("1", job(1))
    result = {"parameters": 5.0, "weight_bytes": 2_000.0, "fid": 20.0}
    view.ended("1", "tiny", job=job(1), state=TrialState.COMPLETED, result=result)
    lines = lines_of(view, width=80, height=24, color_system=None)
    (heading,) = (number for number, line in enumerate(lines) if line.split()[:3] == ["frontier", "bytes", "ratio"])
    assert lines[heading + 1].split() == ["1", "2,000", "2000.0", "20.0", "2.00"]


def test_before_the_first_trial_there_is_what_was_spent(tiny: dict[str, Any], spec_file: Any) -> None:
    spec = sweeps.load_spec(spec_file(tiny))
    view = SweepView({"tiny": (1e6, 10.0)}, Spending(budget=spec.budget, resources=spec.resources))
    assert lines_of(view, width=80, height=24, color_system=None) == ["spent 0.00 core-hours"]


def test_the_address_of_a_clusters_dashboard_is_there(view_of: Any) -> None:
    view = view_of("tiny")
    view.dashboard = "http://10.0.0.1:8265"
    lines = lines_of(view, width=80, height=24, color_system=None)
    assert lines[-1] == "spent 2.00 core-hours; 3 pruned; dashboard http://10.0.0.1:8265"
