"""A format from outside: registered, it is archived, read and verified as the others are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from tests.support.archive_runs import (
    all_rows,
    archive,
    assert_clean,
    assert_complete,
    catalog,
    fill_three_days,
    lose_logs,
)
from waterline.archive.attribute_columns.known_types import KnownTypes
from waterline.archive.batch import Label, read_label, write_label
from waterline.archive.batch_formats import SERIALIZERS, register
from waterline.archive.columns import NAMES, SCHEMA
from waterline.archive.jobs.rebuild import rebuild_catalog
from waterline.archive.jobs.restore import restore
from waterline.archive.jobs.run_options import encoding_of
from waterline.archive.jobs.verify import verify
from waterline.encoding import FORMATS, BatchFormat, Encoding
from waterline.errors import ArchiveError, SettingsError
from waterline.settings.model import load_settings
from waterline.storage.folder import DataFolder
from workbench.workbench import Workbench

JSON_LINES = BatchFormat(
    name="jsonl", title="JSON lines", codec="none", levels=range(0), level=None, batch_rows=100
)


class JsonLines:
    """Logs as JSON lines behind a line with the label."""

    def encode(
        self,
        table: pa.Table,
        label: Label,
        encoding: Encoding,
        types: KnownTypes | None = None,  # noqa: ARG002 - it has none
    ) -> bytes:
        assert encoding == Encoding(JSON_LINES, "none", None)
        columns = [column.cast(pa.string()).to_pylist() for column in table.columns]
        rows = [msgspec.json.encode(row) for row in zip(*columns, strict=True)]
        return b"\n".join([write_label(label), *rows])

    def decode(
        self,
        content: pa.Buffer | bytes,
        columns: Sequence[str] | None = None,
        members: Iterable[str] | None = None,  # noqa: ARG002 - the text holds all of them
        places: pa.Array | None = None,
    ) -> tuple[pa.Table, Label | None]:
        label, *lines = bytes(content).split(b"\n")
        rows = [msgspec.json.decode(line, type=list[str]) for line in lines]
        texts = [pa.array(each, pa.string()) for each in zip(*rows, strict=True)]
        table = pa.table(
            [each.cast(kind) for each, kind in zip(texts, SCHEMA.types, strict=True)], SCHEMA
        )
        table = table.select(columns or NAMES)
        return table if places is None else table.take(places), read_label(label)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register(JSON_LINES, JsonLines())
    try:
        yield
    finally:
        del FORMATS[JSON_LINES.name], SERIALIZERS[JSON_LINES.name]


def test_registered_format_is_archived_read_and_verified(data: Path) -> None:
    rows = fill_three_days(data)
    archive(data, format=JSON_LINES)
    assert {each.format for each in catalog(data)} == {"jsonl"}
    assert catalog(data)[0].file.endswith("/batch-0001.jsonl")
    assert_complete(data, rows)
    assert_clean(data)
    with Workbench(data) as wb:
        assert sorted(wb.logs()["seq"]) == [row[0] for row in rows]
        assert wb.logs(type="error")["message"].tolist() == [rows[1][6]] * 5


def test_registered_format_is_rebuilt_and_restored(data: Path, tmp_path: Path) -> None:
    rows = fill_three_days(data)
    archive(data, format=JSON_LINES)
    lose_logs(data)
    rebuild_catalog(DataFolder(data))
    assert all_rows(data) == rows
    restore(DataFolder(data), tmp_path / "restored", types=["error"])
    assert all_rows(tmp_path / "restored") == rows[1:]


def test_damaged_file_of_registered_format_is_found(data: Path) -> None:
    fill_three_days(data)
    archive(data, format=JSON_LINES)
    path = DataFolder(data).archives / catalog(data)[0].file
    path.write_bytes(path.read_bytes().replace(b"info", b"inf0"))
    (fault,) = verify(DataFolder(data)).faults
    assert "SHA-256" in fault


def test_settings_name_registered_format(tmp_path: Path) -> None:
    settings = load_settings({"archive_format": "jsonl"}, {}, tmp_path).settings
    assert encoding_of(settings) == Encoding(JSON_LINES, "none", None)
    with pytest.raises(SettingsError, match="jsonl has none, not 3"):
        load_settings({"archive_format": "jsonl", "archive_level": "3"}, {}, tmp_path)


def test_batch_of_unknown_format_is_refused_by_name(data: Path) -> None:
    fill_three_days(data)
    archive(data, format=JSON_LINES)
    del FORMATS[JSON_LINES.name]
    try:
        with pytest.raises(ArchiveError, match="unknown batch format jsonl"):
            all_rows(data)
    finally:
        FORMATS[JSON_LINES.name] = JSON_LINES
