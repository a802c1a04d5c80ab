"""This module searches a tracking store for runs, page by page."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode
from mlflow.utils.search_utils import SearchUtils

PAGE = 1000
IDS_AT_ONCE = 500
NEWEST_FIRST, OLDEST_FIRST = "attributes.start_time DESC", "attributes.start_time ASC"


def has_tags(tags: Mapping[str, str]) -> str | None:
    """Returns the filter for runs with these tags; None where there can be no such run."""
    if any("'" in value for value in tags.values()):
        return None  # a filter cannot hold a quote, and no name or digest of ours has one
    return " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())


def search(
    client: MlflowClient,
    experiments: Sequence[str],
    *,
    where: str | None,
    order: str = NEWEST_FIRST,
    deleted: bool = False,
) -> Iterator[Run]:
    """Yields the runs of which `where` is true (none where it is None), with at most a page of them in memory."""
    token: Any = None
    while where is not None and experiments:
        with _without_collecting():
            page = client.search_runs(
                list(experiments),
                where,
                ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY,
                max_results=PAGE,
                order_by=[order],
                page_token=token,
            )
        yield from page
        token = page.token
        if not token:
            return


def are_as_many(client: MlflowClient, experiments: Sequence[str], *, where: str, count: int) -> bool:
    """Returns whether `where` is true of exactly `count` runs, without fetching more than two of them.

    It looks for the last of them and for one more. It also returns False where the store does not take the place in a
    search that this version of MLflow gives it.
    """
    token = _after(count - 1) if count > 1 else None
    try:
        page = client.search_runs(list(experiments), where, max_results=1, page_token=token)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE):
            return False
        raise
    return len(page) == min(count, 1) and not page.token


def by_id(run_ids: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yields the filters that together find the runs with these ids, each with the number of ids in it."""
    known = sorted(run_ids)
    for first in range(0, len(known), IDS_AT_ONCE):
        part = known[first : first + IDS_AT_ONCE]
        ids = ", ".join(f"'{run_id}'" for run_id in part)
        yield f"attributes.run_id IN ({ids})", len(part)


def _after(count: int) -> str:
    token: bytes = SearchUtils.create_page_token(count)
    return token.decode()


@contextmanager
def _without_collecting() -> Iterator[None]:
    # A page is a hundred thousand small objects, all alive: looking through them again and again for garbage
    # takes more than half of the time of a search.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
