"""This module has what a page says of the generators that it shows: where they came from, and how they compare."""

from dataclasses import dataclass

from gan.deployment.card import DeploymentCard, Origin
from gan.errors import GanError
from gan.networks.dcgan import Generator
from gan.networks.imported import AnyGenerator


@dataclass(frozen=True)
class Shown:
    """A Shown is a generator that a page shows, and where it came from."""

    generator: AnyGenerator
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A Fact is a row of the page's table: a value for each generator, and the student's beside the teacher's.

    An empty `ratio` is one that cannot be had; `gained` says that the student is meant to be less there. `kind` tells
    the page's script which row it fills.
    """

    name: str
    values: tuple[str, ...]
    ratio: str
    gained: bool = True
    kind: str = ""


def require_same_latents(student: Shown, teacher: Shown) -> None:
    """Raises GanError where a page cannot show both at the same latents."""
    remedy = "Leave --teacher out."
    if not isinstance(teacher.generator, Generator):
        raise GanError("A page's teacher is of ganlimit's own architectures", "a network of your own", remedy)
    spaces = [shown.generator.config.space for shown in (student, teacher)]
    if spaces[0] != spaces[1]:
        described = " and ".join(str(space.model_dump()) for space in spaces)
        raise GanError("A page's student and teacher take the same latents", described, remedy)


def headline(shown: DeploymentCard, teacher: DeploymentCard | None) -> tuple[str, str]:
    """Returns the page's first words, large ones and what stands behind them."""
    if teacher is None:
        return f"{shown.parameters:,}", "parameters"
    return _ratio(shown.parameters, teacher.parameters), "of its teacher"


def source_of(card: DeploymentCard) -> list[str]:
    """Returns where a generator came from, in words."""
    origin = card.origin
    named = [origin.model] if origin.model else []
    swept = [f"sweep {origin.sweep}"] if origin.sweep else []
    return [origin.dataset, *swept, *([f"trial {origin.trial}"] if origin.trial is not None else []), *named]


def facts(cards: dict[str, DeploymentCard]) -> list[Fact]:
    """Returns the rows of the page's table; FIDs are there where they are known and of one protocol."""
    shown = list(cards.values())
    parameters, sizes = [card.parameters for card in shown], [card.file_bytes for card in shown]
    rows = [
        Fact(name="parameters", values=tuple(f"{count:,}" for count in parameters), ratio=_ratio_of(parameters)),
        Fact(name="file", values=tuple(_in_bytes(size) for size in sizes), ratio=_ratio_of(sizes)),
        Fact(name="time per image", values=("",) * len(shown), ratio="", kind="time"),
    ]
    fids = [card.origin.metrics.get("fid") for card in shown]
    known = [fid for fid in fids if fid is not None]
    if len(known) == len(shown) and len({card.origin.protocol_digest for card in shown}) == 1:
        values = tuple(f"{fid:.2f}" for fid in known)
        rows.append(Fact(name="FID", values=values, ratio=_rise_of(known), gained=False))
    return rows


def _ratio_of(values: list[int]) -> str:
    return _ratio(values[-1], values[0]) if len(values) > 1 else ""


def _rise_of(values: list[float]) -> str:
    return f"{values[-1] - values[0]:+.2f}".replace("-", "\N{MINUS SIGN}") if len(values) > 1 else ""


def _ratio(student: int, teacher: int) -> str:
    return f"1/{teacher / student:.1f}"


def _in_bytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
