"""The report as an object: one HTML page that needs nothing else, or text."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from waterline.errors import UsageError
from workbench.display import moment, span
from workbench.reports.figures.draw import drawing
from workbench.reports.page.contents import ReportContents
from workbench.reports.page.section import Drawn
from workbench.reports.page.sections import sections
from workbench.reports.page.terminal import to_text

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(contents: ReportContents) -> str:
    """Return the report as HTML; without matplotlib it says how to get figures."""
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


def _figures(contents: ReportContents) -> tuple[Mapping[Drawn, str], str]:
    """Return the figures, or a sentence why there are none."""
    try:
        drawings = drawing("workbench.reports.page.drawings")
    except UsageError as error:
        return {}, f"This page has no figures: {error}."
    return drawings.draw_all(contents), ""


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `Workbench.report` returns."""

    contents: ReportContents
    """Frames and numbers of the report."""

    def to_html(self) -> str:
        """Return one HTML page that needs no other file; figures in it need matplotlib."""
        return to_html(self.contents)

    def to_text(self) -> str:
        """Return aligned text of at most 100 columns."""
        return to_text(self.contents)

    def __repr__(self) -> str:
        return self.to_text().rstrip("\n")

    def _repr_html_(self) -> str:
        # An iframe, as the page's style would reach all of the notebook.
        page = html.escape(self.to_html())
        return (
            f'<iframe sandbox srcdoc="{page}" width="100%" height="720" style="border: 0"></iframe>'
        )
