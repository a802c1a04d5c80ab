"""From a table of trials to the answer: Pareto frontier, compression limit, figures and report.

    table = analysis.read_table(Path("trials.parquet"))
    findings = analysis.findings_of(table, analysis.LimitRule(metric="fid", tolerance=1.0))
    findings.limit                     # where the limit lies, in words; so in a notebook
    analysis.pareto_figure(findings)   # a matplotlib figure
    analysis.pareto_frontier(table, ("mac_g", "inception_score")).to_pandas()

Needs Arrow tables and nothing else: no network, no search, no tracking server.
"""

from analysis.columns import COLUMNS, COSTS, QUALITIES, Column
from analysis.comparison.baselines import baseline_text, budget_note, with_baselines
from analysis.comparison.gain import GAIN_METRICS, Gain, paired_gain
from analysis.comparison.steps import Segment
from analysis.comparison.versus import HEADINGS as COMPARISON_HEADINGS
from analysis.comparison.versus import Comparison, Contender, ShareDifference, comparison_markdown, segment_rows
from analysis.comparison.versus import note as frontier_note
from analysis.comparison.versus_estimate import compare
from analysis.errors import AnalysisError
from analysis.exporting import join_tables, write_csv
from analysis.figures.pareto import pareto_figure
from analysis.figures.selection import Candidate, choose_teacher, selection_figure
from analysis.figures.style import FORMATS, save_figure
from analysis.figures.sweep import (
    gain_figure,
    importance_figure,
    progress_figure,
    sample_grid_figure,
    sharpness_figure,
)
from analysis.figures.versus import versus_figure
from analysis.findings import Findings, findings_of
from analysis.frontier.attainment import Attainment, attainment
from analysis.frontier.pareto import dominated_share, final_students, front_of, hypervolume, pareto_frontier
from analysis.frontier.progress import search_progress
from analysis.frontier.students import searched_students, student_frontier, with_confirmations
from analysis.frontier_rows import FrontierRow, frontier_rows
from analysis.limit.break_point import BreakPoint
from analysis.limit.candidates import limit_candidates
from analysis.limit.crossing import Interval
from analysis.limit.estimate import compression_limit
from analysis.limit.result import CompressionLimit, CurvePoint, LimitStatus
from analysis.limit.rule import LimitRule
from analysis.limit.table import limits_table
from analysis.page import Chapter, Strip, render_page
from analysis.paper.answers import QUESTIONS, Answer, five_answers
from analysis.paper.formats import HEADINGS as PAPER_HEADINGS
from analysis.paper.formats import paper_cells, paper_csv, paper_latex, paper_markdown
from analysis.paper.rows import PaperRow, Scheme, Spread, paper_rows
from analysis.report import REPORT_FIGURES, markdown_report
from analysis.schema import (
    AGREEMENT,
    SCHEMA_VERSION,
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
from analysis.writing import written_whole

__all__ = [
    "AGREEMENT",
    "COLUMNS",
    "COMPARISON_HEADINGS",
    "COSTS",
    "FORMATS",
    "GAIN_METRICS",
    "PAPER_HEADINGS",
    "QUALITIES",
    "QUESTIONS",
    "REPORT_FIGURES",
    "SCHEMA_VERSION",
    "TRIAL_SCHEMA",
    "AnalysisError",
    "Answer",
    "Attainment",
    "BreakPoint",
    "Candidate",
    "Chapter",
    "Column",
    "Comparison",
    "CompressionLimit",
    "Contender",
    "CurvePoint",
    "Findings",
    "FrontierRow",
    "Gain",
    "Interval",
    "LimitRule",
    "LimitStatus",
    "Mode",
    "PaperRow",
    "Phase",
    "Scheme",
    "Segment",
    "ShareDifference",
    "Spread",
    "Strip",
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
    "findings_of",
    "five_answers",
    "front_of",
    "frontier_note",
    "frontier_rows",
    "gain_figure",
    "hypervolume",
    "importance_figure",
    "join_tables",
    "limit_candidates",
    "limits_table",
    "markdown_report",
    "paired_gain",
    "paper_cells",
    "paper_csv",
    "paper_latex",
    "paper_markdown",
    "paper_rows",
    "pareto_figure",
    "pareto_frontier",
    "progress_figure",
    "read_table",
    "render_page",
    "require_one_protocol",
    "require_one_teacher",
    "sample_grid_figure",
    "save_figure",
    "search_progress",
    "searched_students",
    "segment_rows",
    "selection_figure",
    "settings_of",
    "sharpness_figure",
    "state_counts",
    "student_frontier",
    "student_of",
    "trial_table",
    "validate",
    "versus_figure",
    "with_baselines",
    "with_confirmations",
    "write_csv",
    "write_table",
    "written_whole",
]
