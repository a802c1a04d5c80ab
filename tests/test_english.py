"""The first sentence of a docstring is one: it has a verb, says the fact, and is understood at first reading."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gan", "cluster", "analysis", "sweeps")

# A sentence that opens so has its subject late or never: "Of a curve, its corner", "None where nothing is pruned".
FRAGMENTS = re.compile(
    r"(of|none|with|without|by|as|at|in|on|under|after|before|between|from|for|through|beside|also|"
    r"what|which|where|when|why|whether|how|that|those|same)\b",
    re.IGNORECASE,
)
# A function does something, so its docstring opens with what it does: "Returns the corner", not "The corner".
NAMES_OF_THINGS = re.compile(
    r"`|(the|an?|one|two|three|all|each|every|both|some|many|any|its?|their|this|these)\b", re.IGNORECASE
)
# A module's name is no part of its docstring, so the subject is written: "Distilling a student: ..." says no fact.
OPENS_A_MODULE = re.compile(r"This (module|room|package|script) [a-z]+\b")
PHRASES = re.compile(
    r"\bis gone on with\b|\bare gone on with\b|\bof these the\b|\bof those the\b|\bof several the\b", re.I
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def documented(package: str) -> Iterator[tuple[str, Documented, str]]:
    """Gives every docstring of a package: where it stands, what it is of, and its text."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node, text


def first_sentence(text: str) -> str:
    """Returns a docstring's text up to the first full stop that ends a sentence, on one line."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\d])", paragraph)[0]


def faults_of(text: str, kind: type[Documented]) -> list[str]:
    """Returns what is wrong with the first sentence of a docstring of that kind; nothing where it is one."""
    sentence = first_sentence(text)
    opening = sentence.split(maxsplit=1)[0]
    faults = []
    if FRAGMENTS.match(sentence):
        faults.append(f"opens with {opening!r}, so subject and verb come late or never")
    elif issubclass(kind, ast.Module) and not OPENS_A_MODULE.match(sentence):
        faults.append(f"opens with {opening!r}; say what the module does, such as 'This module reads ...'")
    elif issubclass(kind, Function) and NAMES_OF_THINGS.match(sentence):
        faults.append(f"opens with {opening!r}; say what the function does, such as 'Returns ...'")
    if not sentence.endswith((".", "?", "!", ":")):
        faults.append("does not end")
    if found := PHRASES.search(text):
        faults.append(f"has {found.group()!r}, which must be read twice")
    return faults


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_open_with_a_sentence(package: str) -> None:
    faults = [
        f"{place}: {fault}: {first_sentence(text)}"
        for place, node, text in documented(package)
        for fault in faults_of(text, type(node))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("text", "kind", "is_good"),
    [
        ("Returns the smallest size at which the curve holds; None where none is.", ast.FunctionDef, True),
        ("Writes a table, whole or not at all.\n\nOf several it takes the first.", ast.FunctionDef, True),
        ("A column is a numeric one of the table.", ast.ClassDef, True),
        ("This module distils a student: it learns the teacher's images.", ast.Module, True),
        ("The one training step of teacher and student.", ast.Module, False),
        ("Distilling a student: it learns the teacher's images.", ast.Module, False),
        ("Sweeps: the one place that composes the others.", ast.Module, False),
        ("Of a curve that is everywhere at most it, its smallest size.", ast.FunctionDef, False),
        ("None where nothing is pruned.", ast.FunctionDef, False),
        ("What is asked of all of them.", ast.Module, False),
        ("The smallest size.", ast.FunctionDef, False),
        ("`attainment` of rows as arrays.", ast.FunctionDef, False),
        ("Returns the trial that is gone on with.", ast.FunctionDef, False),
        ("Returns the smallest size", ast.FunctionDef, False),
    ],
)
def test_a_fragment_is_told_from_a_sentence(text: str, kind: type[Documented], is_good: bool) -> None:
    assert (not faults_of(text, kind)) == is_good
