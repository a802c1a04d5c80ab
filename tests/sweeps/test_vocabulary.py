"""One word for one thing: states, phases, tags and columns are written in one place each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis import Phase, TrialState
from sweeps.ledger import tags
from sweeps.ledger.states import RunStatus, SweepState, run_status
from sweeps.spec.template import json_schema

SWEEPS = Path(__file__).parents[2] / "sweeps"
NAMES = {"schema.json", "cache", "cache_sha256"}  # of files, and of keys in a file's own metadata
MODULES = sorted(SWEEPS.rglob("*.py"))


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Gives the texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in told and isinstance(node.value, str | bytes):
            yield node.lineno, node.value if isinstance(node.value, str) else node.value.decode(errors="replace")


def words_of(path: Path) -> Iterator[str]:
    states = {*TrialState, *SweepState, *RunStatus}
    is_place = path in {SWEEPS / "ledger" / "tags.py", SWEEPS / "ledger" / "states.py"}
    for line, text in literals(path):
        own = re.fullmatch(r"ganlimit\.([\w.]+)", text)
        if not is_place and (text in states or (own and own.group(1) not in NAMES)):
            yield f"{path.relative_to(SWEEPS)}:{line}: {text!r}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SWEEPS).as_posix())
def test_states_and_tags_are_written_in_one_place(path: Path) -> None:
    assert not [*words_of(path)]


def test_a_word_in_another_place_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SWEEPS", tmp_path)
    path = tmp_path / "module.py"
    path.write_text('"""COMPLETED"""\nif state == "COMPLETED":\n    tag = "ganlimit.sweep"\n')
    assert [*words_of(path)] == ["module.py:2: 'COMPLETED'", "module.py:3: 'ganlimit.sweep'"]


def test_tags_are_what_they_were() -> None:
    own = {value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str)}
    stored = {"kind", "sweep", "spec", "trial_key", "state", "error", "identity", "point", "trial", "phase"}
    stored |= {"teacher_digest", "protocol", "worker", "node", "version.", "group", "reused", "driver", "reopened"}
    stored |= {"mode", "dataset", "teacher_version", "chosen", "shared.", "tracking_uri"}
    assert own >= {f"ganlimit.{name}" for name in stored}, "data directories of before have them"


@pytest.mark.parametrize("state", [*TrialState, *SweepState], ids=repr)
def test_mlflow_shows_a_run_by_how_it_ended(state: TrialState | SweepState) -> None:
    finished, killed = {"COMPLETED", "PRUNED"}, {"INTERRUPTED"}
    expected = "FINISHED" if state in finished else "KILLED" if state in killed else "FAILED"
    assert run_status(state) == expected


def test_the_schema_of_a_sweep_names_the_phases_as_words() -> None:
    phases = json_schema()["properties"]["phases"]
    assert phases["items"] == {"enum": ["search", "confirm", "baseline"], "type": "string"}
    assert phases["default"] == [str(phase) for phase in Phase]
