"""Locations of manifests: beside json.gz batches, but in a folder of their own for Parquet.

pandas, pyarrow and Polars read a whole folder of Parquet, and fail on any other file in it.
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
"""Prefix in a bucket; readers of a whole prefix skip names that begin with an underscore."""
_APART: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.json", re.ASCII)


class Paths(NamedTuple):
    """Path of a day's manifest, and the path that earlier versions used."""

    place: Path
    former: Path


class Keys(NamedTuple):
    """Key of a day's manifest in object storage, and the key that earlier versions used."""

    place: str
    former: str


def local_paths(folder: DataFolder, day: str, batches: Iterable[ArchivedBatch]) -> Paths:
    """Return the paths of a day's manifest.

    Args:
        folder: the data folder.
        day: such as 2026-11-23.
        batches: all batches of the day in the catalog, pruned ones included.
    """
    beside, apart = folder.archives / day / NAME, folder.manifests / f"{day}.json"
    return Paths(apart, beside) if _has_dataset(batches) else Paths(beside, apart)


def remote_keys(day: str, batches: Iterable[ArchivedBatch]) -> Keys:
    """Return the keys of a day's manifest; see `local_paths` for the arguments."""
    beside, apart = f"{day}/{NAME}", f"{REMOTE_FOLDER}/{day}.json"
    return Keys(apart, beside) if _has_dataset(batches) else Keys(beside, apart)


def manifests_here(folder: DataFolder) -> Iterator[tuple[str, Path]]:
    """Yield day and path of each manifest of a data folder, those in the folder apart first."""
    if folder.manifests.is_dir():
        for path in sorted(folder.manifests.iterdir()):
            if (found := _APART.fullmatch(path.name)) is not None:
                yield found[1], path
    for day in folder.day_folders():
        if (day / NAME).exists():
            yield day.name, day / NAME


def manifests_there(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield day and key of each manifest among the keys of a bucket, in the same order."""
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
