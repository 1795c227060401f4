"""A table of a report for reading: patterns, differences or fields, their texts at the left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from workbench.display import safe, whole
from workbench.notebook.log_table import (
    ROWS,
    colours_of,
    cut,
    rows_of,
    text_of,
    time_of,
    varying,
)
from workbench.notebook.table_frame import framed, left_out

_KINDS: Final = (frozenset({"pattern"}), frozenset({"what", "value"}), frozenset({"field", "top"}))
_WIDE: Final = frozenset({"pattern", "value", "example", "top"})


def is_report(frame: pd.DataFrame) -> bool:
    """Return whether a frame has the columns by which a report is known."""
    return any(each <= {*frame.columns} for each in _KINDS)


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows of a report that show themselves, the first ones of many."""

    frame: pd.DataFrame

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        shown = self.frame.head(ROWS)
        names = [str(each) for each in shown.columns]
        title = f"<b>{whole(len(self.frame))} rows</b>"
        return "".join(framed(title, names, self._rows(shown, names), self._foot()))

    def _rows(self, shown: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
        """Yield the HTML of the rows.

        Args:
            shown: those that are shown.
            names: of the columns.
        """
        colours = colours_of(shown, "type" if "type" in names else None)
        for row in rows_of(shown):
            yield f"<tr>{''.join(_cell(name, row[name], colours) for name in names)}</tr>"
        more = len(self.frame) - len(shown)
        if more:
            yield left_out(f"{whole(more)} rows more are not shown", len(names))

    def _foot(self) -> str:
        attrs = self.frame.attrs
        counts = {"of": "logs", "before": "logs_before", "a": "logs_a", "b": "logs_b"}
        parts = [
            f"{what}: {whole(attrs[name])} logs" for what, name in counts.items() if name in attrs
        ]
        if "sampled" in attrs:
            parts.append(f"<b>{safe(str(attrs['sampled']))}</b>")
        return " · ".join([*parts, *varying(attrs)])


def _cell(name: str, value: object, colours: Mapping[str, str]) -> str:
    """Return a cell.

    Args:
        name: the column.
        value: what is in it.
        colours: of types.
    """
    if isinstance(value, dict):
        pairs = "".join(
            f' <code class="wl-pair"><i>{safe(cut(str(key)))}</i> {count:,}</code>'
            for key, count in value.items()
        )
        return f'<td align="left" class="wl-message">{pairs}</td>'
    if isinstance(value, bool):
        return f'<td align="left">{"yes" if value else ""}</td>'
    if isinstance(value, int):
        shown = str(value) if name == "example_seq" else whole(value)
        return f'<td align="right" class="wl-number">{shown}</td>'
    if isinstance(value, float):
        shown = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
        shown = {"inf": "∞", "nan": ""}.get(shown, shown)
        return f'<td align="right" class="wl-number">{shown}</td>'
    if isinstance(value, pd.Timestamp):
        return f'<td align="left" class="wl-time">{time_of(value, of_day=False)}</td>'
    text = text_of(value)
    if name == "type" and text in colours:
        style = f"--wl-colour:{colours[text]}"
        return f'<td align="left"><b class="wl-type" style="{style}">{safe(text)}</b></td>'
    if name == "over_time":
        return f'<td align="left"><code class="wl-bars">{safe(text)}</code></td>'
    kind = "wl-message" if name in _WIDE else "wl-value"
    return f'<td align="left" class="{kind}">{safe(cut(text))}</td>'
