"""The page of faults names tests that there are, each of them collected by `make test`."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_fault_has_its_test() -> None:
    named = NAMED.findall((ROOT / "docs" / "faults.md").read_text())
    assert len(named) >= 31
    known = {path: _tests_of(ROOT / path) for path, _ in named}
    missing = [f"{path}::{name}" for path, name in named if name not in known[path]]
    assert not missing


def _tests_of(path: Path) -> set[str]:
    """The test functions of a file, those of its classes among them."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
