"""The script of each session: the page around the dashboard's parts."""

from pathlib import Path

import panel as pn
from bokeh.events import ConnectionLost
from bokeh.io import curdoc
from bokeh.models import CustomJS

import workbench.dashboard
from workbench.dashboard.viewer import Dashboard

folder = Path(workbench.dashboard.__file__).parent
page = pn.Template((folder / "page.html").read_text(encoding="utf-8"), items=Dashboard().parts())
page.add_variable("page_css", (folder / "page.css").read_text(encoding="utf-8"))
with curdoc().models.freeze():
    page.servable(title="Waterline")
tell_of_loss = CustomJS(code="window.dispatchEvent(new Event('waterline-lost'))")
curdoc().js_on_event(ConnectionLost, tell_of_loss)
