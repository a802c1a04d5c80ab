"""This module tells in cells what a sweep's students cost on a device, for terminal, Markdown and page."""

from analysis.absence import DASH
from analysis.device import DeviceFindings, DeviceRow, device_rows

DEVICE_NOTE = (
    "Ratios are how many times fewer parameters, milliseconds for one image and bytes a student has than its teacher, "
    "times and bytes in the same form."
)
_RATIOS = ("params ratio", "ms ratio", "bytes ratio")


def device_headings(findings: DeviceFindings) -> list[str]:
    """Returns the headings of `device_cells`: ratios are how many times less than the teacher in the same form.

    >>> from analysis import LimitRule, device_findings_of, device_headings, example_measurements, example_trials
    >>> findings = device_findings_of(example_trials({}), example_measurements({}), rule=LimitRule(tolerance=1.0))
    >>> device_headings(findings)[3:7]
    ['ms', '5-95%', 'file', 'FID']
    """
    return ["trial", "size", "form", "ms", "5-95%", "file", findings.metric.label, *_RATIOS]


def device_cells(findings: DeviceFindings) -> list[tuple[DeviceRow, list[str]]]:
    """Returns each row of `device_rows` with its cells.

    >>> from analysis import LimitRule, device_cells, device_findings_of, example_measurements, example_trials
    >>> findings = device_findings_of(example_trials({}), example_measurements({}), rule=LimitRule(tolerance=1.0))
    >>> [cells[2:8] for _, cells in device_cells(findings)]  # its teacher was not measured
    [['onnx', '0.05', '0.04 to 0.07', '42.0 kB', '10.0', '10.0']]
    """
    return [(row, _cells(row)) for row in device_rows(findings)]


def _cells(row: DeviceRow) -> list[str]:
    ratios = row.ratios
    return [
        *(str(row.trial), row.size, row.form, row.latency, row.spread, row.file or DASH, row.quality),
        *(f"{ratio:.1f}" if ratio else DASH for ratio in (ratios.parameters, ratios.latency_ms, ratios.file_bytes)),
    ]
