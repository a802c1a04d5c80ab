"""This package goes from a table of trials to the answer: Pareto frontier, compression limit, figures and report.

    table = analysis.read_table(Path("trials.parquet"))
    findings = analysis.findings_of(table, analysis.LimitRule(metric="fid", tolerance=1.0))
    findings.limit                     # where the limit lies, in words; so in a notebook
    analysis.pareto_figure(findings)   # a matplotlib figure
    analysis.pareto_frontier(table, ("mac_g", "inception_score")).to_pandas()

It needs Arrow tables and nothing else: no network, no search, no tracking server.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
