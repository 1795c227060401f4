"""The frame of a table in a notebook: what stands above it, its head, its foot, and its search."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from workbench.display import safe

_HERE: Final = Path(__file__).parent
_STYLE: Final = (_HERE / "table_frame.css").read_text(encoding="utf-8")
_SCRIPT: Final = f"<script>{{{(_HERE / 'table_frame.js').read_text(encoding='utf-8')}}}</script>"


def framed(
    title: str, columns: Sequence[str], rows: Iterable[str], foot: str, *, has_search: bool = True
) -> Iterator[str]:
    """Yield the HTML of a table.

    Args:
        title: HTML above it.
        columns: titles of the columns, as text.
        rows: HTML of each row.
        foot: HTML below it.
        has_search: whether a script may add a search.
    """
    head = "".join(f'<th align="left">{safe(each)}</th>' for each in columns)
    yield f'<div class="wl-logs" data-lm-suppress-shortcuts="true"><style>{_STYLE}</style>'
    yield f'<p class="wl-head"><span>{title}</span></p>'
    yield f'<div class="wl-box"><table class="wl-table"><thead><tr>{head}</tr></thead><tbody>'
    yield from rows
    yield f'</tbody></table></div><p class="wl-foot">{foot}</p>'
    yield f"{_SCRIPT if has_search else ''}</div>"


def left_out(said: str, columns: int) -> str:
    """Return a row in place of others.

    Args:
        said: what is left out, as HTML.
        columns: number of columns.
    """
    return f'<tr class="wl-gap"><td colspan="{columns}">… {said}</td></tr>'
