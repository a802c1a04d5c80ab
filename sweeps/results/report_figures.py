"""This module draws the figures of a sweep's report."""

from matplotlib.figure import Figure

import analysis


def drawn_figures(chapter: analysis.Chapter) -> dict[str, Figure]:
    """Returns the figures that there are rows for, by the name of their files."""
    findings = chapter.findings
    if not len(findings.frontier):
        return {}
    figures = {"pareto": analysis.pareto_figure(findings), "sharpness": analysis.sharpness_figure(findings)}
    if findings.bytes_limit:
        figures["bytes"] = analysis.bytes_figure(findings)
    for stem, strips in (("samples", chapter.samples), ("interpolations", chapter.interpolations)):
        if strips:
            rows = [(f"{strip.label}\n{strip.about.rpartition(', ')[2]}", strip.images_NCHW) for strip in strips]
            figures[stem] = analysis.sample_grid_figure(rows)
    for key, gains in findings.gains.items():
        figures[f"gain-{key}"] = analysis.gain_figure(findings, gains[0])
    if chapter.importances:
        figures["importance"] = analysis.importance_figure(findings, chapter.importances)
    if len(findings.progress):
        figures["progress"] = analysis.progress_figure(findings)
    if chapter.space:
        figures["space"] = analysis.space_figure(findings, chapter.space)
    if chapter.course:
        figures["course"] = analysis.course_figure(findings, chapter.course)
    if device := chapter.device:
        figures |= {f"device-{cost}": analysis.device_figure(device, cost) for cost in device.costs}
    if chapter.ruler:
        figures["examination"] = analysis.examination_figure(chapter.ruler)
    return figures
