"""The screen of `waterline monitor`: fits any terminal, and is safe whatever a server says."""

import re

import msgspec
import pytest

from tests.waterline.test_printable import STEERING
from workbench.fitting import columns_of
from workbench.monitor.figures import Acks, DiskTrend, Figures, SourceRate, disk_trend
from workbench.monitor.pages import Alert, ArchiveRun, Archiving, Backups, LastBackup
from workbench.monitor.screen import HELP, NO_LIMIT, Size, View, lines_of

DAY = 86_400_000
FIGURES = Figures(
    time=1_796_023_320_327,
    url="http://127.0.0.1:3002",
    version="0.2.0",
    status="healthy",
    reasons=(),
    warnings=(),
    uptime_seconds=260.3,
    logs_per_second=1448.25,
    bytes_per_second=2048,
    refused_last_hour=3,
    ack_ms=Acks(2.4, 6.9, 9.9, 12.1),
    queue_bytes=2**20,
    queue_limit_bytes=32 * 2**20,
    disk_free_bytes=70 * 2**30,
    disk_trend=DiskTrend(DAY, -(2.0**30), 70.0),
    database_bytes=2**20,
    wal_bytes=None,
    memory_bytes=50 * 2**20,
    memory_peak_bytes=60 * 2**20,
    connections=1,
    live_readers=2,
    last_seq=9,
    sources=(SourceRate("web", 60.0), SourceRate("mail", 0.5)),
    alerts=(),
    archive=Archiving(scheduled=True),
    backup=Backups(),
)
FAULTY = msgspec.structs.replace(
    FIGURES,
    status="degraded",
    reasons=tuple(f"reason {each} " + "word " * 40 for each in range(20)),
    warnings=("数" * 200,),
    alerts=(Alert("late", "shop", 1_796_023_300_000, 5.25, 2.0),),
    sources=tuple(SourceRate(f"source-{each}", 100.0 - each) for each in range(90)),
)


def shown(figures: Figures, size: Size = NO_LIMIT) -> str:
    return "\n".join(lines_of(View(figures), size, is_coloured=False))


def test_every_figure_is_told() -> None:
    assert shown(FIGURES) == (
        "Waterline 0.2.0   http://127.0.0.1:3002\n"
        "status   healthy   up 4 min 20 s   07:22:00 UTC\n"
        "alerts   none fires\n"
        "in       1,448.2 logs/s   2.0 KiB/s   3 refused in the last hour\n"
        "acks     p50 2.4 ms   p95 6.9 ms   p99 9.9 ms   most 12.1 ms\n"
        "queue    1.0 MiB of 32.0 MiB (3%)\n"
        "disk     70.0 GiB free   full in 70 d, by the last 1 d\n"
        "files    logs.db 1.0 MiB   WAL –\n"  # noqa: RUF001 - as it is shown
        "memory   50.0 MiB   60.0 MiB at most\n"
        "clients  1 connection   2 live readers\n"
        "archive  none since the start\n"
        "backup   not scheduled\n"
        "sources  2 sent, the most first, logs/s:\n"
        "        60.0  web\n"
        "         0.5  mail"
    )


def test_jobs_are_told_with_their_ends() -> None:
    found = msgspec.structs.replace(
        FIGURES,
        archive=Archiving(last_run=ArchiveRun(0, 2.5, 12_000), running=True),
        backup=Backups(last=LastBackup("b", 1000, 7, 1)),
    )
    text = shown(found)
    assert "archive  runs now; 12,000 logs in 2.5 s, 1970-01-01 00:00:00 UTC\n" in text
    assert "backup   7 logs, 1970-01-01 00:00:01 UTC, lacks 1 file\n" in text
    failed = Archiving(last_run=ArchiveRun(0, 2.5, None, "the bucket is gone"))
    text = shown(msgspec.structs.replace(FIGURES, archive=failed))
    assert "archive  failed at 1970-01-01 00:00:00 UTC: the bucket is gone\n" in text


@pytest.mark.parametrize("columns", [1, 5, 20, 29, 30, 60, 80, 200])
@pytest.mark.parametrize("lines", [1, 2, 8, 24, 100])
@pytest.mark.parametrize("figures", [FIGURES, FAULTY], ids=["well", "faulty"])
def test_screen_of_any_size_is_not_exceeded(figures: Figures, columns: int, lines: int) -> None:
    for is_coloured in (False, True):
        found = lines_of(
            View(figures, "it is gone"), Size(columns, lines), is_coloured=is_coloured, foot=HELP
        )
        plain = [re.sub(r"\x1b\[\d*m", "", each) for each in found]
        assert len(plain) <= lines
        assert all(columns_of(each) <= columns for each in plain)
        assert HELP.startswith(plain[-1].removesuffix("…"))


def test_low_screen_shows_fewer_sources_and_keeps_all_else() -> None:
    text = shown(msgspec.structs.replace(FAULTY, reasons=(), warnings=()), Size(120, 18))
    assert text.splitlines()[-1].endswith("source-4")
    assert "backup   not scheduled" in text


def test_long_lines_go_on_below_where_it_is_narrow() -> None:
    text = shown(FIGURES, Size(40, 40))
    assert "acks     p50 2.4 ms   p95 6.9 ms\n         p99 9.9 ms   most 12.1 ms\n" in text


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_nothing_that_a_server_says_steers_the_terminal(text: str) -> None:
    found = msgspec.structs.replace(
        FIGURES,
        version=text,
        status=text,
        reasons=(text,),
        warnings=(text,),
        sources=(SourceRate(text, 1.0),),
        alerts=(Alert(text, text),),
        archive=Archiving(last_run=ArchiveRun(0, 1.0, None, text)),
    )
    for view in (View(found), View(found, text, 5000)):
        for size in (NO_LIMIT, Size(80, 40)):
            for line in lines_of(view, size, is_coloured=False):
                assert line.isprintable()


def test_server_that_is_gone_is_said_above_the_last_figures() -> None:
    view = View(FIGURES, "no server answers", 65_000)
    first, _, third, *_ = lines_of(view, NO_LIMIT, is_coloured=False)
    assert first == "NO ANSWER for 1 min 5 s: no server answers"
    assert third == "status   as it was at 07:22:00 UTC   up 4 min 20 s"


def test_colours_are_escapes_around_the_same_text() -> None:
    coloured = lines_of(View(FAULTY), Size(80, 40), is_coloured=True)
    plain = lines_of(View(FAULTY), Size(80, 40), is_coloured=False)
    assert [re.sub(r"\x1b\[\d*m", "", each) for each in coloured] == plain
    assert any("\x1b[31m" in each for each in coloured)


def test_disk_is_full_when_its_trend_goes_on() -> None:
    assert disk_trend(300.0, 200.0, 2 * DAY) == DiskTrend(2 * DAY, -50.0, 4.0)
    assert disk_trend(200.0, 300.0, DAY) == DiskTrend(DAY, 100.0, None)
    assert disk_trend(200.0, 200.0, DAY).days_to_full is None
