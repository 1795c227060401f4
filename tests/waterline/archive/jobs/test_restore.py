"""A restore holds what a plain filter of the archived logs gives; once whole, it stays the same."""

import errno
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archive_runs import (
    LATER,
    Row,
    all_rows,
    archive,
    catalog,
    files_below,
    fill_three_days,
    hot_rows,
    manifest_path,
    watermark_of,
)
from tests.support.archives import adopt, change, path_of, prune
from tests.support.examples import costly
from tests.support.faulty_files import Fault, FaultySystem, Way
from tests.support.folders import DAY, NOON, Batch, alter, fill, fill_batches
from tests.support.object_store import ObjectStore
from waterline.archive.files import Files
from waterline.archive.jobs.restore import Restored, restore
from waterline.archive.jobs.upload import Destination
from waterline.archive.manifest import days_of, manifest_of
from waterline.archive.reader import follow
from waterline.encoding import FORMATS, JSON_GZ, PARQUET, BatchFormat
from waterline.errors import (
    ArchiveError,
    ArchiveInUse,
    DataFolderError,
    DataFolderInUse,
    UsageError,
)
from waterline.storage.catalog import ArchivedBatch
from waterline.storage.folder import ArchiveLock, DataFolder, ServerLock

every_format = pytest.mark.parametrize("format", list(FORMATS.values()))


def restored(data: Path, into: Path, **wanted: Any) -> Restored:  # noqa: ANN401 - any argument
    return restore(DataFolder(data), into, **wanted)


def plainly(rows: list[Row], **wanted: Any) -> list[Row]:  # noqa: ANN401 - any filter
    since, until = wanted.get("since"), wanted.get("until")
    types, sources = wanted.get("types"), wanted.get("sources")
    return [
        (seq, log_id, kind, timestamp, received_at, source, message, attributes)
        for seq, log_id, kind, timestamp, received_at, source, message, attributes in rows
        if (since is None or timestamp >= since)
        and (until is None or timestamp < until)
        and (types is None or kind in types)
        and (sources is None or source in sources)
    ]


def state(path: Path) -> dict[str, tuple[bytes, int]]:
    """Return what each file of a folder holds, and when it was written."""
    return {
        str(each.relative_to(path)): (each.read_bytes(), each.stat().st_mtime_ns)
        for each in path.rglob("*")
        if each.is_file() and each.suffix != ".lock"
    }


def refusal(data: Path, into: Path, **wanted: Any) -> str:  # noqa: ANN401 - any argument
    """Return why a restore is refused, having seen that nothing was changed."""
    before = state(into) if into.is_dir() else None
    with pytest.raises(UsageError) as raised:
        restored(data, into, **wanted)
    assert (state(into) if into.is_dir() else None) == before
    return str(raised.value)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "restored"


@st.composite
def restores(draw: st.DrawFn) -> tuple[list[Batch], dict[str, Any], list[dict[str, Any]]]:
    """Draw logs, how they are archived, and what is wanted of them."""
    moments = st.integers(NOON - 3, NOON + 3)
    log = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["info", "error", "größer"]),
            "message": st.text(max_size=5),
            "timestamp": moments,
        }
    )
    batches = draw(
        st.lists(
            st.builds(
                Batch,
                logs=st.lists(log, min_size=1, max_size=5),
                source=st.sampled_from(["pump", "valve"]),
                received_at=st.sampled_from([NOON, NOON + DAY]),
            ),
            min_size=1,
            max_size=4,
        )
    )
    how = {
        "format": draw(st.sampled_from([*FORMATS.values()])),
        "batch_rows": draw(st.integers(1, 5)),
        "now": draw(st.sampled_from([LATER, NOON + 30 * DAY])),
    }
    wanted = st.fixed_dictionaries(
        {},
        optional={
            "since": moments,
            "until": moments,
            "types": st.lists(st.sampled_from(["info", "error", "none"]), max_size=2),
            "sources": st.lists(st.sampled_from(["pump", "valve"]), max_size=2),
        },
    )
    return batches, how, draw(st.lists(wanted, min_size=1, max_size=3))


@costly(120)
@given(restores())
def test_restore_equals_plain_filter_of_archived_logs(
    drawn: tuple[list[Batch], dict[str, Any], list[dict[str, Any]]],
) -> None:
    batches, how, wishes = drawn
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill_batches(data, batches)
        rows = hot_rows(data)
        archive(data, **how)
        through = watermark_of(data).archived_through
        archived = [row for row in rows if row[0] <= through]
        for number, wanted in enumerate(wishes):
            into = Path(folder) / f"restored-{number}"
            expected = plainly(archived, **wanted)
            done = restored(data, into, **wanted)
            assert done.logs == len(expected)
            if not expected:
                assert not DataFolder(into).logs.exists()
                continue
            assert all_rows(into) == expected
            assert watermark_of(into).archived_through == expected[-1][0]
            assert catalog(into) == done.batches
            before = state(into)
            assert restored(data, into, **wanted) == replace(done, written=0)
            assert state(into) == before


@every_format
def test_batch_that_matches_wholly_is_copied_and_part_is_written_anew(
    data: Path,
    into: Path,
    format: BatchFormat,  # noqa: A002
) -> None:
    rows = fill_three_days(data)
    archive(data, format=format)
    source = catalog(data)
    done = restored(data, into, types=["error"])
    part, *whole = catalog(into)
    assert [each.file for each in done.batches] == [each.file for each in source]
    assert whole == source[1:]
    for batch in whole:
        assert path_of(into, batch).read_bytes() == path_of(data, batch).read_bytes()
    assert (part.batch, part.file, part.format) == (source[0].batch, source[0].file, format.name)
    assert (part.rows, part.first_seq, part.types) == (1, 2, {"error": 1})
    assert part.archived_at == source[0].archived_at
    assert all_rows(into) == rows[1:]
    assert (done.logs, done.written, done.pruned) == (5, len(source), 0)
    assert done.size == sum(path_of(into, each).stat().st_size for each in done.batches)


def test_batch_that_cannot_match_is_not_opened(data: Path, into: Path) -> None:
    fill_three_days(data)
    archive(data)
    for batch in catalog(data):
        if batch.sources != {"valve": 1}:
            path_of(data, batch).unlink()
    assert restored(data, into, sources=["valve"]).logs == 1
    for wanted in ({"until": -5}, {"since": NOON + 1}, {"types": ["warning"]}):
        assert restored(data, into.with_name("none"), **wanted).logs == 0


def test_folder_is_one_of_its_own_that_workbench_and_server_can_use(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    batches = restored(data, into, until=NOON).batches
    of_source, watermark = watermark_of(data), watermark_of(into)
    assert watermark.folder_id != of_source.folder_id
    assert watermark.incarnation != of_source.incarnation
    for day, of_day in days_of(batches).items():
        assert manifest_path(into, day).read_bytes() == manifest_of(day, of_day, watermark)
    assert files_below(into) == {each.file for each in batches}
    with workbench.connect(into) as wb:
        assert wb.logs()["seq"].sort_values().tolist() == [row[0] for row in rows[1:]]
    (answer,) = fill(into, [{"type": "info", "message": "new"}], received_at=LATER)
    assert answer[1] == rows[-1][0] + 1


def test_restored_adopted_batch_stays_adopted_with_gaps_in_seqs(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    adopted = adopt(data, 5, 6, JSON_GZ)
    archive(data, now=NOON + 30 * DAY + 1)
    restored(data, into)
    found = {each.file: each for each in catalog(into)}
    assert adopted is not None
    assert found[adopted.file].adopted_from == adopted.adopted_from == "0" * 64
    assert all_rows(into) == rows[:3] + rows[4:]
    assert watermark_of(into).archived_through == 6


def test_part_of_what_was_adopted_stays_so_too(data: Path, into: Path) -> None:
    fill_three_days(data)
    adopt(data, 2, 3, PARQUET)
    restored(data, into, sources=["valve"])
    (part,) = catalog(into)
    assert (part.rows, part.adopted_from) == (1, "0" * 64)


def test_id_that_is_archived_twice_is_restored_twice(data: Path, into: Path) -> None:
    again = {"id": "a", "type": "info", "message": "again"}
    fill(data, [again])
    archive(data)
    fill(data, [again], received_at=LATER + 2 * DAY)
    archive(data, now=LATER + 40 * DAY)
    assert restored(data, into).logs == 2
    assert [row[:2] for row in all_rows(into)] == [(1, "a"), (2, "a")]


def test_second_restore_adds_batches_archived_since(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data, now=NOON + 30 * DAY + 1)
    assert restored(data, into).logs == 3
    first = watermark_of(into)
    archive(data)
    done = restored(data, into)
    assert (done.logs, done.written) == (6, 2)
    watermark = watermark_of(into)
    assert all_rows(into) == rows
    assert (watermark.folder_id, watermark.incarnation) == (first.folder_id, first.incarnation)
    assert (first.archived_through, watermark.archived_through) == (3, 6)


def test_batch_below_earlier_watermark_renews_incarnation(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    adopt(data, 6, 6, PARQUET)
    archive(data, now=NOON + 30 * DAY + 1)
    restored(data, into)
    first = watermark_of(into)
    archive(data)
    restored(data, into)
    assert all_rows(into) == rows
    assert watermark_of(into).incarnation != first.incarnation
    assert watermark_of(into).archived_through == first.archived_through == 6


FAULTS = [
    Fault("make_folder", number=errno.ENOSPC),
    Fault("create", number=errno.EACCES),
    Fault("write", Way.HALF, errno.ENOSPC),
    Fault("write", Way.FLIPPED),
    Fault("sync_file"),
    Fault("sync_folder"),
    Fault("rename"),
    Fault("rename", Way.DONE),
    Fault("read"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_failed_restore_is_completed_by_next_run(tmp_path: Path, fault: Fault) -> None:
    data = tmp_path / "data"
    rows = fill_three_days(data)
    archive(data)
    expected = plainly(rows, since=-5, until=NOON + 1)
    wanted = {"until": NOON + 1, "types": ["error", "info"]}
    for call in count(1):
        into = tmp_path / f"restored-{call}"
        system = FaultySystem(into, fault, call)
        try:
            restored(data, into, **wanted, files=Files(system))
            failed = False
        except ArchiveError as error:
            failed = True
            told = str(error)
        if system.hit is None:
            break
        if fault.is_told:
            assert failed
            assert told.startswith(fault.sentence(system.hit))
        else:
            # Nobody reads a manifest, or where the logs are from, until it is needed.
            assert failed is (system.hit.suffix != ".json" and ".json." not in system.hit.name)
        if DataFolder(into).logs.exists():
            assert all_rows(into) == expected
        if failed:
            restored(data, into, **wanted)
        assert all_rows(into) == expected
        assert not [name for name in files_below(into) if name.endswith(".part")]
    assert not failed
    assert call > 2


def test_restored_file_is_not_fetched_again(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    first, second, *_ = catalog(data)
    content = path_of(data, second).read_bytes()
    path_of(data, second).write_bytes(content[:-1])
    with pytest.raises(ArchiveError, match=f"{path_of(data, second)} is damaged"):
        restored(data, into, types=["error"])
    assert not DataFolder(into).logs.exists()
    with pytest.raises(DataFolderError):
        workbench.connect(into)
    path_of(data, second).write_bytes(content)
    path_of(data, first).unlink()
    done = restored(data, into, types=["error"])
    assert all_rows(into) == rows[1:]
    assert done.written == len(done.batches) - 1


@pytest.mark.parametrize("damage", [lambda _: b"", lambda content: content[:-9] + bytes(9)])
@pytest.mark.parametrize("recorded", [True, False])
def test_file_that_was_damaged_since_is_brought_again(
    data: Path, into: Path, damage: Callable[[bytes], bytes], recorded: bool
) -> None:
    rows = fill_three_days(data)
    archive(data)
    done = restored(data, into, types=["error"])
    incarnation = watermark_of(into).incarnation
    if not recorded:
        DataFolder(into).logs.unlink()
    for batch in done.batches:
        path = path_of(into, batch)
        path.write_bytes(damage(path.read_bytes()))
    assert restored(data, into, types=["error"]) == done
    assert all_rows(into) == rows[1:]
    assert (watermark_of(into).incarnation == incarnation) is recorded


def test_part_that_holds_other_logs_than_are_wanted_is_brought_again(
    data: Path, into: Path
) -> None:
    rows = fill_three_days(data)
    archive(data)
    done = restored(data, into, types=["error"])
    DataFolder(into).logs.unlink()
    part = done.batches[0]
    path_of(into, part).write_bytes(path_of(data, part).read_bytes())
    restored(data, into, types=["error"])
    assert all_rows(into) == rows[1:]


class TestRefuses:
    """A restore that could mix logs, or write into what is not its own."""

    @pytest.fixture(autouse=True)
    def archived(self, data: Path) -> None:
        fill_three_days(data)
        archive(data)

    def test_the_source_itself_and_what_lies_in_it_or_around_it(
        self, data: Path, tmp_path: Path
    ) -> None:
        link = tmp_path / "link"
        link.symlink_to(data)
        for into in (data, data / "archives" / "r", data.parent, link, link / ".." / "data" / "r"):
            assert "lie in each other" in refusal(data, into)

    def test_a_folder_with_anything_in_it(self, data: Path, into: Path) -> None:
        into.mkdir()
        (into / "holiday.jpg").write_bytes(b"")
        assert refusal(data, into) == (
            f"{into} holds other files than a restore's; name a new folder with --into"
        )
        assert [each.name for each in into.iterdir()] == ["holiday.jpg"]

    def test_another_data_folder(self, data: Path, into: Path) -> None:
        fill(into, [{"type": "info", "message": "mine"}])
        assert "holds other files" in refusal(data, into)

    @pytest.mark.parametrize(
        "other", [{"since": 1}, {"until": 1}, {"types": ["info"]}, {"sources": ["valve"]}]
    )
    def test_the_restore_of_another_range(
        self, data: Path, into: Path, other: dict[str, Any]
    ) -> None:
        restored(data, into)
        assert refusal(data, into, **other) == (
            f"{into} was restored from other logs, or with another range or filter; "
            "name a new folder with --into"
        )

    def test_the_restore_of_another_folder(self, data: Path, into: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        fill_three_days(other)
        archive(other)
        restored(data, into)
        assert "from other logs" in refusal(other, into)

    def test_a_folder_that_does_not_say_what_it_was_restored_from(
        self, data: Path, into: Path
    ) -> None:
        restored(data, into)
        (into / "restore.json").write_bytes(b"{}")
        assert "does not say what was restored" in refusal(data, into)

    @pytest.mark.parametrize("is_archived", [False, True])
    def test_one_that_has_taken_in_logs_of_its_own(
        self, data: Path, into: Path, is_archived: bool
    ) -> None:
        restored(data, into)
        for folder in (data, into):
            fill(folder, [{"type": "info", "message": folder.name}], received_at=LATER)
        if is_archived:
            # Their files have the same name, their logs the same seqs.
            for folder in (data, into):
                archive(folder, now=LATER + 31 * DAY + (folder == into))
            assert catalog(data)[-1].file == catalog(into)[-1].file
        assert "taken in logs of its own" in refusal(data, into)

    def test_one_that_a_server_or_a_job_holds(self, data: Path, into: Path) -> None:
        restored(data, into)
        with ServerLock(DataFolder(into)), pytest.raises(DataFolderInUse):
            restored(data, into)
        with ArchiveLock(DataFolder(into)), pytest.raises(ArchiveInUse):
            restored(data, into)

    def test_a_file(self, data: Path, into: Path) -> None:
        into.write_bytes(b"")
        with pytest.raises(DataFolderError, match="is a file"):
            restored(data, into)

    def test_a_source_without_logs_or_of_another_version(
        self, data: Path, into: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(DataFolderError, match="there are no logs in"):
            restored(tmp_path / "nowhere", into)
        alter(DataFolder(data).logs, "PRAGMA user_version = 2")
        with pytest.raises(DataFolderError, match="start its server once"):
            restored(data, into)
        assert not into.exists()


def test_source_may_be_in_use(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    with ServerLock(DataFolder(data)), ArchiveLock(DataFolder(data)):
        restored(data, into)
    assert all_rows(into) == rows


def test_empty_selection_makes_no_folder(data: Path, into: Path) -> None:
    fill_three_days(data)
    archive(data)
    assert restored(data, into, types=["none"]) == Restored(batches=[], written=0, pruned=0)
    assert not into.exists()
    # The catalog cannot tell that no log of the pump is an info but the first one.
    nothing = {"types": ["info"], "sources": ["valve"]}
    assert restored(data, into, **nothing).logs == 0
    assert restored(data, into, types=["info"]).logs == 1


def test_logs_that_were_pruned_are_told(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    prune(data, catalog(data)[:1])
    assert restored(data, into, sources=["pump"]).pruned == 2
    assert all_rows(into) == plainly(rows[2:], sources=["pump"])
    done = restored(data, into.with_name("later"), since=NOON + 1)
    assert (done.pruned, done.batches) == (0, [])


def test_restored_batch_stays_when_source_prunes_it(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    restored(data, into)
    prune(data, catalog(data))
    done = restored(data, into)
    assert (done.logs, done.pruned, done.written) == (6, 0, 0)
    assert all_rows(into) == rows


def test_batch_pruned_in_restored_folder_is_not_restored_again(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    restored(data, into)
    prune(into, catalog(into)[:1])
    assert restored(data, into).written == 0
    assert [each.is_kept for each in catalog(into)] == [False, True, True, True]
    assert sum(each.rows for each in catalog(into) if each.is_kept) == len(rows) - 2


def test_batch_that_is_pruned_meanwhile_is_told(data: Path, into: Path) -> None:
    rows = fill_three_days(data)
    archive(data)
    last = catalog(data)[-1]

    def prune_last(what: str, done: int, total: int) -> None:
        if done == 2:
            prune(data, [last])
        assert (what, total) == ("restored", 6)

    with pytest.raises(ArchiveError, match=f"{last.file} was pruned while"):
        restored(data, into, progress=prune_last)
    assert not DataFolder(into).logs.exists()
    assert restored(data, into).logs == 5
    assert all_rows(into) == rows[:-1]


def test_batch_that_has_not_moved_is_not_read_twice(data: Path) -> None:
    fill_three_days(data)
    archive(data)
    batch, read = catalog(data)[0], []

    def fail(given: ArchivedBatch) -> None:
        read.append(given)
        raise ArchiveError("it is damaged")

    with pytest.raises(ArchiveError, match="it is damaged"):
        follow(batch, fail, lambda: catalog(data))
    assert read == [batch]


@pytest.mark.slow
def test_restore_reads_batches_uploaded_meanwhile(
    data: Path, into: Path, store: ObjectStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    rows = fill_three_days(data)
    archive(data)

    def upload(_what: str, done: int, _total: int) -> None:
        if done == 2:
            archive(data, destination=Destination(address=address, keep_local=False))

    restored(data, into, progress=upload)
    assert files_below(data) == set()
    assert all_rows(into) == rows
    assert {(each.uploaded_to, each.local_removed_at) for each in catalog(into)} == {(None, None)}
    later = into.with_name("later")
    restored(data, later, types=["error"])
    assert all_rows(later) == rows[1:]


def test_restore_json_names_source(data: Path, into: Path) -> None:
    fill_three_days(data)
    archive(data)
    restored(data, into, since=NOON - 1, types=["info", "error", "info"])
    said = msgspec.json.decode((into / "restore.json").read_bytes())
    assert said == {
        "version": "1.0",
        "folderId": watermark_of(data).folder_id,
        "incarnation": watermark_of(data).incarnation,
        "since": NOON - 1,
        "until": None,
        "types": ["error", "info"],
        "sources": None,
    }


def test_uploaded_batch_of_restored_folder_stays_as_it_is(data: Path, into: Path) -> None:
    fill_three_days(data)
    archive(data)
    restored(data, into)
    moved = replace(
        catalog(into)[0], uploaded_to="s3://b", uploaded_at=LATER, local_removed_at=LATER
    )
    change(into, [moved])
    path_of(into, moved).unlink()
    assert restored(data, into).written == 0
    assert catalog(into)[0] == moved
