"""This module turns chapters into one HTML file, with its style, its script and plotly inside."""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis.errors import AnalysisError
from analysis.limit.result import SCOPE
from analysis.page.chapter import Chapter
from analysis.page.charts import chart_data
from analysis.page.text import chapter_text, overview


def render_page(chapters: Sequence[Chapter]) -> str:
    """Returns the page of one sweep, or of several with an overview of their limits first.

    The same chapters give the same bytes. Raises AnalysisError for no chapter, and for two of one name.

    >>> from analysis import Chapter, LimitRule, example_trials, findings_of, render_page
    >>> findings = findings_of(example_trials({}), LimitRule(metric="fid", tolerance=1.0))
    >>> "digits: how small can it get?" in render_page([Chapter(findings, "digits")])
    True
    """
    from plotly.offline import get_plotlyjs  # seconds to import, and only the page needs it

    names = [chapter.name for chapter in chapters]
    if not chapters or len(set(names)) < len(names):
        raise AnalysisError(
            "A page has a chapter for each of some sweeps", ", ".join(names) or "none", "Name them once."
        )
    environment = Environment(
        loader=PackageLoader("analysis.page", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    library, script = Markup(get_plotlyjs()), _asset("page.js")
    return environment.get_template("page.html.j2").render(
        title=f"{', '.join(names)}: how small can it get?",
        overview=overview(chapters),
        scope=SCOPE,
        chapters=[chapter_text(chapter) for chapter in chapters],
        data=_script_json([chart_data(chapter) for chapter in chapters]),
        style=_asset("page.css"),
        script=script,
        plotly=library,
        # Only these two run, whatever else might stand in the page.
        script_sources=Markup(f"'sha256-{_digest(library)}' 'sha256-{_digest(script)}'"),
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _asset(name: str) -> Markup:
    return Markup((files("analysis.page") / "templates" / name).read_text("utf-8"))


def _script_json(value: Any) -> Markup:
    """Returns JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
