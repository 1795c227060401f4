"""A place of the page for a chart that is made when it is first shown."""

# Bokeh and Panel have types in part only.
# mypy: allow-untyped-calls

from typing import Any

import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT

# Bokeh would warn of each place that is empty.
silence(EMPTY_LAYOUT)


def chart_place() -> Any:  # noqa: ANN401 - Panel has no types
    """Return an empty place; a chart that is not made has no models to be made and sent."""
    return pn.Column(sizing_mode="stretch_both", margin=0)


def put_chart(place: Any, figure: Any) -> None:  # noqa: ANN401 - as above
    """Put a chart where there is none.

    Args:
        place: what `chart_place` returned.
        figure: the figure of the chart.
    """
    place.append(pn.pane.Bokeh(figure, sizing_mode="stretch_both", margin=0))
