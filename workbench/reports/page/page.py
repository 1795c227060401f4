"""The report as one HTML page that needs nothing else: no script, no request, no other file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from waterline.errors import UsageError
from workbench.reports.figures.draw import drawing
from workbench.reports.page.contents import Contents
from workbench.reports.page.section import Drawn
from workbench.reports.page.sections import sections
from workbench.reports.page.wording import moment, span

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(contents: Contents) -> str:
    """Return the page; without matplotlib it says how to get the figures."""
    figures, without = _figures(contents)
    return _TEMPLATES.get_template("page.html").render(
        contents=contents,
        made_at=moment(contents.made_at),
        since=moment(contents.since),
        length=span(contents.made_at - contents.since),
        sections=sections(contents),
        figures=figures,
        without=without,
    )


def _figures(contents: Contents) -> tuple[Mapping[Drawn, str], str]:
    """Return the figures, or a sentence on why there are none."""
    try:
        drawings = drawing("workbench.reports.page.drawings")
    except UsageError as error:
        return {}, f"This page has no figures: {error}."
    return drawings.draw_all(contents), ""
