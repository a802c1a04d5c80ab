"""From a table of trials to the answer: Pareto frontier, compression limit, figures and report.

    table = analysis.read_table(Path("trials.parquet"))
    limit = analysis.compression_limit(table, analysis.LimitRule(metric="fid", tolerance=0.5))
    print(limit.sentence())
    analysis.pareto_figure(table, limit)

Needs Arrow tables and nothing else: no network, no search, no tracking server.
"""

from analysis.answers import QUESTIONS, Answer, five_answers
from analysis.candidates import limit_candidates
from analysis.comparison import gain_by_student, gain_over_scratch, with_baselines
from analysis.errors import AnalysisError
from analysis.exporting import join_tables, write_csv
from analysis.figures import pareto_figure, sample_grid_figure, save_figure
from analysis.limit import CompressionLimit, LimitRule, LimitStatus, compression_limit
from analysis.paper import PaperRow, Scheme, Spread, paper_rows
from analysis.paper_formats import HEADINGS as PAPER_HEADINGS
from analysis.paper_formats import paper_cells, paper_csv, paper_latex, paper_markdown
from analysis.pareto import dominated_share, final_students, front_of, hypervolume, pareto_frontier
from analysis.report import baseline_text, budget_note, markdown_report
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
from analysis.selection import Candidate, choose_teacher, selection_figure
from analysis.writing import written_whole

__all__ = [
    "AGREEMENT",
    "PAPER_HEADINGS",
    "QUESTIONS",
    "SCHEMA_VERSION",
    "TRIAL_SCHEMA",
    "AnalysisError",
    "Answer",
    "Candidate",
    "CompressionLimit",
    "LimitRule",
    "LimitStatus",
    "Mode",
    "PaperRow",
    "Phase",
    "Scheme",
    "Spread",
    "TrialState",
    "baseline_text",
    "budget_note",
    "choose_teacher",
    "compression_limit",
    "dominated_share",
    "final_students",
    "five_answers",
    "front_of",
    "gain_by_student",
    "gain_over_scratch",
    "hypervolume",
    "join_tables",
    "limit_candidates",
    "markdown_report",
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
    "selection_figure",
    "settings_of",
    "state_counts",
    "student_of",
    "trial_table",
    "validate",
    "with_baselines",
    "write_csv",
    "write_table",
    "written_whole",
]
