"""This room writes the report as one HTML page that needs nothing beside it: no network, no server, no files.

    page = render_page([Chapter(findings, name="digits")])

The same chapters give the same bytes.
"""

from analysis.page.chapter import Chapter, Strip
from analysis.page.rendering import render_page

__all__ = ["Chapter", "Strip", "render_page"]
