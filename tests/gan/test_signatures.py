"""A call of gan's functions reads by itself: beyond the second argument each has its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import gan

PACKAGE = Path(gan.__file__).parent
# Others give the order: PyTorch to autograd functions and hooks, pickle to what it calls; and an error reads as rule,
# value, remedy.
GIVEN = {"forward", "note", "_from_arrays", "GanError.__init__"}
DRAWINGS = {"faces.py", "shapes.py", "synthetic.py"}  # coordinates and colours are read in their order


def functions(node: ast.AST, owner: str = "") -> Iterator[tuple[str, list[str]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            names = [argument.arg for argument in (*child.args.posonlyargs, *child.args.args)]
            yield f"{owner}{child.name}", [name for name in names if name not in ("self", "cls")]
            yield from functions(child)
        else:
            yield from functions(child, f"{child.name}." if isinstance(child, ast.ClassDef) else owner)


def test_beyond_the_second_argument_all_are_given_by_name() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.name not in DRAWINGS]
    found = [
        f"{path.relative_to(PACKAGE)}: {name}{tuple(arguments)}"
        for path in files
        for name, arguments in functions(ast.parse(path.read_text()))
        if len(arguments) > 2 and not {name, name.rpartition(".")[2]} & GIVEN
    ]
    assert len(files) > 30
    assert not found
