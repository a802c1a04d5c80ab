"""Pairs of finished trials that two ways of making a student share an architecture and a seed in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analysis.paper.rows import Scheme, scheme_of, size_of
from analysis.schema import Mode, Phase, TrialState, require_one_protocol, require_one_teacher

Row = dict[str, Any]
Side = Scheme | Mode


@dataclass(frozen=True)
class Pairing:
    """The finished rows of one side: `pairs` of (ours, theirs), and those without a partner.

    `fresh`: ours are confirmed rows alone. `chosen`: ours are students of the search that its own results are taken
    to have chosen, which flatters them, since the same rows then stand for them.
    """

    ours: Side
    theirs: Side
    pairs: tuple[tuple[Row, Row], ...]
    unpaired: tuple[Row, ...]
    fresh: bool
    chosen: bool


def pair_rows(table: pa.Table, ours: Side, theirs: Side) -> Pairing:
    """The pairs of two sides, each a Scheme, or a Mode for students of all its schemes.

    Two distilled students pair where all but the weight of the GAN term is equal; a student and one from scratch
    where architecture and seed are, and of several from scratch the one of the largest budget counts.

    Against scratch: where every searched student of ours was given a baseline, nothing was chosen, and all rows count.
    Else the search's results are taken to have chosen who was given one, and where confirmed rows have partners
    these alone count, since their fresh seeds have chosen nothing. Raises AnalysisError for rows of several protocols
    or teachers.
    """
    require_one_protocol(table)
    require_one_teacher(table)
    rows = table.to_pylist()
    finished = [row for row in rows if row["final"] and row["state"] == TrialState.COMPLETED]
    key = _partner_key(theirs)
    partners = _first_of_each([row for row in finished if _is_of(row, theirs)], key)
    own = list(_first_of_each([row for row in finished if _is_of(row, ours)], _own_key).values())
    chosen = False
    if theirs in (Mode.SCRATCH, Scheme.SCRATCH):
        given = {key(row) for row in rows if _is_of(row, theirs)}  # whatever became of it
        chosen = any(row["phase"] == Phase.SEARCH and key(row) not in given for row in own)
        confirmed = [row for row in own if row["phase"] == Phase.CONFIRM]
        if chosen and any(key(row) in partners for row in confirmed):
            own, chosen = confirmed, False
    pairs = tuple((row, partners[key(row)]) for row in own if key(row) in partners)
    fresh = bool(own) and all(row["phase"] == Phase.CONFIRM for row in own)
    unpaired = tuple(row for row in own if key(row) not in partners)
    return Pairing(ours, theirs, pairs, unpaired, fresh, chosen)


def _is_of(row: Row, side: Side) -> bool:
    return side in (row["mode"], scheme_of(row))


def _own_key(row: Row) -> tuple[Any, ...]:
    return (*_architecture(row), row["settings"], row["gan_weight"])


def _partner_key(theirs: Side) -> Callable[[Row], tuple[Any, ...]]:
    if theirs in (Mode.SCRATCH, Scheme.SCRATCH):
        return _architecture
    return lambda row: (*_architecture(row), row["settings"])


def _architecture(row: Row) -> tuple[Any, ...]:
    return (*size_of(row), row["seed"])


def _first_of_each(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], Row]:
    """By key the row of the largest budget; of equal budgets the first."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: (-row["kimg"], row["trial"])):
        found.setdefault(key(row), row)
    return found
