"""The walls between the packages: who imports whom, and what that drags in."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

HEAVY = ("torch", "ray", "mlflow", "optuna", "matplotlib")


def test_the_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([lint, "--no-logo", "--no-cache"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("gan", {"torch", "matplotlib"}),  # torch-fidelity may bring matplotlib
        ("analysis", {"matplotlib"}),
        ("cluster", {"ray"}),
        ("sweeps", set()),
    ],
)
def test_a_package_loads_only_its_own_libraries(package: str, allowed: set[str]) -> None:
    code = f"import sys, {package}; print(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) <= allowed


def rooms_of(package: str) -> list[Path]:
    return sorted(path.parent for path in Path(package).glob("*/__init__.py"))


@pytest.mark.parametrize("package", ["gan", "cluster", "analysis", "sweeps"])
def test_every_room_says_what_it_is_for_and_is_on_the_map(package: str) -> None:
    text = Path("CONTRIBUTING.md").read_text()
    start = text.index(f"| room of `{package}` |")
    on_the_map = set(re.findall(r"^\| `(\w+)` \|", text[start : text.index("\n\n", start)], re.MULTILINE))
    rooms = rooms_of(package)
    assert {room.name for room in rooms} <= on_the_map
    assert all(Path(package, name).is_dir() for name in on_the_map)
    for room in rooms:
        assert ast.get_docstring(ast.parse((room / "__init__.py").read_text())), room


def test_sweeps_can_be_drawn() -> None:
    """Between rooms and ground files there is no circle; there are at most 8 levels and 65 arrows."""
    graph = grimp.build_graph("sweeps")
    rooms = graph.find_children("sweeps")
    for room in rooms:
        graph.squash_module(room)
    below = {room: (graph.find_modules_directly_imported_by(room) & rooms) - {room} for room in rooms}
    level: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        level[room] = 1 + max((level[other] for other in below[room]), default=0)
    assert max(level.values()) <= 8, level
    assert sum(map(len, below.values())) <= 65
