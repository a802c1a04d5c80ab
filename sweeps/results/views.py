"""This module saves views of MLflow's list of runs: columns, order and charts that a link, or the page's menu, opens.

A view is a tag of the experiment, as MLflow 3.17's own "Save as new view" writes it.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mlflow.entities import Run

from analysis import QUALITIES, Findings
from sweeps.ledger.links import compare_link, view_link
from sweeps.ledger.tags import KIND, SAVED_VIEW, SWEEP
from sweeps.ledger.tracking import Tracking
from sweeps.results.names import ALL_TRIALS, BEST_FID, BYTES, PARAMETERS, RATIO, SPENT
from sweeps.spec.browsing import LAST_IMAGES, LAST_STEP, RUNG_IMAGES
from sweeps.spec.search import DEPLOYED_MS
from sweeps.spec.sought import sought_of
from sweeps.spec.sweep import SweepSpec

SWEEPS_VIEW = "ganlimit-sweeps"
_OF_A_SWEEP = (RATIO, PARAMETERS, BYTES, BEST_FID, "teacher/fid", ALL_TRIALS, SPENT)
_OF_A_STUDENT = ("fid", "parameters", "compression_ratio", "inception_score", "kimg")
_NEWEST = "attributes.start_time"
_SECTION = "ganlimit"
_RUN_ID = re.compile("[0-9a-f]{32}")


def save_views(tracking: Tracking, parent: Run, *, spec: SweepSpec, findings: Findings) -> None:
    """Save the views of a sweep's experiment: all sweeps, this one's students, and its frontier."""
    known: Mapping[str, str] = tracking.client.get_experiment(parent.info.experiment_id).tags
    has_steps = spec.mlflow.samples_at(files_are_free=tracking.store.takes_files_freely) == "rungs"
    for key, (name, state) in _views(spec, findings, has_steps=has_steps).items():
        before, since_ms = known.get(SAVED_VIEW + key), parent.info.start_time
        text = json.dumps({"name": name, "createdAt": since_ms, "updatedAt": since_ms, "state": _packed(state)})
        if before is None or _state_of(before) != state:
            tracking.client.set_experiment_tag(parent.info.experiment_id, SAVED_VIEW + key, text)


def students_view(name: str) -> str:
    """Returns the key of the view of a sweep's students."""
    return f"{name}-students"


def frontier_view(name: str) -> str:
    """Returns the key of the view of a sweep's frontier."""
    return f"{name}-frontier"


def view_links(tracking: Tracking, parent: Run) -> dict[str, str]:
    """Returns the addresses of the views that were saved of a sweep, by what they show."""
    name, experiment = parent.data.tags[SWEEP], parent.info.experiment_id
    known = tracking.client.get_experiment(experiment).tags
    keys = {"frontier": frontier_view(name), "students": students_view(name)}
    found = {word: view_link(experiment, key) for word, key in keys.items() if SAVED_VIEW + key in known}
    chosen = _RUN_ID.findall(_filter_of(known.get(SAVED_VIEW + frontier_view(name), "")))
    return found | ({"frontier, side by side": compare_link(experiment, chosen)} if len(chosen) > 1 else {})


def _views(spec: SweepSpec, findings: Findings, *, has_steps: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    found = {SWEEPS_VIEW: ("Sweeps", _list(f"tags.`{KIND}` = 'sweep'", metrics=_OF_A_SWEEP, order=_NEWEST))}
    searched = [name for name in spec.domains() if name != "seed"]
    cost = _metric_of(spec)
    metrics = [*dict.fromkeys(("fid", cost, *_OF_A_STUDENT))]
    columns = partial(_list, metrics=metrics, params=searched, order=f"metrics.`{cost}`")
    charts = _charts(spec, searched, has_steps=has_steps)
    students = f"tags.`{SWEEP}` = '{spec.name}' AND tags.`{KIND}` = 'trial'"
    found[students_view(spec.name)] = (
        f"{spec.name}: students",
        columns(students) | charts,
    )
    ids = ", ".join(f"'{run_id}'" for run_id in reversed(sought_of(findings, spec).frontier["run_id"].to_pylist()))
    if ids:
        frontier = columns(f"attributes.run_id IN ({ids})")
        found[frontier_view(spec.name)] = (f"{spec.name}: frontier", frontier | charts)
    return found


def _metric_of(spec: SweepSpec) -> str:
    """Returns the metric of a trial's run that has the cost which leads the search."""
    return DEPLOYED_MS if spec.search.is_timed else spec.limit_cost


def _list(where: str, *, metrics: Sequence[str], params: Sequence[str] = (), order: str) -> dict[str, Any]:
    """Returns the runs for which `where` is true, in `order`, with their data set and these columns.

    In the order of their beginnings the page would show trials folded below their sweep.
    """
    columns = ["attributes.`Dataset`", *(f"params.`{name}`" for name in params)]
    return {
        "searchFilter": where,
        "orderByKey": order,
        "orderByAsc": order != _NEWEST,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*columns, *(f"metrics.`{name}`" for name in metrics)],
        "runsHiddenMode": "SHOWALL",
    }


def _charts(spec: SweepSpec, searched: Sequence[str], *, has_steps: bool) -> dict[str, Any]:
    """Returns size against quality, the searched values beside both, the course of quality, and what students make."""
    cost, quality = _metric_of(spec), spec.search.objectives[1]
    axes = {"xaxis": {"key": cost, "type": "METRIC"}, "yaxis": {"key": quality, "type": "METRIC"}}
    scale = "log" if QUALITIES[quality].log else "linear"
    own_axes = {"useGlobalXaxisKey": False, "useGlobalLineSmoothing": False, "lineSmoothness": 0}
    line = {"metricKey": quality, "xAxisKey": "step", "yAxisKey": "metric", "scaleType": scale, **own_axes}
    charts: list[tuple[str, str, dict[str, Any]]] = [
        ("scatter", "SCATTER", axes),
        ("parallel", "PARALLEL", {"selectedParams": list(searched), "selectedMetrics": [cost, quality]}),
        ("line", "LINE", line),
        ("image", "IMAGE", {"imageKeys": [LAST_IMAGES], "step": LAST_STEP, "showRunParams": False}),
    ]
    if has_steps:
        at_end = round(spec.recipe({}).kimg)
        charts.append(("steps", "IMAGE", {"imageKeys": [RUNG_IMAGES], "step": at_end, "showRunParams": False}))
    own = {"metricSectionId": _SECTION, "deleted": False, "isGenerated": False, "runsCountToCompare": 100}
    section = {"uuid": _SECTION, "name": "Size and quality", "display": True, "isReordered": False}
    return {
        "compareRunCharts": [{"uuid": name, "type": kind, **own, **what} for name, kind, what in charts],
        "compareRunSections": [{**section, "deleted": False, "isGenerated": False}],
    }


def _packed(state: Mapping[str, Any]) -> str:
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def _filter_of(text: str) -> str:
    return str((_state_of(text) or {}).get("searchFilter", ""))


def _state_of(text: str) -> Any:
    """Returns the state of a view that was saved; None where it is not one of ours."""
    try:
        packed = json.loads(text)["state"].removeprefix("deflate;")
        return json.loads(zlib.decompress(base64.b64decode(packed)))
    except (ValueError, KeyError, zlib.error):
        return None
