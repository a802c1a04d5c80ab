"""This module says what a comparison of two sweeps found: its numbers, in a sentence, in Markdown and in HTML."""

from dataclasses import asdict, dataclass
from typing import Any

from analysis.absence import fault_notes
from analysis.columns import COLUMNS
from analysis.comparison.steps import Point, Segment
from analysis.frontier.pareto import WORST
from analysis.notebook import html_paragraph, html_table
from analysis.nouns import counted
from analysis.schema import Phase

COMPARISON_HEADINGS = ("range", "better", "by (median)")
TOLD = 4  # with more ranges a sentence tells how often the frontiers cross instead


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A Contender is one of the two sweeps that are compared.

    `front` has (cost, quality) in the units of the comparison, in ascending order of cost. `teacher` is the teacher's
    (cost, quality) in the same units; None where the table does not have it.

    >>> from analysis import compare, example_trials
    >>> compare(example_trials({"sweep": "a"}), example_trials({"sweep": "b"})).a.front
    ((10000.0, 10.0),)
    """

    name: str
    dataset: str
    teacher_version: str
    teacher_digest: str
    teacher_parameters: int
    teacher_fid: float
    protocol_digest: str
    extractor: str
    extractor_faults: str | None
    num_samples: int
    students: int
    front: tuple[Point, ...]
    teacher: Point | None


@dataclass(frozen=True, kw_only=True)
class ShareDifference:
    """A ShareDifference has the dominated shares of a and b, and a's less b's with Welch's 95% t-interval over seeds.

    With an interval a share is the mean over seeds of each seed's own; without one it is that of the students' medians
    over seeds, and `reason` says why.

    >>> from analysis import compare, example_trials
    >>> a, b = example_trials({"parameters": 50_000, "fid": 15.0}), example_trials({"parameters": 50_000, "fid": 20.0})
    >>> share = compare(a, b).share  # of the box up to 100,000 parameters and an FID of 25
    >>> share.a, share.b, share.reason
    (0.2, 0.1, 'no interval: one seed of s (first) and of s (second)')
    """

    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    seeds_a: int | None
    seeds_b: int | None
    phase: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A Comparison has two sweeps' frontiers as step functions of cost.

    `segments` are ranges of cost, each with its better frontier. Where `relative`, the protocols differ, and every
    number is a share of the sweep's own teacher's. The frontiers are of medians over the seeds of `phase`: search, or
    confirm where fresh seeds measured both.

    >>> from analysis import compare, example_trials
    >>> comparison = compare(example_trials({"sweep": "a"}), example_trials({"sweep": "b"}))
    >>> comparison.objectives, comparison.relative, comparison.phase, comparison.segments[0].better
    (('parameters', 'fid'), False, 'search', 'equal')
    """

    a: Contender
    b: Contender
    objectives: tuple[str, str]
    relative: bool
    phase: str
    segments: tuple[Segment, ...]
    share: ShareDifference

    def sentence(self) -> str:
        """Returns which is better over which range, and the difference of the dominated shares."""
        return comparison_sentence(self)

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        return {**asdict(self), "sentence": self.sentence()}

    def _repr_html_(self) -> str:
        ranges = html_table(COMPARISON_HEADINGS, segment_rows(self), texts=2)
        return html_paragraph(self.sentence()) + ranges + html_paragraph(frontier_note())


def comparison_sentence(comparison: Comparison) -> str:
    """Returns what is compared how, which is better where, and the difference of the dominated shares."""
    found = f"{_preamble(comparison)}, {_basis(comparison)}: {_where(comparison)}. {share_sentence(comparison)}"
    return " ".join([found, *comparison_marks(comparison)])


def comparison_marks(comparison: Comparison) -> list[str]:
    """Returns a note for each side whose extractor failed its examination."""
    sides = (comparison.a, comparison.b)
    return [f"{side.name}: {note}" for side in sides for note in fault_notes(asdict(side))]


def share_sentence(comparison: Comparison) -> str:
    """Returns the dominated shares and their difference, with its interval or why there is none."""
    a, b, share = comparison.a, comparison.b, comparison.share
    if comparison.relative:
        box = f"each one's teacher's size and {WORST} times its FID"
    elif a.teacher_digest == b.teacher_digest:
        box = f"the teacher's size and {WORST} times its FID"
    else:
        box = f"the larger teacher's size and {WORST} times the higher of their FIDs"
    if share.low is None:
        basis = f"medians of all finished students; {share.reason}"
    else:
        seeds = f"{share.seeds_a}" if share.seeds_a == share.seeds_b else f"{share.seeds_a} and {share.seeds_b}"
        basis = f"95% interval {share.low:+.3f} to {share.high:+.3f}; means over {seeds} seeds, {share.phase}"
    return (
        f"The dominated share of the box up to {box} is {share.a:.3f} for {a.name} and {share.b:.3f} for {b.name}, "
        f"a difference of {share.difference:+.3f} ({basis})."
    )


def quality_name(comparison: Comparison) -> str:
    """Returns the compared quality, as in `FID` or `FID relative to its own teacher's`."""
    label = COLUMNS[comparison.objectives[1]].label
    return f"{label} relative to its own teacher's" if comparison.relative else label


def cost_text(comparison: Comparison, cost: float) -> str:
    """Returns one cost with its unit, such as `9,500 parameters`; `1/11.4 of the teacher` where relative."""
    if comparison.relative:
        return f"1/{1 / cost:.1f} of the teacher"
    column = COLUMNS[comparison.objectives[0]]
    return column.text(cost) + column.noun


def segment_rows(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Returns what COMPARISON_HEADINGS say of each range, in ascending order of cost.

    >>> from analysis import compare, example_trials, segment_rows
    >>> a = example_trials({"sweep": "a", "parameters": 1_000, "fid": 20.0})
    >>> b = example_trials({"sweep": "b", "parameters": 4_000, "fid": 10.0})
    >>> segment_rows(compare(a, b))[1]
    ('from 4,000 parameters on', 'b', '2.00 times')
    """
    return [
        (_range(comparison, segment), _name(comparison, segment), _by(comparison, segment))
        for segment in comparison.segments
    ]


def comparison_markdown(comparison: Comparison, figure: str = "compare.png") -> str:
    """Returns the comparison as a page of Markdown; `figure` is the path of its picture beside it.

    >>> from analysis import compare, comparison_markdown, example_trials
    >>> page = comparison_markdown(compare(example_trials({"sweep": "a"}), example_trials({"sweep": "b"})))
    >>> page.splitlines()[0], page.splitlines()[4]
    ('# a against b', '![The frontiers of a and b](compare.png)')
    """
    a, b = comparison.a, comparison.b
    lines = [f"# {a.name} against {b.name}", "", comparison_sentence(comparison), ""]
    lines += [f"![The frontiers of {a.name} and {b.name}]({figure})", ""]
    lines += ["| " + " | ".join(COMPARISON_HEADINGS) + " |", "|---|---|---:|"]
    lines += ["| " + " | ".join(row) + " |" for row in segment_rows(comparison)]
    lines += ["", frontier_note(), "", "## How it was made", ""]
    for side in (a, b):
        students = counted(side.students, "finished student")
        lines.append(
            f"- {side.name}: {students} on {side.dataset}, {len(side.front)} on the frontier; "
            f"teacher {side.teacher_version} of {side.teacher_parameters:,} parameters, FID {side.teacher_fid:.1f}; "
            f"{side.num_samples:,} samples an evaluation, {side.extractor}, protocol {side.protocol_digest[:16]}"
        )
    return "\n".join([*lines, ""])


def frontier_note() -> str:
    """Returns what a frontier is, for those who compare two.

    >>> from analysis import frontier_note
    >>> frontier_note().split(". ")[0]
    'A student counts once, at the median of its seeds'
    """
    return (
        "A student counts once, at the median of its seeds. A frontier is the best of noisy results: the more students "
        "a sweep tried, the more it flatters, unless fresh seeds measured it. Between two "
        "of its students the cheaper one stands for all that lies between."
    )


def _preamble(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    if comparison.relative:
        return (
            f"{a.name} ({a.dataset}) and {b.name} ({b.dataset}) were measured under different protocols, so each is "
            "taken relative to its own teacher"
        )
    if a.teacher_digest == b.teacher_digest:
        return f"On {a.dataset}, under one protocol and with one teacher ({a.teacher_version})"
    return f"On {a.dataset}, under one protocol, with two teachers ({a.teacher_version} and {b.teacher_version})"


def _basis(comparison: Comparison) -> str:
    seeds = "fresh seeds" if comparison.phase == Phase.CONFIRM else "the seeds of the search"
    return f"students at the median of {seeds}"


def _where(comparison: Comparison) -> str:
    found = comparison.segments
    if len(found) > TOLD:
        return _crossings(comparison)
    parts = [f"{_range(comparison, segment)} {_verdict(comparison, segment)}" for segment in found]
    return "; ".join(parts)


def _verdict(comparison: Comparison, segment: Segment) -> str:
    if segment.better == "equal":
        return f"both have the same {quality_name(comparison)}"
    name = _name(comparison, segment)
    if segment.alone:
        return f"only {name} has students"
    better = "higher" if COLUMNS[comparison.objectives[1]].higher_is_better else "lower"
    return f"{name} has the {better} {quality_name(comparison)}, by {_by(comparison, segment)} (median)"


def _crossings(comparison: Comparison) -> str:
    common = [segment for segment in comparison.segments if not segment.alone]
    better = "higher" if COLUMNS[comparison.objectives[1]].higher_is_better else "lower"
    counts = []
    for key in ("a", "b"):
        won = [segment for segment in common if segment.better == key]
        factors = [segment.factor for segment in won if segment.factor is not None]
        counts.append(f"in {len(won)}" + (f" (by up to {max(factors):.2f} times)" if factors else ""))
    equal = sum(segment.better == "equal" for segment in common)
    return (
        f"of {len(common)} ranges from {cost_text(comparison, common[0].low)} on, {comparison.a.name} has the {better} "
        f"{quality_name(comparison)} {counts[0]}, {comparison.b.name} {counts[1]}"
        + (f", and they are equal in {equal}" if equal else "")
    )


def _range(comparison: Comparison, segment: Segment) -> str:
    if segment.high is None:
        return f"from {cost_text(comparison, segment.low)} on"
    if comparison.relative:
        return f"from 1/{1 / segment.low:.1f} to {cost_text(comparison, segment.high)}"
    low = COLUMNS[comparison.objectives[0]].text(segment.low)
    return f"from {low} to {cost_text(comparison, segment.high)}"


def _name(comparison: Comparison, segment: Segment) -> str:
    return {"a": comparison.a.name, "b": comparison.b.name, "equal": "equal"}[segment.better]


def _by(comparison: Comparison, segment: Segment) -> str:
    if segment.alone:
        return "no other student"
    if segment.better == "equal":
        return ""
    if segment.factor is not None:
        return f"{segment.factor:.2f} times"
    return COLUMNS[comparison.objectives[1]].text(segment.difference)
