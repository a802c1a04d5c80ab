"""Arguments are named where a call could not be read without: all beyond the second, and every yes or no.

So are the fields of values, but for configurations, which pydantic takes by name alone.
"""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gan", "cluster", "analysis", "sweeps")
MOST = 2  # arguments by position
# Libraries call these by position or by name, as they like: PyTorch autograd functions and hooks, pickle what it
# restores, Optuna its sampler, Ray Tune its callbacks.
GIVEN = {
    *("forward", "note", "_from_arrays"),
    *("sample_relative", "sample_independent", "after_trial"),
    *("on_trial_start", "on_trial_result", "on_trial_complete", "on_trial_error"),
    "make_context",
}
DRAWINGS = {"faces.py", "shapes.py", "synthetic.py"}  # coordinates and colours are read in their order

Function = ast.FunctionDef | ast.AsyncFunctionDef


def faults_of(function: Function) -> Iterator[str]:
    """Gives what a call of the function could pass by position and should not."""
    positional = [*function.args.posonlyargs, *function.args.args]
    own = [argument for argument in positional if argument.arg not in ("self", "cls")]
    names = [argument.arg for argument in own]
    # An error is raised as rule, value and remedy, in this order everywhere.
    if len(own) > MOST and names != ["rule", "value", "remedy"]:
        yield f"{', '.join(names[MOST:])} by position"
    for argument in own:
        if argument.annotation and ast.unparse(argument.annotation) in ("bool", "bool | None"):
            yield f"the boolean {argument.arg} by position"


def positional_fields(record: ast.ClassDef) -> list[ast.AnnAssign]:
    """Returns the fields of a dataclass or a named tuple that a call could give by position; none of another class."""
    dataclass = next((ast.unparse(one) for one in record.decorator_list if "dataclass" in ast.unparse(one)), None)
    is_tuple = any("NamedTuple" in ast.unparse(base) for base in record.bases)
    if (dataclass is None and not is_tuple) or "kw_only=True" in (dataclass or ""):
        return []
    fields = [statement for statement in record.body if isinstance(statement, ast.AnnAssign)]
    before = itertools.takewhile(lambda field: ast.unparse(field.annotation) != "KW_ONLY", fields)
    return [
        field
        for field in before
        if not ast.unparse(field.annotation).startswith("ClassVar")
        and "init=False" not in (ast.unparse(field.value) if field.value else "")
    ]


def record_faults(record: ast.ClassDef) -> Iterator[str]:
    """Gives what a value could be built from by position and should not."""
    fields = positional_fields(record)
    if len(fields) > MOST:
        yield f"{', '.join(ast.unparse(field.target) for field in fields[MOST:])} by position"
    for field in fields:
        if ast.unparse(field.annotation) in ("bool", "bool | None"):
            yield f"the boolean {ast.unparse(field.target)} by position"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_value_is_built_by_name(package: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{record.lineno}: {record.name} takes {fault}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for record in ast.walk(ast.parse(path.read_text()))
        if isinstance(record, ast.ClassDef)
        for fault in record_faults(record)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("record", "is_good"),
    [
        ("@dataclass(frozen=True)\nclass A:\n a: int\n b: int", True),
        ("@dataclass(frozen=True)\nclass A:\n a: int\n b: int\n c: int = 0", False),
        ("@dataclass(kw_only=True)\nclass A:\n a: int\n b: int\n c: int = 0", True),
        ("@dataclass\nclass A:\n a: int\n b: int\n _: KW_ONLY\n c: bool = False", True),
        ("@dataclass\nclass A:\n a: int\n b: int\n c: int = field(init=False)\n d: ClassVar[int] = 1", True),
        ("@dataclass\nclass A:\n whole: bool", False),
        ("class A(NamedTuple):\n a: int\n b: int\n c: int", False),
        ("class A(Config):\n a: int\n b: int\n c: int", True),
    ],
)
def test_a_value_is_judged(record: str, is_good: bool) -> None:
    (parsed,) = ast.parse(record).body
    assert isinstance(parsed, ast.ClassDef)
    assert (not [*record_faults(parsed)]) == is_good


@pytest.mark.parametrize("package", PACKAGES)
def test_what_cannot_be_read_by_position_is_named(package: str) -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{function.lineno}: {function.name} takes {fault}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in DRAWINGS
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, Function) and function.name not in GIVEN
        for fault in faults_of(function)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("signature", "is_good"),
    [
        ("(a, b, *, c, whole: bool = False)", True),
        ("(self, a, b)", True),
        ("(self, rule, value, remedy)", True),
        ("(a, b, c)", False),
        ("(self, a, b, c=1)", False),
        ("(a, whole: bool)", False),
    ],
)
def test_a_signature_is_judged(signature: str, is_good: bool) -> None:
    (function,) = ast.parse(f"def call{signature}: ...").body
    assert isinstance(function, Function)
    assert (not [*faults_of(function)]) == is_good
