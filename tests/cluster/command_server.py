"""`ganlimit` on a host that calls it often: each command is a process of its own, forked from this one, which has
imported what they need. Reads a command a line, a JSON list of the file that takes what it says and its words; answers
with its exit code.
"""

import importlib
import json
import os
import sys

from sweeps.cli import main

NEEDED = ("sweeps.results.report", "sweeps.results.status", "sweeps.site.submission")
EXIT = "exit "


def run(words: list[str], said: str) -> None:
    """Become the command."""
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, place in enumerate((nothing, file, file)):
        os.dup2(place, stream)
    sys.argv = ["ganlimit", *words]
    main()


if __name__ == "__main__":
    for name in NEEDED:
        importlib.import_module(name)
    for line in sys.stdin:
        said, *words = json.loads(line)
        if not (child := os.fork()):
            run(words, said)
        print(f"{EXIT}{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}", flush=True)
