"""This module runs a script of this room in a process of its own, so that nothing else of ours is in that process."""

import os
import subprocess
import sys
from pathlib import Path

from gan.errors import GanError

ROOM = Path(__file__).parent


def answer_of(script: str, *arguments: object, rule: str) -> str:
    """Returns the last line that a script printed. Raises GanError with this rule where it failed.

    It finds the packages that this process finds.
    """
    found = [*filter(None, [os.environ.get("PYTHONPATH")]), *(place or str(Path.cwd()) for place in sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(found)}
    # -P: a module's name is no file beside the script.
    command = [sys.executable, "-P", str(ROOM / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        remedy = "See to what it said; a process that was killed wants more memory, or a smaller generator."
        raise GanError(rule, f"{' '.join(map(str, arguments))} ({said})", remedy)
    return done.stdout.splitlines()[-1]
