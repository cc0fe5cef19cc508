"""HTML templates of the report."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Return the environment that loads the templates, with automatic escaping."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from armlift.reporting import numerals
    from armlift.reporting.palette import text_colour

    loaded = Environment(
        loader=PackageLoader("armlift.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loaded.filters.update(
        count=numerals.count,
        percent=numerals.percent,
        signed_percent=numerals.signed_percent,
        text_colour=text_colour,
    )
    return loaded
