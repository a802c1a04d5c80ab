from .absence import absence_notes, absences_of, fault_mark, fault_notes, text_of
from .columns import COLUMNS, COSTS, QUALITIES, Column
from .comparison.baselines import baseline_text, budget_note, with_baselines
from .comparison.gain import GAIN_METRICS, Gain, paired_gain
from .comparison.steps import Segment
from .comparison.versus import (
    COMPARISON_HEADINGS,
    Comparison,
    Contender,
    ShareDifference,
    comparison_markdown,
    frontier_note,
    segment_rows,
)
from .comparison.versus_estimate import compare
from .deployed import DEPLOYED_SCHEMA, deployed_trials
from .device import DEVICE_COSTS, DeviceFindings, DeviceRow, device_findings_of, device_rows
from .device_table import DEVICE_NOTE, device_cells, device_headings
from .errors import AnalysisError
from .examples import example_measurements, example_trials
from .exporting import join_tables, write_csv
from .figures.device import device_figure
from .figures.examination import examination_figure
from .figures.learnt import bytes_figure
from .figures.pareto import pareto_figure
from .figures.selection import Candidate, choose_teacher, selection_figure
from .figures.space import course_figure, space_figure
from .figures.style import FORMATS, save_figure
from .figures.sweep import gain_figure, importance_figure, progress_figure, sample_grid_figure, sharpness_figure
from .figures.versus import versus_figure
from .findings import Findings, findings_of
from .frontier.attainment import Attainment, attainment
from .frontier.pareto import dominated_share, final_students, front_of, hypervolume, pareto_frontier
from .frontier.progress import search_progress
from .frontier.students import searched_students, student_frontier, with_confirmations
from .frontier_table import FrontierRow, FrontierRows, frontier_rows, reference_text
from .limit.break_point import BreakPoint
from .limit.candidates import limit_candidates
from .limit.cost_estimate import cost_limits
from .limit.cost_limit import CheapestStudent, CostLimit, Ratios
from .limit.crossing import Interval
from .limit.estimate import compression_limit
from .limit.result import CompressionLimit, CurvePoint, LimitStatus
from .limit.rule import LimitRule
from .limit.table import limits_table
from .measurements import (
    MEASUREMENT_SCHEMA,
    join_measurements,
    measurement_table,
    read_measurements,
    validate_measurements,
    write_measurements,
)
from .page import Chapter, Strip, render_page
from .paper.answers import QUESTIONS, Answer, five_answers
from .paper.formats import PAPER_HEADINGS, paper_cells, paper_csv, paper_latex, paper_markdown
from .paper.rows import PaperRow, Spread, paper_rows, shared_parts
from .report import REPORT_FIGURES, markdown_report
from .ruler import RulerCurve, ruler_sentence
from .schema import (
    AGREEMENT,
    METRICS,
    SCHEMA_VERSION,
    SHARED_COLUMNS,
    TRIAL_SCHEMA,
    Mode,
    Phase,
    TrialState,
    settings_of,
    size_text,
    student_of,
    width_text,
)
from .schemes import Scheme
from .seeking.limit_search import SpaceLimit
from .tables import (
    read_table,
    require_one_protocol,
    require_one_teacher,
    state_counts,
    trial_table,
    validate,
    write_table,
)
from .writing import written_whole

__all__ = [
    "AGREEMENT",
    "COLUMNS",
    "COMPARISON_HEADINGS",
    "COSTS",
    "DEPLOYED_SCHEMA",
    "DEVICE_COSTS",
    "DEVICE_NOTE",
    "FORMATS",
    "GAIN_METRICS",
    "MEASUREMENT_SCHEMA",
    "METRICS",
    "PAPER_HEADINGS",
    "QUALITIES",
    "QUESTIONS",
    "REPORT_FIGURES",
    "SCHEMA_VERSION",
    "SHARED_COLUMNS",
    "TRIAL_SCHEMA",
    "AnalysisError",
    "Answer",
    "Attainment",
    "BreakPoint",
    "Candidate",
    "Chapter",
    "CheapestStudent",
    "Column",
    "Comparison",
    "CompressionLimit",
    "Contender",
    "CostLimit",
    "CurvePoint",
    "DeviceFindings",
    "DeviceRow",
    "Findings",
    "FrontierRow",
    "FrontierRows",
    "Gain",
    "Interval",
    "LimitRule",
    "LimitStatus",
    "Mode",
    "PaperRow",
    "Phase",
    "Ratios",
    "RulerCurve",
    "Scheme",
    "Segment",
    "ShareDifference",
    "SpaceLimit",
    "Spread",
    "Strip",
    "TrialState",
    "absence_notes",
    "absences_of",
    "attainment",
    "baseline_text",
    "budget_note",
    "bytes_figure",
    "choose_teacher",
    "compare",
    "comparison_markdown",
    "compression_limit",
    "cost_limits",
    "course_figure",
    "deployed_trials",
    "device_cells",
    "device_figure",
    "device_findings_of",
    "device_headings",
    "device_rows",
    "dominated_share",
    "examination_figure",
    "example_measurements",
    "example_trials",
    "fault_mark",
    "fault_notes",
    "final_students",
    "findings_of",
    "five_answers",
    "front_of",
    "frontier_note",
    "frontier_rows",
    "gain_figure",
    "hypervolume",
    "importance_figure",
    "join_measurements",
    "join_tables",
    "limit_candidates",
    "limits_table",
    "markdown_report",
    "measurement_table",
    "paired_gain",
    "paper_cells",
    "paper_csv",
    "paper_latex",
    "paper_markdown",
    "paper_rows",
    "pareto_figure",
    "pareto_frontier",
    "progress_figure",
    "read_measurements",
    "read_table",
    "reference_text",
    "render_page",
    "require_one_protocol",
    "require_one_teacher",
    "ruler_sentence",
    "sample_grid_figure",
    "save_figure",
    "search_progress",
    "searched_students",
    "segment_rows",
    "selection_figure",
    "settings_of",
    "shared_parts",
    "sharpness_figure",
    "size_text",
    "space_figure",
    "state_counts",
    "student_frontier",
    "student_of",
    "text_of",
    "trial_table",
    "validate",
    "validate_measurements",
    "versus_figure",
    "width_text",
    "with_baselines",
    "with_confirmations",
    "write_csv",
    "write_measurements",
    "write_table",
    "written_whole",
]
