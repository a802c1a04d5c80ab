"""Prints the lower bound of every dependency as a pinned requirement, for pip: python tests/lower_bounds.py.

It needs the standard library alone, as it runs before anything is installed. Tools (the extra `dev`) are not pinned.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUNDED = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<bound>\d[\w.]*)(,<[\w.]+)?")


def lower_bounds() -> Iterator[str]:
    """Yields NAME==VERSION for what ganlimit and its extras `team`, `deploy` and `litert` need."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["team"], *extras["deploy"], *extras["litert"]]:
        match = BOUNDED.fullmatch(text)
        if match is None:
            sys.exit(f"A dependency has a lower bound, and at most one upper bound: NAME>=1.2,<3, got {text}.")
        yield f"{match['name']}=={match['bound']}"


if __name__ == "__main__":
    print("\n".join(lower_bounds()))
