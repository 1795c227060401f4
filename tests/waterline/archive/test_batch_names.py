"""Names of archive files: numbers go on, whatever the catalog and the folder have seen."""

from pathlib import Path

import pytest

from tests.support.folders import DAY, NOON
from waterline.archive.batch import (
    batch_file,
    batch_format,
    batch_number,
    day_text,
    next_number,
)
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat


def test_day_is_told_in_utc() -> None:
    assert day_text(0) == "1970-01-01"
    assert day_text(NOON // DAY) == "2026-03-17"


@pytest.mark.parametrize("number", [1, 9999, 10_000, 123_456])
@pytest.mark.parametrize("format", list(FORMATS.values()))
def test_name_tells_its_number_and_format(number: int, format: BatchFormat) -> None:  # noqa: A002
    file = batch_file("2026-11-23", number, format)
    assert file.startswith("2026-11-23/batch-")
    assert batch_number(file) == number
    assert batch_format(file) is format


def test_names_are_those_of_documentation() -> None:
    assert batch_file("2026-11-23", 1, PARQUET) == "2026-11-23/batch-0001.parquet"
    assert batch_file("2026-11-23", 12, JSON_GZ) == "2026-11-23/batch-0012.json.gz"


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        ".batch-0001.parquet.part",
        "batch-1.parquet",
        "batch-0001.parquet.bak",
        "batch-0001.csv",
        "batch-0001.json",
        "batch-\u0661\u0661\u0661\u0661.parquet",
        "my-batch-0001.parquet",
        "batch-0001.parquet\n",
    ],
)
def test_batch_number_of_other_file_is_none(name: str) -> None:
    assert batch_number(name) is None


def test_first_number_of_day_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "2026-11-23"
    assert next_number(folder, []) == 1
    assert next_number(folder, ["2026-11-22/batch-0007.parquet"]) == 1
    folder.mkdir()
    assert next_number(folder, []) == 1


def test_numbers_go_on_behind_those_of_catalog_and_folder(tmp_path: Path) -> None:
    folder = tmp_path / "2026-11-23"
    folder.mkdir()
    known = ["2026-11-23/batch-0002.parquet", "2026-11-23/batch-0001.json.gz"]
    assert next_number(folder, known) == 3
    (folder / "batch-0007.json.gz").write_bytes(b"somebody else's")
    (folder / "batch-0090.txt").write_bytes(b"no batch")
    assert next_number(folder, known) == 8
    assert next_number(folder, [*known, "2026-11-23/batch-12345.parquet"]) == 12_346
