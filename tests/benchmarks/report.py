"""How long the report takes: to work out and render, and to open in Chromium until its first chart stands.

    python -m tests.benchmarks.report --trials 2000

The trials are those of a recorded sweep, many times over with a little noise, each with its own identity.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from playwright.sync_api import sync_playwright

import analysis

RECORD = Path(__file__).parents[2] / "docs" / "records" / "digits" / "trials.parquet"
VIEWPORT = {"width": 1280, "height": 900}


def many_trials(count: int) -> pa.Table:
    """`count` trials with the columns of the record."""
    record = analysis.read_table(RECORD).to_pylist()
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        row = dict(record[number % len(record)])
        names = {"trial": number, "trial_key": f"{number:064x}", "run_id": f"{number:032x}", "seed": number}
        noisy = {name: row[name] * float(np.exp(random.normal(0, 0.1))) for name in ("fid", "sharpness") if row[name]}
        rows.append(row | names | noisy)
    return analysis.trial_table(rows)


def opening_seconds(page_path: Path) -> float:
    """From the address to the first chart, in a browser that has just begun."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "the benchmark needs chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]  # a dict that is their TypedDict
        start = time.perf_counter()
        page.goto(page_path.as_uri())
        page.wait_for_selector('[data-chart="frontier"] .main-svg')
        seconds = time.perf_counter() - start
        browser.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()

    table = many_trials(options.trials)
    start = time.perf_counter()
    findings = analysis.findings_of(table, analysis.LimitRule(tolerance=1.0))
    found = time.perf_counter() - start
    start = time.perf_counter()
    text = analysis.render_page([analysis.Chapter(findings, "benchmark")])
    rendered = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        opened = [opening_seconds(path) for _ in range(options.runs)]

    result = {
        "trials": options.trials,
        "findings_s": found,
        "render_s": rendered,
        "page_mib": len(text.encode()) / 2**20,
        "open_s": {"median": statistics.median(opened), "min": min(opened), "max": max(opened), "runs": options.runs},
    }
    print(f"{options.trials} trials: findings {found:.2f} s, page {rendered:.2f} s, {result['page_mib']:.1f} MiB")
    print(f"opened in {statistics.median(opened):.2f} s ({min(opened):.2f} to {max(opened):.2f}, {options.runs} runs)")
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
