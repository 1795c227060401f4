"""Where manifests lie: beside batches of json.gz, but apart from folders that hold Parquet.

pandas, pyarrow and Polars read a folder of Parquet whole, and stop at any other file in it.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from waterline.archive.manifest import NAME
from waterline.encoding import FORMATS
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

REMOTE_FOLDER: Final = "_manifests"
"""In a bucket; readers of a whole prefix pass over what begins so."""
_APART: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.json", re.ASCII)


class Paths(NamedTuple):
    """Where the manifest of a day lies, and where it must not lie any more."""

    place: Path
    former: Path


class Keys(NamedTuple):
    """The same in object storage."""

    place: str
    former: str


def local_paths(folder: DataFolder, day: str, batches: Iterable[ArchivedBatch]) -> Paths:
    """Return the paths for a day.

    Args:
        folder: the data folder.
        day: such as 2026-11-23.
        batches: all that the catalog has of the day, pruned ones too.
    """
    beside, apart = folder.archives / day / NAME, folder.manifests / f"{day}.json"
    return Paths(apart, beside) if _has_dataset(batches) else Paths(beside, apart)


def remote_keys(day: str, batches: Iterable[ArchivedBatch]) -> Keys:
    """Return the keys for a day; the arguments are those of `local_paths`."""
    beside, apart = f"{day}/{NAME}", f"{REMOTE_FOLDER}/{day}.json"
    return Keys(apart, beside) if _has_dataset(batches) else Keys(beside, apart)


def manifests_here(folder: DataFolder) -> Iterator[tuple[str, Path]]:
    """Give the manifests of a data folder, each with its day; those that lie apart first."""
    if folder.manifests.is_dir():
        for path in sorted(folder.manifests.iterdir()):
            if (found := _APART.fullmatch(path.name)) is not None:
                yield found[1], path
    for day in folder.day_folders():
        if (day / NAME).exists():
            yield day.name, day / NAME


def manifests_there(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the keys of a bucket that are those of manifests, each with its day, in that order."""
    beside = []
    for key in keys:
        folder, _, name = key.rpartition("/")
        if folder == REMOTE_FOLDER and (found := _APART.fullmatch(name)) is not None:
            yield found[1], key
        elif name == NAME:
            beside.append((folder, key))
    yield from beside


def _has_dataset(batches: Iterable[ArchivedBatch]) -> bool:
    known = (FORMATS.get(each.format) for each in batches)
    return any(each is not None and each.is_dataset for each in known)
