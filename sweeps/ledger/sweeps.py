"""This module finds by name the sweeps that a tracking store knows."""

import json
from collections.abc import Mapping

from mlflow.entities import Run
from pydantic import ValidationError

from sweeps.errors import SweepError
from sweeps.ledger.tags import ANOTHER_NAME, SPEC, SWEEP, changed_tag, spec_in
from sweeps.ledger.tracking import Tracking
from sweeps.spec.earlier import as_it_was_meant
from sweeps.spec.places import with_absolute_paths
from sweeps.spec.sweep import SweepSpec


def find_sweep(tracking: Tracking, name: str) -> Run:
    """Returns the parent run of a sweep. Raises SweepError when there is none of that name."""
    parent = tracking.find_sweep(name)
    if parent is None:
        tracking.require_one_run(name)
        known = ", ".join(sorted(run.data.tags[SWEEP] for run in tracking.sweeps())) or "none yet"
        if tracking.store.uri.startswith("http"):
            place, remedy = f"the tracking server {tracking.store.ui_address}", "Check the name and --tracking-uri"
        else:
            place, remedy = "this data directory", "Check --data-dir; a submitted sweep is at its --tracking-uri"
        raise SweepError(
            f"NAME is a sweep of {place}",
            f"{name!r} (known: {known})",
            f"{remedy}; or run the sweep again: one that was stopped while its models were made goes on so.",
        )
    return parent


def is_known(tracking: Tracking, name: str) -> bool:
    """Returns whether there is a sweep called `name`, or a file of that name began some."""
    return bool(tracking.sweeps(group=name)) or tracking.find_sweep(name) is not None


def find_sweeps(tracking: Tracking, name: str) -> list[str]:
    """Returns the sweep called `name`, or those that the file of that name began. Raises SweepError for none."""
    members = [run.data.tags[SWEEP] for run in tracking.sweeps(group=name)]
    return sorted(members) or [find_sweep(tracking, name).data.tags[SWEEP]]


def spec_of_sweep(tracking: Tracking, name: str) -> SweepSpec:
    """Returns the specification that a sweep began with. Raises SweepError when there is no such sweep."""
    return stored_spec(find_sweep(tracking, name).data.tags)


def stored_spec(tags: Mapping[str, str]) -> SweepSpec:
    """Returns the specification that `spec_tags` stored, as its version meant it.

    A relative path in an old one is of the working folder.

    Raises SweepError where a person has changed it to what is none.
    """
    data = as_it_was_meant(with_absolute_paths(spec_in(tags)))
    try:
        return SweepSpec.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise changed_tag(SPEC, tags, remedy=ANOTHER_NAME) from error
