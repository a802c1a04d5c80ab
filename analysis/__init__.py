"""From a table of trials to the answer: Pareto frontier, compression limit, figures and report.

    table = analysis.read_table(Path("trials.parquet"))
    limit = analysis.compression_limit(table, analysis.LimitRule(metric="fid", tolerance=0.5))
    print(limit.sentence())
    analysis.pareto_figure(table, limit)

Needs Arrow tables and nothing else: no network, no search, no tracking server.
"""

from analysis.answers import QUESTIONS, Answer, five_answers
from analysis.attainment import Attainment, attainment, why_no_attainment
from analysis.candidates import limit_candidates
from analysis.comparison import gain_by_student, gain_over_scratch, with_baselines
from analysis.errors import AnalysisError
from analysis.figures import pareto_figure, sample_grid_figure, save_figure
from analysis.gain import GAIN_METRICS, Gain, paired_gain
from analysis.limit import CompressionLimit, LimitRule, LimitStatus, compression_limit
from analysis.paper import PaperRow, Scheme, Spread, paper_rows
from analysis.paper_formats import HEADINGS as PAPER_HEADINGS
from analysis.paper_formats import paper_cells, paper_csv, paper_latex, paper_markdown
from analysis.pareto import dominated_share, final_students, front_of, hypervolume, pareto_frontier
from analysis.progress import search_progress
from analysis.report import baseline_text, budget_note, markdown_report
from analysis.schema import (
    AGREEMENT,
    TRIAL_SCHEMA,
    Mode,
    Phase,
    TrialState,
    read_table,
    require_one_protocol,
    require_one_teacher,
    settings_of,
    state_counts,
    student_of,
    trial_table,
    validate,
    write_table,
)
from analysis.selection import Candidate, choose_teacher, selection_figure
from analysis.steps import Segment
from analysis.versus import Comparison, Contender, ShareDifference, compare
from analysis.versus_figure import versus_figure
from analysis.versus_words import HEADINGS as COMPARISON_HEADINGS
from analysis.versus_words import comparison_markdown, segment_rows
from analysis.versus_words import note as frontier_note

__all__ = [
    "AGREEMENT",
    "COMPARISON_HEADINGS",
    "GAIN_METRICS",
    "PAPER_HEADINGS",
    "QUESTIONS",
    "TRIAL_SCHEMA",
    "AnalysisError",
    "Answer",
    "Attainment",
    "Candidate",
    "Comparison",
    "CompressionLimit",
    "Contender",
    "Gain",
    "LimitRule",
    "LimitStatus",
    "Mode",
    "PaperRow",
    "Phase",
    "Scheme",
    "Segment",
    "ShareDifference",
    "Spread",
    "TrialState",
    "attainment",
    "baseline_text",
    "budget_note",
    "choose_teacher",
    "compare",
    "comparison_markdown",
    "compression_limit",
    "dominated_share",
    "final_students",
    "five_answers",
    "front_of",
    "frontier_note",
    "gain_by_student",
    "gain_over_scratch",
    "hypervolume",
    "limit_candidates",
    "markdown_report",
    "paired_gain",
    "paper_cells",
    "paper_csv",
    "paper_latex",
    "paper_markdown",
    "paper_rows",
    "pareto_figure",
    "pareto_frontier",
    "read_table",
    "require_one_protocol",
    "require_one_teacher",
    "sample_grid_figure",
    "save_figure",
    "search_progress",
    "segment_rows",
    "selection_figure",
    "settings_of",
    "state_counts",
    "student_of",
    "trial_table",
    "validate",
    "versus_figure",
    "why_no_attainment",
    "with_baselines",
    "write_table",
]
