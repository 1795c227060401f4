"""The report as an object: it shows itself in a notebook, and as text."""

import html
from dataclasses import dataclass

from workbench.reports.page.contents import Contents
from workbench.reports.page.page import to_html
from workbench.reports.page.terminal import to_text


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `Workbench.report` returns."""

    contents: Contents
    """The frames and numbers that it was made of."""

    def to_html(self) -> str:
        """Return one HTML page that needs no other file; figures in it need matplotlib."""
        return to_html(self.contents)

    def to_text(self) -> str:
        """Return aligned text of at most 100 columns."""
        return to_text(self.contents)

    def __repr__(self) -> str:
        return self.to_text().rstrip("\n")

    def _repr_html_(self) -> str:
        # In a frame of its own, as a page's style would reach all of the notebook.
        page = html.escape(self.to_html())
        return (
            f'<iframe sandbox srcdoc="{page}" width="100%" height="720" style="border: 0"></iframe>'
        )
