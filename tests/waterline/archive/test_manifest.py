"""manifest.json: what the catalog says of a day, back and forth without loss."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.archived import batch
from waterline.archive.manifest import days_of, manifest_of, parse_manifest
from waterline.errors import ArchiveError
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.watermark import Watermark

SEAM = Watermark("3f9c", "a1b2", 7, 5000)
DAY = "2026-01-05"
numbers = st.integers(-(2**53), 2**53)
counts = st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(0, 2**53), max_size=4)
optional_numbers = st.none() | numbers
texts = st.text(st.characters(codec="utf-8"), max_size=20)
batches = st.builds(
    ArchivedBatch,
    batch=numbers,
    day=st.just(DAY),
    file=texts,
    format=st.sampled_from(["parquet", "json.gz"]),
    rows=st.integers(1, 2**40),
    first_seq=numbers,
    last_seq=numbers,
    first_timestamp=numbers,
    last_timestamp=numbers,
    first_received_at=numbers,
    last_received_at=numbers,
    types=counts,
    sources=counts,
    raw_bytes=st.integers(1, 2**50),
    stored_bytes=st.integers(1, 2**50),
    sha256=texts,
    archived_at=numbers,
    pruned_at=optional_numbers,
    adopted_from=st.none() | texts,
    uploaded_to=st.none() | texts,
    uploaded_at=optional_numbers,
    local_removed_at=optional_numbers,
)


def as_json(content: bytes) -> dict[str, Any]:
    return msgspec.json.decode(content, type=dict[str, Any])


@given(given_batches=st.lists(batches, max_size=5, unique_by=lambda each: each.first_seq))
def test_manifest_gives_back_catalog_in_order_of_seqs(
    given_batches: list[ArchivedBatch],
) -> None:
    content = manifest_of(DAY, given_batches, SEAM)
    manifest = parse_manifest(content, "manifest.json")
    assert manifest.batches == sorted(given_batches, key=lambda each: each.first_seq)
    assert (manifest.archive_date, manifest.folder_id, manifest.version) == (DAY, "3f9c", "2.1")
    assert manifest_of(DAY, manifest.batches, SEAM) == content
    assert manifest_of(DAY, reversed(given_batches), SEAM) == content


def test_same_catalog_gives_same_bytes_whatever_else_watermark_says() -> None:
    some = [batch(1), batch(2)]
    later = Watermark("3f9c", "other", 99, 6000)
    assert manifest_of(DAY, some, SEAM) == manifest_of(DAY, some, later)


def test_totals_are_those_of_what_is_left() -> None:
    some = [
        batch(1, rows=10, raw_bytes=1000, stored_bytes=100),
        batch(2, rows=20, raw_bytes=3000, stored_bytes=300),
        batch(3, rows=40, raw_bytes=9000, stored_bytes=9000, pruned_at=5),
    ]
    manifest = parse_manifest(manifest_of(DAY, some, SEAM), "m")
    assert (manifest.total_batches, manifest.total_files, manifest.total_logs) == (3, 2, 30)
    assert (manifest.raw_bytes, manifest.stored_bytes) == (4000, 400)
    assert manifest.compression_ratio == 10
    assert manifest.space_saved == pytest.approx(0.9)


def test_day_that_is_pruned_altogether_has_no_ratio() -> None:
    manifest = parse_manifest(manifest_of(DAY, [batch(1, pruned_at=5)], SEAM), "m")
    assert (manifest.compression_ratio, manifest.space_saved, manifest.total_logs) == (
        None,
        None,
        0,
    )
    assert len(manifest.batches) == 1


def test_manifest_is_indented_json_with_names_of_version_2_0() -> None:
    content = manifest_of(DAY, [batch(1)], SEAM)
    assert content.startswith(b'{\n  "version": "2.1",\n')
    assert content.endswith(b"}\n")
    read = as_json(content)
    assert read["archiveDate"] == DAY
    assert {"totalBatches", "totalFiles", "totalLogs", "compressionRatio"} < read.keys()
    (found,) = read["batches"]
    assert found["file"] == "2026-01-01/batch-0001.parquet"
    assert found["types"] == {"info": 1000}


@pytest.mark.parametrize("version", ["2.0", "2.2", "3.0", ""])
def test_another_version_is_refused(version: str) -> None:
    changed = as_json(manifest_of(DAY, [batch(1)], SEAM)) | {"version": version}
    with pytest.raises(ArchiveError, match=rf"^m\.json has version {version}, .* reads 2\.1; "):
        parse_manifest(msgspec.json.encode(changed), "m.json")


def test_manifest_cut_off_anywhere_is_refused_and_named() -> None:
    content = manifest_of(DAY, [batch(1)], SEAM).rstrip()
    for end in range(0, len(content), 50):
        with pytest.raises(ArchiveError, match=r"^m\.json is no manifest of Waterline's: "):
            parse_manifest(content[:end], "m.json")


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"null", b"[]", b"{}", b'"\xff"', b'{"version": "2.1"}']
)
def test_invalid_manifest_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"^m\.json is no manifest of Waterline's: "):
        parse_manifest(content, "m.json")


def test_batch_that_lacks_member_is_refused() -> None:
    read = as_json(manifest_of(DAY, [batch(1)], SEAM))
    del read["batches"][0]["sha256"]
    with pytest.raises(ArchiveError, match="sha256"):
        parse_manifest(msgspec.json.encode(read), "m.json")


def test_days_come_in_order_and_batches_in_that_of_their_seqs() -> None:
    same_day = replace(batch(3), day="2026-01-01")
    found = days_of([batch(2), same_day, batch(1)])
    assert list(found) == ["2026-01-01", "2026-01-02"]
    assert [each.batch for each in found["2026-01-01"]] == [1, 3]
    assert days_of([]) == {}
