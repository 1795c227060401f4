"""The diagrams of docs/architecture.md, on a grid; `make diagrams` writes docs/pictures/*.svg.

Each has a ground of its own, and takes dark colours where the system is dark: it can be read on any
page.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "docs" / "pictures"
BOX: Final = (176, 74)
GAP: Final = (62, 40)
MARGIN: Final = 18

_STYLE: Final = """
  .ground { fill: #ffffff; stroke: #d5dde3; }
  .box { fill: #f1f6fa; stroke: #7b97ab; }
  .disk { fill: #fdf3e1; stroke: #b98a3c; }
  .outside { fill: #ffffff; stroke: #7b97ab; stroke-dasharray: 4 3; }
  .title { fill: #16232e; font: 600 13px ui-monospace, Menlo, Consolas, monospace; }
  .line { fill: #3c4d5a; font: 11.5px system-ui, sans-serif; }
  .label { fill: #3c4d5a; font: italic 11px system-ui, sans-serif; }
  .arrow { stroke: #4a6375; stroke-width: 1.4; fill: none; }
  .head { fill: #4a6375; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #161d23; stroke: #35424c; }
    .box { fill: #22303b; stroke: #6f8ea5; }
    .disk { fill: #3a2f1b; stroke: #c79a4e; }
    .outside { fill: #161d23; stroke: #6f8ea5; }
    .title { fill: #eef4f8; }
    .line, .label { fill: #b9c8d3; }
    .arrow { stroke: #93adc0; }
    .head { fill: #93adc0; }
  }
"""
_HEAD: Final = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker>'
)


@dataclass(frozen=True, slots=True)
class Box:
    """What stands at a place of the grid: a column and a row, over so many rows."""

    column: int
    row: int
    title: str
    lines: Sequence[str] = ()
    kind: str = "box"
    rows: int = 1

    @property
    def left(self) -> int:
        """Pixels from the left edge."""
        return MARGIN + self.column * (BOX[0] + GAP[0])

    @property
    def top(self) -> int:
        """Pixels from the top edge."""
        return MARGIN + self.row * (BOX[1] + GAP[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return self.rows * BOX[1] + (self.rows - 1) * GAP[1]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another in the same row or column, by their names."""

    start: str
    end: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes by name, and arrows between them; `about` is read where it cannot be seen."""

    about: str
    boxes: Mapping[str, Box]
    arrows: Sequence[Arrow]

    def svg(self) -> str:
        """Return the picture."""
        columns = 1 + max(each.column for each in self.boxes.values())
        rows = max(each.row + each.rows for each in self.boxes.values())
        width = 2 * MARGIN + columns * BOX[0] + (columns - 1) * GAP[0]
        height = 2 * MARGIN + rows * BOX[1] + (rows - 1) * GAP[1]
        ground = f'x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"'
        arrows = (
            _drawn_arrow(self.boxes[each.start], self.boxes[each.end], each.label)
            for each in self.arrows
        )
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(self.about)}</title>",
            f"<style>{_STYLE}</style>",
            _HEAD,
            f'<rect class="ground" {ground}/>',
            *arrows,
            *map(_drawn_box, self.boxes.values()),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def _drawn_box(box: Box) -> str:
    middle = box.left + BOX[0] / 2
    first = box.top + box.height / 2 - 8 * len(box.lines) + 5
    texts = [f'<text class="title" x="{middle:g}" y="{first:g}">{escape(box.title)}</text>']
    texts += [
        f'<text class="line" x="{middle:g}" y="{first + 17 + 15 * at:g}">{escape(line)}</text>'
        for at, line in enumerate(box.lines)
    ]
    return (
        f'<rect class="{box.kind}" x="{box.left}" y="{box.top}" width="{BOX[0]}" '
        f'height="{box.height}" rx="6"/>\n<g text-anchor="middle">{"".join(texts)}</g>'
    )


def _drawn_arrow(start: Box, end: Box, label: str) -> str:
    if start.column == end.column:
        x = start.left + BOX[0] / 2
        is_down = start.row < end.row
        begin = start.top + start.height if is_down else start.top
        stop = end.top if is_down else end.top + end.height
        line = f"M{x:g} {begin}V{stop + (-2 if is_down else 2)}"
        place, anchor = (x + 8, (begin + stop) / 2 + 4), "start"
    else:
        # Where one of them is taller, the arrow is level with the other.
        level = end if start.rows > end.rows else start
        y = level.top + BOX[1] / 2
        is_right = start.column < end.column
        begin = start.left + (BOX[0] if is_right else 0)
        stop = end.left + (0 if is_right else BOX[0])
        line = f"M{begin} {y:g}H{stop + (-2 if is_right else 2)}"
        place, anchor = ((begin + stop) / 2, y - 7), "middle"
    text = (
        f'\n<text class="label" x="{place[0]:g}" y="{place[1]:g}" text-anchor="{anchor}">'
        f"{escape(label)}</text>"
    )
    return f'<path class="arrow" d="{line}" marker-end="url(#head)"/>{text if label else ""}'


PACKAGES: Final = Diagram(
    "Three packages: server and workbench both import waterline, and not each other",
    {
        "server": Box(0, 0, "server/", ["always on: ingest, live,", "monitoring; no DataFrames"]),
        "waterline": Box(1, 0, "waterline/", ["logs, storage, archives,", "metrics, settings"]),
        "workbench": Box(2, 0, "workbench/", ["questions, reports, page,", "producer, command"]),
    },
    [Arrow("server", "waterline", "imports"), Arrow("workbench", "waterline", "imports")],
)

LOG: Final = Diagram(
    "A log: from its producer through decode and the writer into logs.db, and the ack back",
    {
        "producer": Box(0, 0, "producer", ["WebSocket or POST"], "outside", rows=2),
        "ingest": Box(1, 0, "ingest/", ["websocket/ takes whole", "frames; http takes bodies"]),
        "decode": Box(2, 0, "decode", ["checks column by column,", "by the rules of records"]),
        "writer": Box(3, 0, "writer", ["takes all that waits into", "one transaction"]),
        "logs": Box(3, 1, "logs.db", ["COMMIT is one fsync", "for many logs"], "disk"),
        "commit": Box(2, 1, "connections", ["hands the Commit out,", "on the event loop"]),
        "replies": Box(1, 1, "ingest/replies", ["all acks of a message", "as one string"]),
        "hub": Box(2, 2, "live/hub", ["encodes a log once", "for all its readers"]),
        "reader": Box(1, 2, "reader", ["of /live"], "outside"),
        "meter": Box(2, 3, "metering", ["counts, sums, sketches", "of the second"]),
        "metrics": Box(3, 3, "metrics.db", ["rollup_thread writes", "what has ended"], "disk"),
    },
    [
        Arrow("producer", "ingest", "frames"),
        Arrow("ingest", "decode", "bytes"),
        Arrow("decode", "writer", "Batch"),
        Arrow("writer", "logs", "one INSERT"),
        Arrow("logs", "commit", "Commit"),
        Arrow("commit", "replies", "first"),
        Arrow("replies", "producer", "acks"),
        Arrow("commit", "hub", "then"),
        Arrow("hub", "reader", "frames"),
        Arrow("hub", "meter", "at last"),
        Arrow("meter", "metrics", "seconds"),
    ],
)

QUESTION: Final = Diagram(
    "A question: through the cache and one read transaction to hot rows and verified batches",
    {
        "wb": Box(0, 0, "wb.logs(…)", ["in a notebook"], "outside"),
        "question": Box(1, 0, "query/question", ["which logs,", "one immutable value"]),
        "cache": Box(2, 0, "query/cache", ["the same question,", "up to a mark?"]),
        "execute": Box(3, 0, "query/execute", ["only what is new", "must be read"]),
        "logs": Box(3, 1, "logs.db", ["one transaction: catalog,", "watermark, hot rows"], "disk"),
        "archived": Box(
            2, 1, "query/archived", ["rules batches out, reads", "the others' columns"]
        ),
        "files": Box(2, 2, "archives/", ["SHA-256 of the whole file", "is checked first"], "disk"),
        "rows": Box(1, 1, "one table", ["each log once, by time;", "what it lacks is named"]),
        "frame": Box(0, 1, "DataFrame", ["attrs: pin, rows,", "what is missing"], "outside"),
    },
    [
        Arrow("wb", "question", "filters"),
        Arrow("question", "cache"),
        Arrow("cache", "execute", "KnownAnswer"),
        Arrow("execute", "logs", "one moment"),
        Arrow("logs", "archived", "batches"),
        Arrow("files", "archived", "verified"),
        Arrow("archived", "rows", "Arrow"),
        Arrow("rows", "frame"),
    ],
)

OLD_LOGS: Final = Diagram(
    "Old logs: from logs.db into a verified batch file, then their rows are removed",
    {
        "due": Box(
            0, 0, "archive_scheduler", ["each minute: is it due?", "or archive run by hand"]
        ),
        "run": Box(1, 0, "jobs/run", ["a process of low priority,", "one at a time by a lock"]),
        "hot": Box(2, 0, "archive/hot_rows", ["one day, at most", "100,000 logs, 64 MiB"]),
        "write": Box(3, 0, "archive/writer", ["encode, write, fsync,", "rename, fsync the folder"]),
        "check": Box(3, 1, "read back", ["and compared with", "the rows, log by log"]),
        "catalog": Box(
            2, 1, "logs.db", ["one short transaction: a", "batch, and the watermark"], "disk"
        ),
        "remove": Box(1, 1, "jobs/remove", ["slices, and rests as", "producers need them"]),
        "pages": Box(0, 1, "free pages", ["given back in the", "same small steps"], "disk"),
        "upload": Box(2, 2, "jobs/upload", ["to object storage, checked", "there; manifest last"]),
    },
    [
        Arrow("due", "run", "starts"),
        Arrow("run", "hot"),
        Arrow("hot", "write", "columns"),
        Arrow("write", "check"),
        Arrow("check", "catalog", "equal"),
        Arrow("catalog", "remove", "old rows"),
        Arrow("remove", "pages"),
        Arrow("catalog", "upload", "where archive_dest says so"),
    ],
)

DIAGRAMS: Final[Mapping[str, Diagram]] = {
    "packages": PACKAGES,
    "journey-log": LOG,
    "journey-question": QUESTION,
    "journey-old-logs": OLD_LOGS,
}


def main() -> int:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, diagram in DIAGRAMS.items():
        (FOLDER / f"{name}.svg").write_text(diagram.svg(), encoding="utf-8")
        print(FOLDER / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
