"""One word for one thing: states, phases, tags and columns are written in one place each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from analysis import Phase, TrialState, schema
from gan import GeneratorConfig
from gan.networks import blocks
from sweeps.ledger import tags
from sweeps.ledger.states import RunStatus, SweepState, run_status
from sweeps.spec.template import json_schema
from tests.sweeps.untrained_search import request_of

ROOT = Path(__file__).parents[2]
SWEEPS = ROOT / "sweeps"
NAMES = {"schema.json", "cache", "cache_sha256"}  # of files, and of keys in a file's own metadata
STATES = re.compile(rf"\b({'|'.join(sorted({*TrialState, *SweepState, *RunStatus}))})\b")
TAGS = re.compile(r"\bganlimit\.([a-z_]\w*(?:\.json)?)")
MODULES = sorted(SWEEPS.rglob("*.py"))
ANALYSIS = sorted((ROOT / "analysis").rglob("*.py"))
# Tests state what is stored in words; what they share looks for it by the names of the program.
SHARED = sorted(path for path in (ROOT / "tests").rglob("*.py") if not path.name.startswith("test_"))


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Gives the texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in told and isinstance(node.value, str | bytes):
            yield node.lineno, node.value if isinstance(node.value, str) else node.value.decode(errors="replace")


def words_of(path: Path) -> Iterator[str]:
    """Gives the states and tags that stand in a module's texts, be it in the midst of one or of an f-string."""
    if path in {SWEEPS / "ledger" / "tags.py", SWEEPS / "ledger" / "states.py"}:
        return
    for line, text in literals(path):
        own = [tag for tag in TAGS.findall(text) if tag not in NAMES]
        if own or STATES.search(text):
            yield f"{path.name}:{line}: {text!r}"


def tags_of(path: Path) -> Iterator[str]:
    for line, text in literals(path):
        if any(tag not in NAMES for tag in TAGS.findall(text)):
            yield f"{path.name}:{line}: {text!r}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_states_and_tags_are_written_in_one_place(path: Path) -> None:
    assert not [*words_of(path)]


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_tests_share_knows_tags_by_name(path: Path) -> None:
    assert not [*tags_of(path)]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ('"""COMPLETED"""', False),
        ('if state == "COMPLETED": ...', True),
        ("where = f\"status != 'FINISHED' and tags.`{STATE}` = 'x'\"", True),
        ('tag = "ganlimit.sweep"', True),
        ("where = f\"tags.`ganlimit.sweep` = '{name}'\"", True),
        ('key = b"ganlimit.cache"', False),
        ("where = f\"status != '{RunStatus.FINISHED}'\"", False),
        ('say("it has FINISHEDLY ended")', False),
    ],
)
def test_a_word_in_another_place_is_found(text: str, is_found: bool, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(text)
    assert bool([*words_of(path)]) == is_found


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
    assert phases["items"] == {"enum": ["search", "confirm", "baseline", "measure"], "type": "string"}
    assert phases["default"] == [str(phase) for phase in Phase]


def test_a_phase_is_given_as_a_member_or_as_its_word(search_spec: Any) -> None:
    point = {"width": 2, "depth": 1, "gan_weight": 0.1}
    member, word = (request_of(point, phase=phase) for phase in (Phase.SEARCH, "search"))
    assert member == word
    assert word.phase is Phase.SEARCH
    spec = search_spec()
    assert spec.model_validate({**spec.model_dump(), "phases": ("search",)}).phases == (Phase.SEARCH,)
    with pytest.raises(ValidationError, match="phase"):
        request_of(point, phase="serch")


def test_a_block_that_nothing_says_is_one_word_everywhere() -> None:
    configured = GeneratorConfig(image_size=16, image_channels=1, width=1).block
    assert configured == blocks.DEFAULT_BLOCK == schema.DEFAULT_BLOCK == "dcgan", "digests and tables of before have it"


@pytest.mark.parametrize("path", [*MODULES, *ANALYSIS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_default_block_is_written_once_in_a_package(path: Path) -> None:
    assert path == Path(schema.__file__) or "dcgan" not in {text for _, text in literals(path)}
