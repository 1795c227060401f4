"""Archive files that are missing are named by /health and the report, and nothing else is."""

from pathlib import Path
from typing import cast

import pytest

from tests.support.archive_runs import LATER, archive, catalog, fill_three_days
from tests.support.folders import alter
from tests.support.processes import serving
from tests.support.waiting import wait_until
from waterline.archive.files import Files, System
from waterline.archive.jobs.prune import plan_prune, prune
from waterline.archive.missing import MissingFiles
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow


@pytest.fixture
def batches(data: Path) -> list[ArchivedBatch]:
    """The batches of three days, four of them."""
    fill_three_days(data)
    archive(data)
    return catalog(data)


@pytest.fixture
def looking(data: Path, batches: list[ArchivedBatch]) -> MissingFiles:
    """Looks for two files at once."""
    return MissingFiles(DataFolder(data), most=len(batches) // 2)


def look_at_all(looking: MissingFiles) -> list[str]:
    for _ in range(3):
        looking.look()
    return looking.reasons()


def test_missing_file_is_named_until_it_is_back(
    data: Path, looking: MissingFiles, batches: list[ArchivedBatch]
) -> None:
    archives = DataFolder(data).archives
    assert look_at_all(looking) == []
    for batch in batches:
        path = archives / batch.file
        path.rename(data / "aside")
        assert look_at_all(looking) == [
            f"1 archive file is missing in {archives}: {batch.file}; put a copy in its place"
        ]
        (data / "aside").rename(path)
        looking.look()  # this one at once, whoever has a turn
        assert looking.reasons() == []


def test_three_of_many_missing_files_are_named(
    data: Path, looking: MissingFiles, batches: list[ArchivedBatch]
) -> None:
    archives = DataFolder(data).archives
    for batch in batches:
        (archives / batch.file).unlink()
    named = ", ".join(batch.file for batch in batches[:3])
    assert look_at_all(looking) == [
        f"4 archive files are missing in {archives}: {named} and 1 more; put copies in their place"
    ]


def test_file_in_bucket_alone_is_not_missing(
    data: Path, looking: MissingFiles, batches: list[ArchivedBatch]
) -> None:
    alter(
        DataFolder(data).logs,
        "UPDATE archive_batches SET local_removed_at = 1, uploaded_to = 's3://b', uploaded_at = 1",
    )
    for batch in batches:
        (DataFolder(data).archives / batch.file).unlink()
    assert look_at_all(looking) == []


def test_no_moment_of_run_or_prune_is_false_alarm(data: Path) -> None:
    fill_three_days(data)
    folder = DataFolder(data)
    looking = MissingFiles(folder)
    said: list[str] = []

    class Watched(System):
        """Looks before each change of a file."""

        def __getattribute__(self, name: str) -> object:
            if not name.startswith("_"):
                looking.look()
                said.extend(looking.reasons())
            return super().__getattribute__(name)

    archive(data, system=Watched())
    prune(folder, plan_prune(folder, LATER), files=Files(Watched()))
    assert said == []
    assert not any(batch.is_kept for batch in catalog(data))
    assert look_at_all(looking) == []


def test_health_is_degraded_and_names_file(data: Path, batches: list[ArchivedBatch]) -> None:
    path = DataFolder(data).archives / batches[0].file
    path.unlink()
    with serving(data, "--archive-after", "never") as server:
        wait_until(lambda: server.get("/health")[1]["status"] == "degraded")
        _, told = server.get("/health")
        (reason,) = cast("list[str]", told["reasons"])
        assert reason.startswith(f"1 archive file is missing in {path.parents[1]}: ")
        assert batches[0].file in reason
