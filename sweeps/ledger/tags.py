"""This module names the tags by which runs are known in MLflow."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

from analysis import TrialState
from sweeps.errors import SweepError

TAG = "ganlimit."
EXPERIMENT = TAG + "experiment"  # the name that an experiment was made under, which a person may change
KIND, SWEEP, SPEC = TAG + "kind", TAG + "sweep", TAG + "spec"
TRIAL_KEY, STATE, ERROR = TAG + "trial_key", TAG + "state", TAG + "error"
IDENTITY = TAG + "identity"
POINT = TAG + "point"
ABSENT = TAG + "absent"  # why scores of a trial cannot be had, as JSON
TRIAL, PHASE = TAG + "trial", TAG + "phase"
MEASUREMENT = TAG + "measurement"  # the digest of the machine that timed the student, and of its threads and versions
TEACHER_DIGEST, PROTOCOL = TAG + "teacher_digest", TAG + "protocol"
WORKER = TAG + "worker"  # host:pid
NODE = TAG + "node"  # the address of the worker's node in its cluster
VERSION = TAG + "version."  # a package's version when the sweep began
GROUP = TAG + "group"  # shared by the sweeps that one file began
REUSED = TAG + "reused"  # the run of another sweep that a row is of
DRIVER = TAG + "driver"  # who drives the sweep, or makes the model, now
REOPENED = TAG + "reopened"  # when a run was begun again after it had settled
MODE = TAG + "mode"  # what a student learns from
DATASET, TEACHER_VERSION = TAG + "dataset", TAG + "teacher_version"
CHOSEN = TAG + "chosen"  # the teacher that a selection has made the champion
COMMON = TAG + "common"  # the columns that all rows of a sweep have alike, at its parent run, as JSON
_COMMON_EACH = TAG + "shared."  # before the name of such a column, where an earlier version began the sweep
# A job on a cluster has them as its metadata. The first holds a digest of the submission under the text of SPEC, whose
# tags are another place: jobs of before are found by it.
JOB_DIGEST, JOB_TRACKING_URI, JOB_DATASETS = TAG + "spec", TAG + "tracking_uri", TAG + "datasets"
# Of a registered version, before an experiment's id: MLflow's model that runs there have as input or output.
LOGGED_MODEL = TAG + "logged_model"
CRITIC_ACCURACY = "critic_accuracy"  # of a version whose critic was judged; and the metric's name
PARENT, RUN_NAME = "mlflow.parentRunId", "mlflow.runName"
# What MLflow's page shows: a description, who made a run with what, and of which kind an experiment is.
NOTE, USER = "mlflow.note.content", "mlflow.user"
NOTE_DIGEST = "mlflow.note.ganlimit"  # of the description that was written here last; a person may have written another
SOURCE, SOURCE_TYPE, COMMIT = "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit"
ORIGIN = (SOURCE, SOURCE_TYPE, COMMIT, USER)
HAS_IMAGES, VERSIONS_OF_MODEL = "mlflow.loggedImages", "mlflow.modelVersions"
SAVED_VIEW = "mlflow.sharedViewState."  # before the key of a view of an experiment
EXPERIMENT_KIND, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"

# A trial in one of these states would end the same way again; any other is run again. Whether memory suffices
# depends on how many run at once.
SETTLED = frozenset({TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED})

ANOTHER_NAME = "Restore it there, or begin anew under another name: --name."
WRITTEN_ANEW = "Give the command that began the sweep, which writes it anew."

TAG_LENGTH = 5000  # MLflow cuts a longer value


def spec_tags(text: str) -> dict[str, str]:
    """Returns a sweep's specification, as JSON, as tags of its parent run: in pieces, each as long as a tag can be."""
    return _in_pieces(SPEC, text)


def spec_in(tags: Mapping[str, str]) -> dict[str, Any]:
    """Returns the specification that `spec_tags` cut into pieces, as plain data. Raises SweepError for another text."""
    return _data_in(SPEC, tags, remedy=ANOTHER_NAME)


def common_tags(columns: Mapping[str, object]) -> dict[str, str]:
    """Returns what every row of a sweep's table repeats, as one tag of its parent run, or as few as it takes.

    A value that is None is left out.

    >>> common_tags({"teacher_fid": 5.0, "real_fid": None})
    {'ganlimit.common': '{"teacher_fid": "5.0"}'}
    """
    known = {name: str(value) for name, value in columns.items() if value is not None}
    return _in_pieces(COMMON, json.dumps(known, sort_keys=True))


def common_columns(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns what `common_tags` made of columns, whichever version began the sweep.

    Raises SweepError where a person has changed the tag to what is no such text.

    >>> common_columns({"ganlimit.shared.teacher_fid": "5.0", "ganlimit.sweep": "digits"})
    {'teacher_fid': '5.0'}
    """
    each = {name.removeprefix(_COMMON_EACH): value for name, value in tags.items() if name.startswith(_COMMON_EACH)}
    if COMMON not in tags:
        return each
    columns = _data_in(COMMON, tags, remedy=WRITTEN_ANEW)
    if not all(isinstance(value, str) for value in columns.values()):
        raise changed_tag(COMMON, tags, remedy=WRITTEN_ANEW)
    return {**each, **columns}


def _in_pieces(name: str, text: str) -> dict[str, str]:
    pieces = [text[start : start + TAG_LENGTH] for start in range(0, len(text), TAG_LENGTH)]
    return {name + (f".{number}" if number else ""): piece for number, piece in enumerate(pieces)}


def _data_in(name: str, tags: Mapping[str, str], *, remedy: str) -> dict[str, Any]:
    try:
        # Pieces of a longer one of before may follow.
        data, _ = json.JSONDecoder().raw_decode(_text_in(name, tags))
    except ValueError as error:
        raise changed_tag(name, tags, remedy=remedy) from error
    if not isinstance(data, dict):
        raise changed_tag(name, tags, remedy=remedy)
    return data


def changed_tag(name: str, tags: Mapping[str, str], *, remedy: str) -> SweepError:
    """Returns the error of a tag that a person has changed or deleted."""
    text = _text_in(name, tags)
    got = f"{text[:40]!r}{'...' * (len(text) > 40)}" if text else "nothing"
    return SweepError(f"A sweep's run in MLflow has the tag {name} as it was written", got, remedy)


def _text_in(name: str, tags: Mapping[str, str]) -> str:
    rest = itertools.takewhile(tags.__contains__, (f"{name}.{number}" for number in itertools.count(1)))
    return "".join(tags.get(each, "") for each in (name, *rest))
