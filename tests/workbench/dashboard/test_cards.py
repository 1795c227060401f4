"""Text parts of the dashboard, of snapshots made by hand: status, notice, figures, tables."""

from dataclasses import replace

import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnsStreamedEvent

from tests.support.clock import NOON
from waterline.metrics.refusals import NO_SOURCE, Cause
from workbench.dashboard import cards
from workbench.dashboard.figures import DRAWING_SECONDS, LatencyChart, ThroughputChart
from workbench.display import NOTHING, saved, share, short_milliseconds, short_rate, visible
from workbench.reports.archives import ArchivedDay
from workbench.reports.figures.colours import FREE, KNOWN, give_colours
from workbench.snapshots.snapshot import (
    SECOND,
    ArchiveTotals,
    MeasuredSecond,
    MeasuredWindow,
    Percentiles,
    RefusedLately,
    Snapshot,
    StoredLogs,
)

NOW = 1_795_455_000_000
FAST = Percentiles(1.0, 2.0, 3.0)


def window(*seconds: MeasuredSecond, revision: int = 0) -> MeasuredWindow:
    return MeasuredWindow(
        seconds, revision, max((each.begin for each in seconds if each.stored), default=None)
    )


def seen(age: int, *seconds: MeasuredSecond) -> MeasuredWindow:
    """Return a window of a server that was heard so many seconds ago."""
    return replace(window(*seconds), server_seen_at=NOW - age * SECOND)


def second(
    age: int, stored: dict[str, int] | None = None, latency: Percentiles | None = None
) -> MeasuredSecond:
    return MeasuredSecond(NOW - age * SECOND, stored or {}, latency)


def snapshot(**fields: object) -> Snapshot:
    given: dict[str, object] = {"number": 1, "taken_at": NOW, "folder": "data", "waiting": False}
    return Snapshot(**(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (snapshot(window=window(second(3, {"info": 1}))), "Live"),
        (snapshot(window=window(second(11, {"info": 1}))), "Silent since 17:29:49 UTC"),
        (snapshot(window=window(second(90_000, {"a": 1}))), "Silent since 2026-11-22 16:30:00 UTC"),
        (snapshot(), "No logs yet"),
        (snapshot(waiting=True), "Waiting for a server"),
        (snapshot(troubles=("damaged",)), "Cannot read"),
        (snapshot(taken_at=NOW - 16 * SECOND), "Not read since 17:29:44 UTC"),
        (snapshot(taken_at=NOW - 90_000 * SECOND), "Not read since 2026-11-22 16:30:00 UTC"),
        (snapshot(window=seen(2, second(60, {"info": 1}))), "Silent since 17:29:00 UTC"),
        (snapshot(window=seen(30, second(60, {"info": 1}))), "No server since 17:29:30 UTC"),
        (snapshot(window=seen(2)), "No logs yet"),
        (snapshot(window=seen(30)), "No server since 17:29:30 UTC"),
        (snapshot(window=MeasuredWindow(server_seen_at=0)), "No server"),
        # Logs come, but cannot be measured; and a clock that was ahead once.
        (snapshot(window=seen(30), grew_at=NOW - SECOND), "Live"),
        (snapshot(window=seen(2, second(-90_000, {"info": 1}))), "No logs yet"),
    ],
)
def test_status_says_how_it_stands(shown: Snapshot, words: str) -> None:
    assert f"</i>{words}</span>" in cards.status(shown, NOW)


def naming(text: str) -> Snapshot:
    """Return a snapshot in which a text stands wherever one comes from outside."""
    return snapshot(
        folder=text,
        troubles=(text,),
        window=window(second(1, {text: 1})),
        stored=StoredLogs({text: 1}, first_timestamp=1, last_timestamp=2),
        colours=give_colours({}, {text: 1}),
    )


def test_cards_escape_whatever_comes_from_outside() -> None:
    bad = "<script>alert('x')</script>"
    shown = naming(bad)
    made = [
        cards.status(shown, NOW), cards.notice(shown, NOW), cards.key_figures(shown, NOW),
        cards.throughput_legend(shown), cards.latency_legend(shown, NOW), cards.stored(shown),
        cards.notice(snapshot(waiting=True, folder=bad), NOW),
    ]  # fmt: skip
    assert all("<script" not in each for each in made)
    assert sum("&lt;script&gt;" in each for each in made) == 5


def test_key_figures_of_now_are_those_of_the_last_second() -> None:
    shown = snapshot(
        window=window(second(3, {"info": 9}, FAST), second(2, {"info": 2, "error": 1}))
    )
    text = cards.key_figures(shown, NOW)
    assert '<p class="value">3<small>/s</small></p>' in text
    assert "mean 6 · peak 9" in text
    assert '<p class="value">3.00<small>ms</small></p>' in text


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (20, "20 s: </span>mean 1 "),
        (150, "2 min: </span>mean 0.1"),
        (9000, "5 min: </span>mean 0.1"),
    ],
)
def test_mean_is_over_the_seconds_since_the_first_log(first: int, words: str) -> None:
    seconds = [second(age, {"info": 20} if age == 20 else {}) for age in range(300, 0, -1)]
    shown = replace(window(*seconds), first_at=NOW - first * SECOND + 500)
    assert words in cards.key_figures(snapshot(window=shown), NOW)


def test_notice_tells_no_server_from_one_that_cannot_measure() -> None:
    stopped = snapshot(window=seen(30))
    assert "<code>waterline serve --data data</code>" in cards.notice(stopped, NOW)
    unmeasured = replace(stopped, grew_at=NOW - SECOND)
    assert "Logs come in, and are not measured" in cards.notice(unmeasured, NOW)
    assert cards.notice(snapshot(window=seen(2)), NOW) == ""


def test_characters_that_are_not_seen_are_told() -> None:
    assert visible("a\u202eb\x1b[31m\x9b\t\n") == "a\\u202eb\\u001b[31m\\u009b\\u0009\\u000a"
    assert visible("Ünï 水 שלום 👩‍👩‍👧") == "Ünï 水 שלום 👩‍👩‍👧"
    evil = "\u202e"
    shown = naming(evil)
    made = [
        cards.status(shown, NOW), cards.notice(shown, NOW), cards.throughput_legend(shown),
        cards.stored(shown),
    ]  # fmt: skip
    assert all("\\u202e" in each and evil not in each for each in made)


def lately(*causes: tuple[Cause, int]) -> Snapshot:
    return snapshot(refused=tuple(RefusedLately(cause, count, NOON) for cause, count in causes))


def test_refused_is_told_by_source_address_and_reason() -> None:
    text = cards.refused(
        lately(
            (Cause("depth", "shop"), 1200),
            (Cause("too_large", "edge", "/v1/logs"), 1),
            (Cause("unauthorized", NO_SOURCE, "/gelf"), 2),
        )
    )
    assert "Refused in the last hour: 1,200 logs and 3 bodies" in text
    assert '<span title="shop">shop</span></th><td>1,200 <span>logs</span>' in text
    assert "attributes are nested more than 64 levels deep <code>depth</code>" in text
    assert "<td>1 <span>body at /v1/logs</span></td><td>12:00 UTC</td>" in text
    assert '<span title="no known token">no known token</span></th><td>2 <span>bodies at' in text


def test_nothing_refused_takes_no_room() -> None:
    assert cards.refused(snapshot()) == ""


def test_refused_for_many_reasons_are_listed_up_to_a_number_and_counted() -> None:
    causes = [(Cause("depth", f"source-{number}"), 1) for number in range(cards.MAX_CAUSES + 3)]
    text = cards.refused(lately(*causes))
    assert text.count('<th scope="row">') == cards.MAX_CAUSES
    assert "and for 3 more reasons" in text
    assert f"{len(causes)} logs</b>" in text


def test_refused_escapes_reason_and_source_of_a_foreign_file() -> None:
    text = cards.refused(lately((Cause("<script>", "<script>", "<script>"), 1)))
    assert "<script" not in text


def test_ack_latency_that_is_old_is_not_called_now() -> None:
    shown = snapshot(window=window(second(60, {"info": 9}, FAST), second(2)))
    assert "no acks lately" in cards.key_figures(shown, NOW)


def test_count_that_goes_on_says_so() -> None:
    shown = snapshot(stored=StoredLogs({"info": 1234}, complete=False))
    assert "1,234" in cards.key_figures(shown, NOW)
    assert "still counting" in cards.key_figures(shown, NOW)


def test_many_types_are_summed_up() -> None:
    types = {f"kind-{number}": 10 for number in range(20)}
    text = cards.stored(snapshot(stored=StoredLogs(types, 0, 1, 2)))
    assert text.count("<tr>") == 9
    assert "12 other types" in text
    assert "<td>120</td><td>60.0%</td>" in text


ARCHIVES = ArchiveTotals(
    days=(
        ArchivedDay("2026-01-03", 2000, 1_000_000, 80_000),
        ArchivedDay("2026-01-02", 10, 250_000, 50_000, pruned=5),
        ArchivedDay("2026-01-01", 0, 0, 0, pruned=7),
    ),
    batches=3,
    logs=2010,
    raw_bytes=1_250_000,
    stored_bytes=130_000,
    pruned=12,
)


@pytest.mark.parametrize("found", [None, ArchiveTotals()])
def test_archives_card_says_so_before_the_first_archive(found: ArchiveTotals | None) -> None:
    assert cards.archives(snapshot(archives=found)) == (
        '<p class="empty">Nothing is archived yet</p>'
    )


def test_archives_that_cannot_be_read_are_not_called_none() -> None:
    assert "Not known" in cards.archives(snapshot(archives=None, troubles=("damaged",)))


def test_archives_tell_what_they_save_in_all_and_by_day() -> None:
    text = cards.archives(snapshot(archives=ARCHIVES))
    assert '<p class="value">89.6%<small>saved</small></p>' in text
    assert "1.2 MiB of JSON in 127.0 KiB, 3 batches" in text
    first, second, third = text.split("<tbody>")[1].split("</tr>")[:3]
    assert '<th scope="row">2026-01-03</th><td>2,000</td>' in first
    assert first.endswith("<td>92.0%</td>")
    assert '<i style="width:100.0%"></i><b style="width:8.0%"></b>' in first
    assert '<i style="width:25.0%"></i><b style="width:5.0%"></b>' in second
    assert second.endswith("<td>80.0%</td>")
    assert "5 logs were pruned" in second
    assert "7 logs were pruned" in third
    assert third.endswith("<td>pruned</td>")
    assert "<dt>archived</dt><dd>2,010 logs</dd>" in text
    assert "<dt>pruned</dt><dd>12 logs</dd>" in text
    assert "object storage" not in text
    assert "before them" not in text


def test_archives_that_lie_elsewhere_or_long_ago_are_summed_up() -> None:
    text = cards.archives(snapshot(archives=replace(ARCHIVES, bucket_bytes=2048, older_days=1)))
    assert "<dt>only in object storage</dt><dd>2.0 KiB</dd>" in text
    assert "and 1 day before them" in text
    text = cards.archives(snapshot(archives=replace(ARCHIVES, older_days=1200)))
    assert "and 1,200 days before them" in text


def test_archives_of_which_nothing_is_left_are_told_as_pruned() -> None:
    days = (ArchivedDay("2026-01-01", 0, 0, 0, pruned=7),)
    text = cards.archives(snapshot(archives=ArchiveTotals(days=days, pruned=7)))
    assert "All that was archived has been pruned" in text
    assert "<td>pruned</td>" in text
    assert "<dt>archived</dt>" not in text


def test_types_without_a_colour_of_their_own_are_one_layer() -> None:
    stored = {f"kind-{number}": 1 for number in range(8)} | {"error": 2}
    colours = give_colours({}, stored)
    shown = snapshot(window=window(second(1, stored)), colours=colours)
    assert "<span>other types</span><b>3/s</b>" in cards.throughput_legend(shown)
    chart = ThroughputChart()
    chart.update(shown)
    data = chart.source.data
    assert list(data["total"]) == [10]
    assert sum(data[f"slot{number}"][0] for number in range(10)) == 10
    assert (data["slot0"][0], data["slot9"][0]) == (2, 3)


def test_chart_streams_what_is_new_and_starts_anew_with_another_past() -> None:
    chart = LatencyChart()
    first = window(second(3, {"a": 1}, FAST), second(2))
    for _ in range(DRAWING_SECONDS):
        chart.update(snapshot(window=first))
    document, events = Document(), list[object]()
    document.add_root(chart.figure)
    document.on_change(events.append)
    longer = window(*first.seconds, second(1, {"a": 1}, FAST))
    chart.update(snapshot(window=longer))
    assert list(chart.source.data["time"]) == [each.begin for each in longer.seconds]
    assert list(chart.source.data["p99"])[::2] == [3.0, 3.0]
    (streamed,) = (each for each in events if isinstance(each, ColumnsStreamedEvent))
    assert isinstance(streamed, ColumnsStreamedEvent)
    assert streamed.data["time"] == [NOW - SECOND]
    assert not any(getattr(each, "attr", "") == "data" for each in events if each is not streamed)
    chart.update(snapshot(window=window(second(1), revision=1)))
    assert list(chart.source.data["time"]) == [NOW - SECOND]


def test_chart_sends_all_of_it_while_the_page_is_being_drawn() -> None:
    chart, document = LatencyChart(), Document()
    chart.update(snapshot(window=window(second(3, {"a": 1}, FAST), second(2))))
    document.add_root(chart.figure)
    events: list[object] = []
    document.on_change(events.append)
    chart.update(snapshot(window=window(second(3, {"a": 1}, FAST), second(2), second(1))))
    assert any(getattr(each, "attr", "") == "data" for each in events)
    assert not any(isinstance(each, ColumnsStreamedEvent) for each in events)
    assert len(chart.source.data["time"]) == 3


def test_chart_keeps_the_window_and_no_more() -> None:
    chart = LatencyChart()
    for begin in range(0, 50 * DRAWING_SECONDS + 500, 50):
        seconds = [MeasuredSecond((begin + place) * SECOND, {}, None) for place in range(300)]
        chart.update(snapshot(window=MeasuredWindow(tuple(seconds))))
    assert len(chart.source.data["time"]) == 300
    assert chart.source.data["time"][-1] == seconds[-1].begin


def test_colours_are_kept_while_a_type_is_in_use() -> None:
    first = give_colours({}, {"a": 1, "b": 9, "error": 3})
    assert first == KNOWN | {"b": FREE[0], "a": FREE[1]}
    assert give_colours(first, {"a": 100}) is first
    full = give_colours(first, dict.fromkeys("abcdefgh", 1))
    assert [name for name in full if name not in KNOWN] == ["b", "a", "c", "d", "e"]
    later = give_colours(full, {"a": 1, "c": 1, "d": 1, "e": 1, "z": 5})
    assert later["z"] == full["b"]
    assert "b" not in later
    assert len(set(later.values())) == len(later)


def test_numbers_are_short() -> None:
    assert [short_rate(each) for each in (None, 0, 0.25, 3, 9.96, 12.7, 12345.6)] == [
        NOTHING, "0", "0.2", "3", "10.0", "13", "12,346",
    ]  # fmt: skip
    assert [short_milliseconds(each) for each in (None, 0.123, 12.34, 1234.5)] == [
        NOTHING, "0.12", "12.3", "1,234",
    ]  # fmt: skip
    assert [share(*each) for each in ((1, 3), (1, 100_000), (2, 2))] == ["33.3%", "<0.1%", "100.0%"]
    assert [saved(*each) for each in ((1000, 104), (10, 11), (0, 0))] == [
        "89.6%", "-10.0%", NOTHING,
    ]  # fmt: skip
