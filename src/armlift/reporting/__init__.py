"""Charts, captions and the verdict of a simulation, as pictures and self-contained HTML."""

from armlift.reporting.closing import closing_table
from armlift.reporting.facts import Chart, SimulationFacts
from armlift.reporting.gallery import build_charts
from armlift.reporting.page import summary_page
from armlift.reporting.rendering import render_html, render_png
from armlift.reporting.results import champion
from armlift.reporting.verdict import Verdict, decide

__all__ = [
    "Chart",
    "SimulationFacts",
    "Verdict",
    "build_charts",
    "champion",
    "closing_table",
    "decide",
    "render_html",
    "render_png",
    "summary_page",
]
