"""This module says who makes a run, and from which source, in the tags that MLflow's page has columns for."""

import getpass
import subprocess
from functools import lru_cache
from pathlib import Path

from sweeps.ledger.tags import COMMIT, SOURCE, SOURCE_TYPE, USER

_PACKAGE = Path(__file__).parents[1]


def origin_tags(command: str) -> dict[str, str]:
    """Returns the tags of a run that `command` makes; with the commit where this package lies in its repository."""
    commit = _commit()
    return {SOURCE: command, SOURCE_TYPE: "LOCAL", USER: _user(), **({COMMIT: commit} if commit else {})}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # one without a name, as in a container
        return "unknown"


@lru_cache(maxsize=1)
def _commit() -> str | None:
    # A package that was installed may lie in the repository of something else, which does not know it.
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git("rev-parse", "HEAD")


def _git(*words: str) -> str | None:
    try:
        found = subprocess.run(["git", *words], cwd=_PACKAGE, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
