"""The figures of compression show what their reports say, readably."""

import random
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

from tests.support.processes import PATIENCE
from waterline.errors import UsageError
from workbench.reports.figures.axes import Picture
from workbench.reports.figures.draw import draw

pytestmark = pytest.mark.slow

Points = Sequence[tuple[float, float]]

CODECS = [
    *(("parquet", "zstd", level) for level in (1, 3, 6, 9, 15)),
    ("parquet", "snappy", None),
    ("parquet", "lz4", None),
    ("parquet", "gzip", 6),
    *(("json.gz", "gzip", level) for level in (1, 6, 9)),
]


def batches(*rows: tuple[str, int, int, str]) -> pd.DataFrame:
    """Return a report of batches, given by day, raw bytes, stored bytes and place."""
    columns = ["day", "raw_bytes", "stored_bytes", "place"]
    report = pd.DataFrame(rows, columns=columns)
    numbers = report.groupby("day").cumcount() + 1
    report["file"] = [
        f"{d}/batch-{n:04d}.parquet" for d, n in zip(report["day"], numbers, strict=True)
    ]
    return report.assign(rows=1, format="parquet")


def codecs(points: Points) -> pd.DataFrame:
    """Return a comparison whose codecs have these speeds and savings."""
    report = pd.DataFrame(CODECS, columns=["format", "codec", "level"])
    report["level"] = report["level"].astype("Int64")
    report["write_mb_per_s"] = [speed for speed, _ in points]
    report["saved"] = [saved for _, saved in points]
    return report.assign(is_default=[place == 1 for place in range(len(report))])


def scattered(seed: int) -> Points:
    chance = random.Random(seed)
    return [(10 ** chance.uniform(1, 3), chance.uniform(0.8, 0.93)) for _ in CODECS]


SEEN: Points = [
    (830, 0.9015), (685, 0.8959), (280, 0.9105), (192, 0.9157), (36, 0.9187), (1017, 0.8303),
    (991, 0.8392), (116, 0.9048), (189, 0.8282), (85, 0.8703), (47, 0.8744),
]  # fmt: skip


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def heights(figure: Figure) -> dict[str, list[float]]:
    """Return what each kind of bar shows, left to right."""
    return {
        str(bars.get_label()): [round(bar.get_height(), 6) for bar in bars]
        for bars in axes_of(figure).containers
    }


def offsets(dots: Collection) -> list[tuple[float, float]]:
    """Return where the points lie, in the numbers of the axes."""
    return [(float(x), float(y)) for x, y in np.asarray(dots.get_offsets())]


def labels(figure: Figure) -> dict[str, Annotation]:
    return {each.get_text(): each for each in axes_of(figure).texts if isinstance(each, Annotation)}


def ticks(figure: Figure) -> list[str]:
    return [each.get_text() for each in axes_of(figure).get_xticklabels()]


def area(one: BboxBase, other: BboxBase) -> float:
    both = Bbox.intersection(one, other)
    return 0 if both is None else both.width * both.height


# Days


def test_batches_of_a_day_are_one_bar() -> None:
    figure = draw(
        batches(
            ("2026-01-02", 1_000_000, 100_000, "local"),
            ("2026-01-02", 2_000_000, 200_000, "bucket"),
            ("2026-01-01", 4_000_000, 1_000_000, "local"),
        )
    )
    assert heights(figure) == {"as JSON": [4, 3], "in the archives": [1, 0.3]}
    assert ticks(figure) == ["2026-01-01", "2026-01-02"]
    assert set(labels(figure)) == {"75.0%", "90.0%"}
    assert axes_of(figure).get_title("left") == "81.4% saved: 7.0 MB of logs take 1.3 MB"
    assert axes_of(figure).get_ylabel() == "MB"


def test_batches_of_a_single_day_have_a_bar_each() -> None:
    day = "2026-01-02"
    figure = draw(batches((day, 4000, 1000, "local"), (day, 2000, 200, "local")))
    assert heights(figure) == {"as JSON": [4, 2], "in the archives": [1, 0.2]}
    assert ticks(figure) == ["batch-0001.parquet", "batch-0002.parquet"]
    assert axes_of(figure).get_ylabel() == "kB"


def test_pruned_logs_take_nothing_and_are_shown_as_gone() -> None:
    figure = draw(
        batches(
            ("2026-01-01", 8_000, 4_000, "pruned"),
            ("2026-01-02", 4_000, 1_000, "local"),
            ("2026-01-02", 1_000, 500, "pruned"),
        )
    )
    assert heights(figure) == {
        "as JSON": [0, 4],
        "in the archives": [0, 1],
        "as JSON, pruned": [8, 1],
    }
    assert set(labels(figure)) == {"75.0%"}
    assert axes_of(figure).get_title("left") == "75.0% saved: 4.0 kB of logs take 1.0 kB"
    assert axes_of(figure).get_ylim()[1] > 8


def test_archives_that_were_pruned_altogether_are_told_as_such() -> None:
    figure = draw(batches(("2026-01-01", 8_000, 4_000, "pruned")))
    assert axes_of(figure).get_title("left") == "All archived logs were pruned: 8.0 kB"


@pytest.mark.parametrize("days", [1, 2, 14, 15, 40, 400])
def test_names_of_days_never_run_into_each_other(days: int) -> None:
    moments = pd.date_range("2025-01-01", periods=days).strftime("%Y-%m-%d")
    figure = draw(batches(*((day, 10**9, 10**8, "local") for day in moments)))
    figure.draw_without_rendering()
    boxes = [each.get_window_extent() for each in axes_of(figure).get_xticklabels()]
    boxes += [each.get_window_extent() for each in labels(figure).values()]
    assert all(area(one, other) == 0 for one, other in combinations(boxes, 2))
    assert len(labels(figure)) <= 14
    newest = moments[-1] if days > 1 else "batch-0001.parquet"
    assert ticks(figure)[-1] == newest


def test_filtered_rows_of_a_report_can_be_drawn() -> None:
    report = batches(("2026-01-01", 8, 4, "local"), ("2026-01-02", 9, 3, "local"))
    figure = draw(report[report["day"] == "2026-01-02"])
    assert heights(figure) == {"as JSON": [9], "in the archives": [3]}


# Codecs


def test_each_codec_is_a_point_where_its_numbers_say() -> None:
    figure = draw(codecs(SEEN))
    points = [
        (round(x), round(y, 2))
        for dots in axes_of(figure).collections
        if dots.get_label() != "the default"
        for x, y in offsets(dots)
    ]
    assert sorted(points) == sorted((speed, round(100 * saved, 2)) for speed, saved in SEEN)
    assert axes_of(figure).get_xscale() == "log"


def test_each_codec_is_named_and_the_default_stands_out() -> None:
    figure = draw(codecs(SEEN))
    assert set(labels(figure)) == {
        "zstd 1", "zstd 3", "zstd 6", "zstd 9", "zstd 15", "snappy", "lz4", "gzip 6",
        "json.gz 1", "json.gz 6", "json.gz 9",
    }  # fmt: skip
    bold = [name for name, each in labels(figure).items() if each.get_fontweight() == "bold"]
    assert bold == ["zstd 3"]
    (ring,) = (each for each in axes_of(figure).collections if each.get_label() == "the default")
    assert offsets(ring) == [pytest.approx((685, 89.59))]


def test_kinds_differ_by_marker_too_not_by_colour_alone() -> None:
    kinds = axes_of(draw(codecs(SEEN))).collections[:-1]
    shapes = {np.asarray(each.get_paths()[0].vertices).tobytes() for each in kinds}
    assert len(shapes) == len(kinds) == 5


@pytest.mark.parametrize("points", [SEEN, *map(scattered, range(8))])
def test_labels_cover_no_other_label_and_no_point(points: Points) -> None:
    figure = draw(codecs(points))
    figure.draw_without_rendering()
    axes = axes_of(figure)
    boxes = [each.get_window_extent() for each in labels(figure).values()]
    assert all(area(one, other) == 0 for one, other in combinations(boxes, 2))
    assert all(area(each, axes.bbox) == pytest.approx(each.width * each.height) for each in boxes)
    for x, y in axes.transData.transform([(speed, 100 * saved) for speed, saved in points]):
        assert not any(each.contains(x, y) for each in boxes)


# Both


@pytest.mark.parametrize("report", [batches(), codecs(SEEN).iloc[:0]])
def test_empty_report_cannot_be_drawn(report: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="there is nothing to draw"):
        draw(report)


@pytest.mark.parametrize("report", [pd.DataFrame({"seq": [1]}), "no frame", None])
def test_frame_that_is_no_report_is_refused(report: pd.DataFrame) -> None:
    with pytest.raises(
        UsageError,
        match="give what one of compression, compression_compare, latency, throughput returns",
    ):
        draw(report)


def test_notebook_gets_a_picture() -> None:
    figure = draw(codecs(SEEN))
    assert isinstance(figure, Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_workbench_loads_no_matplotlib_before_a_figure_is_asked_for() -> None:
    modules = (
        "workbench.workbench, workbench.reports.figures.draw, workbench.reports.compression_compare"
    )
    program = f"import sys, {modules}\nprint('matplotlib' in sys.modules)"
    assert run(program) == "False\n"


def test_error_without_matplotlib_names_the_extra() -> None:
    program = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import pandas as pd\n"
        "from waterline.errors import UsageError\n"
        "from workbench.reports.figures.draw import draw\n"
        "names = ['day', 'file', 'rows', 'raw_bytes', 'stored_bytes', 'place']\n"
        "try:\n"
        "    draw(pd.DataFrame(columns=names))\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    assert run(program) == (
        "figures need matplotlib, which is not installed; install Waterline with its extra: "
        "pip install 'waterline[lab]'\n"
    )
