"""This module says what the exit codes of `ganlimit` mean to scripts and schedulers.

docs/command-line.md says what to do on each.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """An ExitCode says how a command ended. Scripts rely on the numbers: they are only ever added."""

    SUCCESS = 0
    FAILURE = 1  # something is wrong with what was looked at, or a submitted sweep ended without a code of its own
    MISTAKE = 2  # a person must mend it: in a command, a spec or a file, or a full disk
    UNDELIVERED = 3  # the sweep ran to its end while the tracking store was away
    CLUSTER_LOST = 4  # the cluster went away while it ran the sweep
    NOTHING_FINISHED = 5  # no trial of the sweep reached the end of its budget
    NOTHING_FEASIBLE = 6  # no student of the space keeps the constraints
    INTERRUPTED = 130  # Ctrl-C, or `ganlimit sweep stop`
    TERMINATED = 143  # SIGTERM, from a scheduler
