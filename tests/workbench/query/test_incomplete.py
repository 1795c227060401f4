"""An answer that needs files which are missing or damaged is refused, or says what it lacks."""

import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import workbench
from tests.support.archives import archive, change, path_of
from tests.support.folders import NOON, fill
from tests.support.sessions import session_of
from waterline.encoding import PARQUET
from waterline.errors import IncompleteAnswer, MissingLogs, UsageError
from waterline.storage.catalog import ArchivedBatch

LOG = {"type": "info", "message": "m"}


@pytest.fixture
def batches(data: Path) -> list[ArchivedBatch]:
    """Eight logs in batches of one, and a hot one."""
    fill(data, [LOG | {"timestamp": NOON + each} for each in range(9)])
    return archive(data, [(1, PARQUET)] * 8, clear=True)


def test_incomplete_answer_names_all_missing_and_damaged_files(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    gone, cut = (path_of(data, batches[each]) for each in (2, 5))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    with workbench.connect(data) as wb:
        for ask in (
            wb.logs,
            wb.arrow,
            lambda: wb.throughput(exact=True),
            lambda: wb.count(contains="m"),
        ):
            with pytest.raises(IncompleteAnswer) as raised:
                ask()
            told = str(raised.value)
            assert f"cannot read {gone}: No such file or directory" in told
            assert f"{cut} is damaged: " in told
        assert wb.logs(until=NOON + 2)["seq"].tolist() == [1, 2]


def test_incomplete_answer_names_the_first_of_many_files_and_counts_the_others(
    data: Path, batches: list[ArchivedBatch]
) -> None:
    for each in batches:
        path_of(data, each).unlink()
    with workbench.connect(data) as wb, pytest.raises(IncompleteAnswer, match=r"; and 3 more$"):
        wb.logs()


def test_rest_is_returned_where_that_is_wanted(data: Path, batches: list[ArchivedBatch]) -> None:
    gone = path_of(data, batches[6])
    gone.unlink()
    sentence = f"cannot read {gone}: No such file or directory; restore it from a copy"
    with workbench.connect(data) as wb:
        with pytest.warns(MissingLogs) as told:
            frame = wb.logs(incomplete="warn")
        (warning,) = told
        assert str(warning.message) == f"this answer lacks logs: {sentence}"
        assert warning.filename == __file__
        assert frame["seq"].tolist() == [1, 2, 3, 4, 5, 6, 8, 9]
        assert frame.attrs["missing"] == [sentence]
        assert frame.attrs["rows"] == {"hot": 1, "archived": 7}
        with pytest.warns(MissingLogs):
            assert wb.logs(incomplete="warn", limit=3)["seq"].tolist() == [6, 8, 9]


def test_whole_answer_lacks_nothing(data: Path, batches: list[ArchivedBatch]) -> None:
    path_of(data, batches[0]).unlink()
    with workbench.connect(data) as wb, warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = wb.logs(incomplete="warn", since=NOON + 1)
    assert len(frame) == 8
    assert "missing" not in frame.attrs


def test_another_word_is_refused(data: Path, batches: list[ArchivedBatch]) -> None:
    assert batches
    sentence = "incomplete='ignore' is unknown; give 'raise' or 'warn'"
    with workbench.connect(data) as wb, pytest.raises(UsageError, match=re.escape(sentence)):
        wb.logs(incomplete="ignore")  # type: ignore[arg-type]


@pytest.mark.slow
def test_bucket_that_refuses_is_asked_once_not_for_each_batch(
    data: Path, batches: list[ArchivedBatch], monkeypatch: pytest.MonkeyPatch
) -> None:

    away = [
        replace(each, uploaded_to="s3://logs/a", uploaded_at=NOON, local_removed_at=NOON)
        for each in batches[:3]
    ]
    change(data, away)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # where nobody listens
    }.items():
        monkeypatch.setenv(name, value)
    with workbench.connect(data) as wb:
        asked: list[str] = []
        read = session_of(wb).logs.reader.read_packed

        def noted(batch: ArchivedBatch, *wanted: Any) -> object:  # noqa: ANN401 - what is read
            if batch.local_removed_at is not None:
                asked.append(batch.file)
            return read(batch, *wanted)

        monkeypatch.setattr(session_of(wb).logs.reader, "read_packed", noted)
        with pytest.warns(MissingLogs):
            frame = wb.logs(incomplete="warn")
    assert frame["seq"].tolist() == [4, 5, 6, 7, 8, 9]
    assert asked == [batches[2].file]
    first, *others = frame.attrs["missing"]
    assert first.startswith(f"cannot read s3://logs/a/{batches[2].file}: it cannot be reached")
    assert others == [
        f"s3://logs/a/{each.file} is in that object storage too" for each in reversed(batches[:2])
    ]
