"""Names of archive files: one folder a day, batches numbered in it, numbers never used again."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from waterline.encoding import Format

_BATCH: Final = re.compile(r"batch-(\d{4,})\.(parquet|json\.gz)", re.ASCII)
_SECONDS_A_DAY: Final = 86_400


def day_text(day: int) -> str:
    """Return a day, counted since 1970, as 2026-11-23."""
    return f"{datetime.fromtimestamp(day * _SECONDS_A_DAY, UTC):%Y-%m-%d}"


def batch_file(day: str, number: int, format: Format) -> str:  # noqa: A002 - the field's term
    """Return a batch's file, below the archives: `2026-11-23/batch-0001.parquet`."""
    return f"{day}/batch-{number:04d}.{format}"


def batch_number(file: str) -> int | None:
    """Return the number in a file's name; None where it is not that of a batch."""
    found = _BATCH.fullmatch(Path(file).name)
    return int(found[1]) if found else None


def batch_format(file: str) -> Format:
    """Return the format that the name of a batch's file tells."""
    return Format(Path(file).name.partition(".")[2])


def next_number(folder: Path, known: Iterable[str]) -> int:
    """Return the first number of a day that neither its folder nor the catalog has seen.

    Args:
        folder: that of the day; it may not be there yet.
        known: the files that the catalog names, of this day and others.
    """
    of_day = [file for file in known if file.startswith(f"{folder.name}/")]
    numbers = [batch_number(file) for file in [*of_day, *_names(folder)]]
    return 1 + max((number for number in numbers if number is not None), default=0)


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()] if folder.is_dir() else []
