"""Figures of a bench, as people read them."""

from workbench.bench.figures import Archived, Bench, Ingest, Question, Times, rows_of


def test_percentiles_are_of_all_times() -> None:
    assert Times.of([each / 1000 for each in range(100, 0, -1)]) == Times(50.0, 99.0)


def test_each_figure_is_a_row_with_its_unit() -> None:
    found = Bench(
        machine={"cores": 2},
        folder="/srv",
        logs=9,
        fsync=Times(0.5, 1.25),
        ingest=(Ingest(1, 20_000.4, 5_400_000), Ingest(100, 90_000, 24_000_000)),
        ack_rate=1000,
        ack=Times(1.5, 10.0),
        archive=Archived(logs=205_000, raw_bytes=50_000_000, stored_bytes=4_000_000, seconds=0.5),
        questions=(Question("count of 9 logs", 0.00125),),
        seconds=17.0,
    )
    assert rows_of(found) == [
        ("write of 4 KiB and fsync", "p50 0.50 ms, p99 1.25 ms"),
        ("a log a frame", "20,000 logs/s, 5.4 MB/s"),
        ("100 logs a frame", "90,000 logs/s, 24.0 MB/s"),
        ("ack at 1,000 logs/s", "p50 1.50 ms, p99 10.00 ms"),
        ("archiving 205,000 logs", "100 MB/s of JSON, 8.0% of it"),
        ("count of 9 logs", "1.2 ms"),
    ]
