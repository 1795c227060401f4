"""Figures of compression: bytes of each day; saving and speed of each codec."""

from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from waterline.errors import UsageError
from workbench.reports.figures.axes import INK, QUIET, PointLabel, label_points, plain, write_title

RAW: Final = "#C9D3DC"
STORED: Final = "#3386C2"

# Colours of Okabe and Ito ("Color Universal Design", 2008), and a marker each.
CODECS: Final[dict[object, tuple[str, str]]] = {
    ("parquet", "zstd"): ("#3386C2", "o"),
    ("parquet", "snappy"): ("#009E73", "D"),
    ("parquet", "lz4"): ("#CC79A7", "^"),
    ("parquet", "gzip"): ("#E69F00", "v"),
    ("json.gz", "gzip"): ("#D55E00", "s"),
}
_OTHER: Final = (QUIET, "P")

# Bars that have room for their saving above, and for a name each below.
_BARS_WITH_SAVED: Final = 14
_NAMES: Final = 8
_WIDTH: Final = 0.72
_BYTES: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "bytes"))
"""Factors and units; a MB is 10^6 bytes, as for speed."""


def draw_batches(report: pd.DataFrame) -> Figure:
    """Draw bytes of each day's logs as JSON and in the archives.

    If all logs are of one day, each batch has a bar. Pruned logs take nothing.

    Args:
        report: what `compression` returned, or some of its rows.

    Raises:
        UsageError: the report has no rows.
    """
    if not len(report):
        raise UsageError("there is nothing to draw: no logs are archived yet")
    sums = _sums(report)
    whole = sums["raw_bytes"] + sums["pruned_bytes"]
    factor, unit = _unit(float(whole.max()))
    figure, axes = plain()
    for column, colour, label in (
        ("raw_bytes", RAW, "as JSON"),
        ("stored_bytes", STORED, "in the archives"),
    ):
        axes.bar(range(len(sums)), sums[column] / factor, _WIDTH, color=colour, label=label)
    _draw_pruned(axes, sums, factor)
    if len(sums) <= _BARS_WITH_SAVED:
        _write_saved(axes, sums, factor)
    axes.set_xticks(*_names(sums.index))
    # Few bars are as wide as four would be.
    beside = max(0.6, (4 - len(sums)) / 2)
    axes.set_xlim(-beside, len(sums) - 1 + beside)
    axes.set_ylim(0, 1.12 * whole.max() / factor)
    axes.set_ylabel(unit, color=QUIET)
    axes.set_xlabel(_what_bars_are(report), color=QUIET)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=3, frameon=False)
    write_title(axes, _title_of_batches(sums))
    return figure


def _sums(report: pd.DataFrame) -> pd.DataFrame:
    by_day = _is_of_days(report)
    kept = report["place"] != "pruned"
    sums = pd.DataFrame(
        {
            "name": report["day"] if by_day else report["file"].str.rpartition("/")[2],
            "raw_bytes": report["raw_bytes"].where(kept, 0),
            "stored_bytes": report["stored_bytes"].where(kept, 0),
            "pruned_bytes": report["raw_bytes"].mask(kept, 0),
        }
    )
    return sums.groupby("name", sort=by_day).sum()


def _is_of_days(report: pd.DataFrame) -> bool:
    return report["day"].nunique() > 1


def _what_bars_are(report: pd.DataFrame) -> str:
    if _is_of_days(report):
        return "day on which the logs came in, UTC"
    return f"batch of the logs that came in on {report['day'].iloc[0]}, UTC"


def _draw_pruned(axes: Axes, sums: pd.DataFrame, factor: int) -> None:
    is_pruned = (sums["pruned_bytes"] > 0).to_numpy()
    if not is_pruned.any():
        return
    pruned = sums[is_pruned] / factor
    axes.bar(
        is_pruned.nonzero()[0],
        pruned["pruned_bytes"],
        _WIDTH,
        bottom=pruned["raw_bytes"],
        fill=False,
        edgecolor=QUIET,
        linestyle=(0, (2, 2)),
        linewidth=0.8,
        label="as JSON, pruned",
    )


def _title_of_batches(sums: pd.DataFrame) -> str:
    raw, stored = int(sums["raw_bytes"].sum()), int(sums["stored_bytes"].sum())
    if not raw:
        return f"All archived logs were pruned: {_in_words(int(sums['pruned_bytes'].sum()))}"
    return f"{1 - stored / raw:.1%} saved: {_in_words(raw)} of logs take {_in_words(stored)}"


def _write_saved(axes: Axes, sums: pd.DataFrame, factor: int) -> None:
    for place, (_, bar) in enumerate(sums.iterrows()):
        if bar["raw_bytes"]:
            top = (bar["raw_bytes"] + bar["pruned_bytes"]) / factor
            text = f"{1 - bar['stored_bytes'] / bar['raw_bytes']:.1%}"
            axes.annotate(
                text, (place, top), (0, 3), textcoords="offset points", ha="center", va="bottom",
                color=INK, fontsize=9,
            )  # fmt: skip


def _names(names: "pd.Index[Any]") -> tuple[list[int], list[str]]:
    step = -(-len(names) // _NAMES)
    # Counted from the newest, so that it always has its name.
    places = sorted(range(len(names) - 1, -1, -step))
    return places, [str(names[place]) for place in places]


def _unit(size: float) -> tuple[int, str]:
    return next((each for each in _BYTES if size >= each[0]), _BYTES[-1])


def _in_words(size: int) -> str:
    factor, unit = _unit(size)
    amount = size / factor
    return f"{amount:,.0f} {unit}" if amount >= 100 or factor == 1 else f"{amount:.1f} {unit}"


def draw_codecs(report: pd.DataFrame) -> Figure:
    """Draw the saving of each codec against its speed of writing; better is up and right.

    Args:
        report: what `compression_compare` returned, or some of its rows.

    Raises:
        UsageError: the report has no rows.
    """
    if not len(report):
        raise UsageError("there is nothing to draw: the report has no rows")
    figure, axes = plain(height=5.0)
    for key, rows in report.groupby(["format", "codec"], sort=False):
        colour, marker = CODECS.get(key, _OTHER)
        speeds, saved = rows["write_mb_per_s"], 100 * rows["saved"]
        axes.plot(speeds, saved, color=colour, linewidth=1, alpha=0.45, zorder=2)
        axes.scatter(speeds, saved, s=46, color=colour, marker=marker, zorder=3, label=_name(*key))
    default = report[report["is_default"]]
    axes.scatter(
        default["write_mb_per_s"], 100 * default["saved"], s=190, facecolors="none",
        edgecolors=INK, linewidths=1.4, zorder=4, label="the default",
    )  # fmt: skip
    axes.set_xscale("log")
    _tick_speeds(axes)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}%"))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.margins(x=0.13, y=0.12)
    axes.set_xlabel("MB of JSON written each second (logarithmic)", color=QUIET)
    axes.set_ylabel("saved", color=QUIET)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=6, columnspacing=1.4,
                handletextpad=0.3, frameon=False)  # fmt: skip
    write_title(axes, "What each codec saves, and how fast it writes")
    label_points(
        axes,
        [
            PointLabel(_label(row), row["write_mb_per_s"], 100 * row["saved"], row["is_default"])
            for _, row in report.iterrows()
        ],
    )
    return figure


def _name(format: object, codec: object) -> str:  # noqa: A002 - the column's name
    # The name of json.gz includes its codec.
    return f"{format} {codec}" if format == "parquet" else str(format)


def _tick_speeds(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda speed, _: f"{speed:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


def _label(row: "pd.Series[Any]") -> str:
    name = row["codec"] if row["format"] == "parquet" else row["format"]
    return name if pd.isna(row["level"]) else f"{name} {row['level']}"
