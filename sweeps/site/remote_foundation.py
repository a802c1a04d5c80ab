"""This module lays a sweep's foundation on a node of the cluster where a trial could run, not beside the driver.

The driver may sit on a head without cores or a GPU. The node trains or finds the models, tells the driver how far it
is, and gives the materials back through Ray's object store, where the driver owns them.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup

from cluster import TrialNeed
from gan import DataRoot
from sweeps.display import Display, Refresh, Update, View
from sweeps.ledger.data_dir import writable
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import MaterialFiles, PackedMaterials, StoredMaterials
from sweeps.models.workshop import Workshop
from sweeps.site.reservation import options_in, run_reserved
from sweeps.spec.sweep import SweepSpec


@dataclass(frozen=True)
class _Say:
    message: str


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A _Step is a piece of work and how far it is; `done` is None where it has just begun, and `total` at its end."""

    name: str
    total: float
    done: float | None = None
    note: str = ""


def lay_foundation_on_cluster(
    spec: SweepSpec, workspace: Workspace, *, display: Display, data_root: DataRoot, need: TrialNeed
) -> Foundation:
    """Lay the foundation as `lay_foundation` does, on some node that has what a trial needs, and return it.

    `workspace` and `data_root` are places on that node; the tracking server keeps what is trained there. Raises what
    `lay_foundation` raises, and SweepError.
    """

    def lay(group: PlacementGroup) -> Foundation:
        task = ray.remote(_lay).options(num_returns="streaming", **options_in(group, need))
        stream: Any = task.remote(spec.model_dump_json(), _Place(workspace, data_root))
        return _follow(iter(stream), display)

    return run_reserved(need, "make the models", display=display, work=lay)


def _follow(stream: Iterator[Any], display: Display) -> Foundation:
    """Show what the node says, and return the foundation; the materials come after it."""
    with ExitStack() as steps:
        return _follow_steps(stream, display, steps=steps)


def _follow_steps(stream: Iterator[Any], display: Display, *, steps: ExitStack) -> Foundation:
    update: Update
    for reference in stream:
        event = ray.get(reference)
        if isinstance(event, Foundation):
            materials = ray.get(next(stream))
            list(stream)  # the node has ended before its place is taken away
            # Put again they belong to the driver, so they stay when that node is lost.
            return replace(event, materials=StoredMaterials(ray.put(materials)))
        if isinstance(event, _Say):
            display.say(event.message)
        elif event.done is None:
            update = steps.enter_context(display.step(event.name, event.total))
        else:
            update(event.done, event.note)
            if event.done >= event.total:
                steps.close()
    raise AssertionError("the foundation is the last but one")


@dataclass(frozen=True)
class _Place:
    """A _Place is where a node keeps files and finds data."""

    workspace: Workspace
    data_root: DataRoot


def _lay(spec_json: str, place: _Place) -> Iterator[object]:
    """Yields, on the node, what happens, then the foundation, then its materials."""
    spec = SweepSpec.model_validate_json(spec_json)
    events: queue.Queue[object] = queue.Queue()
    workspace = place.workspace
    tracking = Tracking(workspace.store)  # it keeps what it downloads as long as it lives
    outcome: list[Foundation | BaseException] = []

    def lay() -> None:
        try:
            own = Workspace(writable(workspace.root), workspace.tracking_uri)
            outcome.append(
                lay_foundation(
                    spec, Workshop(workspace=own, tracking=tracking, data_root=place.data_root, display=_Events(events))
                )
            )
        except BaseException as error:
            outcome.append(error)
        finally:
            events.put(None)

    threading.Thread(target=lay, daemon=True).start()
    while (event := events.get()) is not None:
        yield event
    (laid,) = outcome
    if isinstance(laid, BaseException):
        raise laid
    assert isinstance(laid.materials, MaterialFiles)
    materials = PackedMaterials.of(laid.materials)
    yield laid
    yield materials


class _Events:
    """An _Events is a display that turns all it is to show into events."""

    def __init__(self, events: "queue.Queue[object]") -> None:
        self._events = events

    def say(self, message: str) -> None:
        self._events.put(_Say(message))

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        self._events.put(_Step(name=name, total=total))
        note = ""

        def update(done: float, remark: str) -> None:
            nonlocal note
            note = remark
            if done < total:
                self._events.put(_Step(name=name, total=total, done=done, note=remark))

        yield update
        self._events.put(_Step(name=name, total=total, done=total, note=note))

    @contextmanager
    def watch(self, view: View) -> Iterator[Refresh]:
        yield lambda: None
