"""The page of a session: its template around the dashboard's parts."""

# Panel has types in part only.
# mypy: allow-untyped-calls

from pathlib import Path
from typing import Final

import jinja2
import panel as pn
from bokeh.document import Document
from bokeh.events import ConnectionLost
from bokeh.models import CustomJS

from workbench.dashboard.origin import Origin
from workbench.dashboard.viewer import Dashboard
from workbench.dashboard.watched import shared

_HERE: Final = Path(__file__).parent
# Whatever comes from outside is escaped where it is made, or a text node.
_TEMPLATE: Final = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(
    (_HERE / "page.html").read_text(encoding="utf-8")
)
_STYLE: Final = (_HERE / "page.css").read_text(encoding="utf-8")
# Otherwise each part would bring a model that tells the size of the browser's window.
pn.config.browser_info = False


def make_page(document: Document, origin: Origin) -> None:
    """Put a dashboard into the document of a session that is being made.

    Args:
        document: the document.
        origin: what all pages of this process show.
    """
    with document.models.freeze():
        for name, part in Dashboard(shared(origin)).parts().items():
            part.server_doc(document, title="Waterline", location=False)
            document.roots[-1].name = name
    document.template = _TEMPLATE
    document.template_variables["page_css"] = _STYLE
    tell_of_loss = CustomJS(code="window.dispatchEvent(new Event('waterline-lost'))")
    document.js_on_event(ConnectionLost, tell_of_loss)
