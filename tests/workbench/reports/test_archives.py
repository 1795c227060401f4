"""The archives are summed up by day from the catalog, and show themselves."""

import re
from dataclasses import replace
from pathlib import Path

import workbench
from tests.support import archived
from tests.support.archives import archive, change
from tests.support.folders import DAY, NOON, Batch, Log, fill, fill_batches
from waterline.encoding import JSON_GZ, PARQUET

LOG: Log = {"type": "info", "message": "m" * 200}


def test_archives_are_the_sum_of_the_batches(data: Path) -> None:
    fill_batches(data, [Batch([LOG] * 3), Batch([LOG] * 2, received_at=NOON + DAY)])
    batches = archive(data, [(2, PARQUET), (1, JSON_GZ), (2, PARQUET)])
    change(
        data,
        [
            replace(batches[0], pruned_at=NOON),
            replace(batches[2], uploaded_to="s3://logs", local_removed_at=NOON),
        ],
    )
    with workbench.connect(data) as wb:
        found = wb.archives
    _, second, third = batches
    assert found.days.to_dict("records") == [
        {
            "day": each.day,
            "batches": 1,
            "logs": each.rows,
            "raw_bytes": each.raw_bytes,
            "stored_bytes": each.stored_bytes,
            "saved": each.saved,
        }
        for each in (second, third)
    ]
    lines = repr(found).splitlines()
    assert lines[:5] == [
        f"archives     {data / 'archives'}",
        "logs         3",
        "batches      2: bucket 1, local 1",
        f"from         {second.day}",
        f"to           {third.day}",
    ]
    assert re.fullmatch(r"on disk +\S+ \w+ in place of \S+ \w+ as JSON, -?\d+\.\d% saved", lines[5])
    assert lines[6:] == ["pruned       1 batch with 2 logs"]


def test_archives_show_themselves_with_the_last_days(data: Path) -> None:
    fill(data)
    archived.record(data, *(archived.batch(number) for number in range(1, 10)))
    with workbench.connect(data) as wb:
        shown = wb.archives._repr_html_()
    assert "<caption>Waterline archives</caption>" in shown
    assert "<caption>the last 7 days</caption>" in shown
    assert "2026-01-09</th><td>1</td><td>1,000</td><td>293.0 KiB</td>" in shown
    assert "<td>90.0%</td>" in shown
    assert "2026-01-02</th>" not in shown


def test_archives_of_an_unarchived_folder_say_so(data: Path) -> None:
    fill(data, [LOG])
    with workbench.connect(data) as wb:
        found = wb.archives
    assert repr(found).splitlines()[1:] == ["logs         0", "batches      0"]
    assert found.days.empty
    assert {**found.days.dtypes.astype(str)} == {
        "day": "str",
        **dict.fromkeys(("batches", "logs", "raw_bytes", "stored_bytes"), "int64"),
        "saved": "float64",
    }
    assert "by day" not in found._repr_html_()
