"""An export holds each log once, by seq, in any format, whatever is archived meanwhile."""

import csv
import errno
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.support.archives import Part, adopt, archive, elsewhere, path_of, prune
from tests.support.examples import costly
from tests.support.folders import NOON, Batch, alter_elsewhere, fill, fill_batches
from tests.support.forking import WATERLINE, Started
from tests.support.part_archived import parts
from tests.support.plainly import answer_plainly, same_json, store_plainly
from tests.support.processes import PATIENCE, ServerProcess, run_waterline, serving
from tests.workbench.query.test_execute import folders_and_questions
from waterline import encoding
from waterline.archive.columns import SCHEMA
from waterline.errors import ArchiveError, DataFolderError, UsageError
from waterline.printable import printable_json
from waterline.query_text.parse import TextQuery
from waterline.recognition.time_values import parse_rfc3339
from waterline.records import StoredLog, encode_stored
from waterline.storage.folder import DataFolder
from workbench.exports.export import Exported, export_logs
from workbench.exports.formats import ExportFormat
from workbench.frames import in_microseconds
from workbench.query.question import Question, ask
from workbench.query.scan import PAGE_ROWS, PAGE_SIZE

JSONL, CSV, PARQUET = ExportFormat.JSONL, ExportFormat.CSV, ExportFormat.PARQUET
ODD = ["", '"', 'a "b"\r\n,c', "\r", "\n", "a\tb", "größer 水 💧", "\u2028", "\x00", "a\x00b", "'"]
every_format = pytest.mark.parametrize("format", list(ExportFormat))


def export(
    data: Path,
    format: ExportFormat = JSONL,  # noqa: A002
    question: Question = Question(),  # noqa: B008 - it is immutable
    **options: Any,  # noqa: ANN401 - those of export_logs
) -> tuple[bytes, Exported]:
    stream = io.BytesIO()
    done = export_logs(DataFolder(data), question, format, stream, **options)
    return stream.getvalue(), done


def as_numbers(content: bytes) -> bytes:
    """Return JSON lines with each timestamp as milliseconds, also where it is a text."""
    return re.sub(
        rb'(?m)^([^\n]*?"timestamp":)"([^"]+)"',
        lambda found: b"%b%d" % (found[1], parse_rfc3339(found[2].decode())),
        content,
    )


def logs_in(content: bytes) -> list[StoredLog]:
    return msgspec.json.Decoder(StoredLog).decode_lines(as_numbers(content))


def seqs_in(content: bytes) -> list[int]:
    return [each.seq for each in logs_in(content)]


def fill_oddly(data: Path) -> int:
    """Store odd logs, a part of them archived and a part adopted; return how many."""
    logs: list[dict[str, object]] = [
        {"type": odd or "none", "message": odd, "timestamp": NOON - 5 * at, "odd": [odd, None, 1.5]}
        for at, odd in enumerate(ODD)
    ]
    logs += [
        {"type": "first", "message": "", "timestamp": "0001-01-01T00:00:00Z"},
        {"type": "last", "message": "", "timestamp": "9999-12-31T23:59:59.999Z"},
        {"type": "cut", "message": "", "timestamp": "2026-03-17T12:00:00.120Z"},
    ]
    given = [
        Batch([log | {"id": f'{source},\n"{at}'}], source, NOON + 7)
        for at, log in enumerate(logs)
        for source in ("é", "b")
    ]
    fill_batches(data, given)
    archive(data, [(3, encoding.PARQUET), (4, encoding.JSON_GZ)], clear=True)
    archive(data, [(2, encoding.PARQUET)])
    adopt(data, 15, 18, encoding.PARQUET)
    return 2 * len(logs)


def read_logs(data: Path) -> pd.DataFrame:
    with workbench.connect(data) as wb:
        return wb.logs().sort_values("seq", ignore_index=True)


@costly(240)
@given(
    folders_and_questions(),
    parts,
    st.booleans(),
    st.none() | st.tuples(st.integers(1, 20), st.integers(1, 6)),
)
def test_export_equals_a_plain_filter_of_all_logs(
    drawn: tuple[list[Batch], list[dict[str, Any]]],
    archived: list[Part],
    clear: bool,
    adopted: tuple[int, int] | None,
) -> None:
    batches, asked = drawn
    stored = store_plainly(batches)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        fill_batches(data, batches)
        archive(data, archived, clear=clear)
        if adopted is not None:
            adopt(data, adopted[0], sum(adopted) - 1, encoding.PARQUET)
        for filters in asked:
            filters = {k: v for k, v in filters.items() if k not in ("order", "limit")}
            question = ask(now=NOON, **filters)
            expected = sorted(answer_plainly(stored, question), key=lambda log: log.seq)
            content, done = export(data, question=question)
            found = logs_in(content)
            assert [each.seq for each in found] == [each.seq for each in expected]
            assert (done.logs, done.size, done.lacks) == (len(expected), len(content), None)
            for log, plain in zip(found, expected, strict=True):
                assert plain.id in (None, log.id)
                assert (log.type, log.timestamp) == (plain.type, plain.timestamp)
                assert (log.received_at, log.source) == (plain.received_at, plain.source)
                assert log.message == plain.message
                assert same_json(msgspec.json.decode(log.attributes), plain.attributes)


def test_json_lines_are_those_of_the_live_feed(data: Path) -> None:
    count = fill_oddly(data)
    content, _ = export(data)
    lines = content.splitlines()
    assert len(lines) == content.count(b"\n") == count
    expected = [printable_json(encode_stored(each)) for each in logs_in(content)]
    assert as_numbers(content).splitlines() == expected
    # As numbers these two would be read as seconds and as microseconds.
    assert sum(b'"timestamp":"' in line for line in lines) == 4


def test_csv_is_what_pandas_and_python_read(data: Path) -> None:
    count = fill_oddly(data)
    content, done = export(data, CSV, raw=True)
    expected = read_logs(data)
    frame = pd.read_csv(io.BytesIO(content), keep_default_na=False, lineterminator=None)
    assert (
        (len(frame), frame.columns.tolist()) == (count, SCHEMA.names) == (done.logs, SCHEMA.names)
    )
    for name in ("seq", "id", "type", "source", "message", "attributes"):
        assert frame[name].tolist() == expected[name].tolist()
    for name in ("timestamp", "received_at"):
        moments = frame[name].str.removesuffix("Z").to_numpy().astype("datetime64[ms]")
        assert moments.tolist() == expected[name].dt.tz_localize(None).to_numpy().tolist()
        assert frame[name].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").all()
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    assert [row[6] for row in rows[1:]] == expected["message"].tolist()
    assert frame["timestamp"].tolist()[-1] == "2026-03-17T12:00:00.120Z"


RUN_BY_SPREADSHEETS = [
    "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\rx", "\nx", " =1", '"=1', "'=1",
    "\u00a0=1", "\u200b=1", "\ufeff=1", "\uff1d1", "\uff0b1+1", "\uff0d1+1", "\uff20x", "=", "--5",
]  # fmt: skip
NOT_RUN = ["-5", "+5", "-1.5e3", "-5%", "-1,000.5", "x=1", "", "text", "a\n=b", "2026-01-01", "'"]


def test_csv_cells_that_a_spreadsheet_would_run_are_text(data: Path) -> None:
    texts = [*RUN_BY_SPREADSHEETS, *NOT_RUN]
    fill(
        data,
        [{"id": f"{text}.", "type": text or "none", "message": text} for text in texts],
        source="=source",
    )

    def cells(**options: Any) -> list[dict[str, str]]:  # noqa: ANN401 - those of export_logs
        content, _ = export(data, ExportFormat.CSV, **options)
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))

    safe, raw = cells(), cells(raw=True)
    assert [row["message"] for row in raw] == texts
    assert [row["message"] for row in safe] == [
        f"'{each}" for each in RUN_BY_SPREADSHEETS
    ] + NOT_RUN
    for name in ("id", "type"):
        marked = [row[name] == f"'{plain[name]}" for row, plain in zip(safe, raw, strict=True)]
        assert all(marked[: len(RUN_BY_SPREADSHEETS)])
    assert {row["source"] for row in safe} == {"'=source"}
    assert {row["source"] for row in raw} == {"=source"}


def test_parquet_is_what_pandas_reads_with_the_columns_and_settings_of_archives(
    data: Path, tmp_path: Path
) -> None:
    count = fill_oddly(data)
    path = tmp_path / "logs.parquet"
    done = export_logs(DataFolder(data), Question(), PARQUET, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), read_logs(data))
    assert pq.read_schema(path).equals(in_microseconds(SCHEMA.empty_table()).schema)
    assert (done.logs, done.size) == (count, path.stat().st_size)
    about = pq.read_metadata(path)
    assert about.num_row_groups == 1
    column = about.row_group(0).column(0)
    assert (column.compression, "DELTA_BINARY_PACKED" in column.encodings) == ("ZSTD", True)


@every_format
def test_folder_without_logs_gives_an_empty_export(
    data: Path,
    format: ExportFormat,  # noqa: A002
) -> None:
    fill(data)
    content, done = export(data, format)
    assert done.logs == 0
    if format is JSONL:
        assert content == b""
    elif format is CSV:
        assert content.decode() == ",".join(f'"{name}"' for name in SCHEMA.names) + "\n"
    else:
        assert pq.read_table(io.BytesIO(content)).equals(in_microseconds(SCHEMA.empty_table()))


def test_long_logs_and_many_come_in_pages(data: Path) -> None:
    long = [{"type": "info", "message": "x" * (PAGE_SIZE // 4)} for _ in range(9)]
    fill_batches(data, [Batch([log]) for log in long])
    fill(data, [{"type": "info", "message": ""}] * (PAGE_ROWS + 1))
    archive(data, [(2, encoding.PARQUET)])
    total = len(long) + PAGE_ROWS + 1
    steps: list[int] = []

    def note(_what: str, done: int, total_: int) -> None:
        assert total_ == total
        steps.append(done)

    content, _ = export(data, PARQUET, progress=note)
    assert pq.read_table(io.BytesIO(content))["seq"].to_pylist() == list(range(1, total + 1))
    # Four long ones reach the size of a page.
    assert steps == [2, 6, 9 + PAGE_ROWS - 3, total]
    assert pq.read_metadata(io.BytesIO(content)).num_row_groups > 1


class TestIntoAFile:
    """It has its name once it is whole."""

    def test_file_that_is_there_is_not_written_over_unless_by_force(
        self, data: Path, tmp_path: Path
    ) -> None:
        fill(data, [{"type": "info", "message": "hello"}])
        path = tmp_path / "logs.jsonl"
        path.write_text("mine")
        with pytest.raises(UsageError, match="is there already"):
            export_logs(DataFolder(data), Question(), JSONL, path)
        assert path.read_text() == "mine"
        export_logs(DataFolder(data), Question(), JSONL, path, force=True)
        assert seqs_in(path.read_bytes()) == [1]
        assert {each.name for each in tmp_path.iterdir()} == {"data", "logs.jsonl"}

    @every_format
    def test_damaged_batch_leaves_no_file_and_names_it(
        self,
        data: Path,
        tmp_path: Path,
        format: ExportFormat,  # noqa: A002
    ) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 4)
        path = path_of(data, archive(data, [(2, encoding.PARQUET), (1, encoding.JSON_GZ)])[1])
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        to = tmp_path / "logs"
        with pytest.raises(ArchiveError, match=f"{path} is damaged"):
            export_logs(DataFolder(data), Question(), format, to)
        assert {each.name for each in tmp_path.iterdir()} == {"data"}

    def test_folder_that_is_not_there_or_a_name_that_cannot_be_is_told(
        self, data: Path, tmp_path: Path
    ) -> None:
        fill(data, [{"type": "info", "message": "hello"}])
        for to in (tmp_path / "none" / "logs", data / "logs.db" / "logs", tmp_path / ("x" * 250)):
            with pytest.raises(UsageError, match="cannot be written: "):
                export_logs(DataFolder(data), Question(), JSONL, to)

    def test_file_may_be_read_by_whom_the_umask_lets(self, data: Path, tmp_path: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}])
        path, other = tmp_path / "logs", tmp_path / "other"
        other.touch()
        export_logs(DataFolder(data), Question(), JSONL, path)
        assert path.stat().st_mode == other.stat().st_mode


class TestIntoAStream:
    """What fails there must not look whole."""

    @every_format
    def test_export_into_a_closed_pipe_says_so(
        self,
        data: Path,
        format: ExportFormat,  # noqa: A002
    ) -> None:
        # More than a pipe holds, so that Parquet, too, writes before its end.
        fill(data, [{"type": "info", "message": os.urandom(300).hex()}] * 60_000)
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb", buffering=0) as stream, pytest.raises(BrokenPipeError):  # noqa: PTH123
            export_logs(DataFolder(data), Question(), format, stream)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
    @every_format
    def test_disk_that_is_full_is_told(
        self,
        data: Path,
        format: ExportFormat,  # noqa: A002
    ) -> None:
        fill(data, [{"type": "info", "message": "hello"}])
        with (
            Path("/dev/full").open("wb", buffering=0) as stream,
            pytest.raises(UsageError, match=os.strerror(errno.ENOSPC)),
        ):
            export_logs(DataFolder(data), Question(), format, stream)

    def test_parquet_that_breaks_off_has_no_end(self, data: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 60_000)
        batches = archive(data, [(55_000, encoding.PARQUET), (1, encoding.PARQUET)])
        path_of(data, batches[1]).unlink()
        stream = io.BytesIO()
        with pytest.raises(ArchiveError, match=str(path_of(data, batches[1]))):
            export_logs(DataFolder(data), Question(), PARQUET, stream)
        assert len(stream.getvalue()) > 10_000
        with pytest.raises(pa.ArrowInvalid):
            pq.read_table(io.BytesIO(stream.getvalue()))


def test_pruned_logs_are_told(data: Path) -> None:
    fill(data, [{"type": "info", "message": "hello"}] * 4)
    first, _ = archive(data, [(1, encoding.PARQUET), (2, encoding.PARQUET)])
    prune(data, [first])
    content, done = export(data)
    assert seqs_in(content) == [2, 3, 4]
    assert done.lacks is not None
    assert "1 log" in done.lacks
    assert export(data, question=Question(filters=TextQuery(types=("error",))))[1].lacks is None


def test_folder_without_logs_db_is_told(data: Path) -> None:
    with pytest.raises(DataFolderError, match="there are no logs in"):
        export(data)


def between_pages(act: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Return a progress that acts once, when the first piece is there."""
    pending = [act]

    def progress(_what: str, _done: int, _total: int) -> None:
        while pending:
            pending.pop()()

    return progress


@pytest.mark.slow
class TestMeanwhile:
    """Others change the folder between two pieces; the answer stays that of its beginning."""

    def test_logs_that_are_archived_are_found_in_their_batches(self, data: Path) -> None:
        count = PAGE_ROWS + 500
        fill(data, [{"type": "info", "message": "hello"}] * count)

        def move() -> None:
            elsewhere(
                archive, data, [(PAGE_ROWS // 2, encoding.PARQUET), (count, encoding.PARQUET)]
            )
            alter_elsewhere(data / "logs.db", "DELETE FROM logs")

        content, _ = export(data, progress=between_pages(move))
        assert seqs_in(content) == list(range(1, count + 1))

    def test_logs_that_come_in_are_left_out_wherever_they_are(self, data: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 3)
        archive(data, [(1, encoding.PARQUET)])

        def come_in() -> None:
            elsewhere(fill, data, [{"type": "info", "message": "later"}] * 3)
            elsewhere(archive, data, [(4, encoding.PARQUET)], clear=True)

        content, _ = export(data, progress=between_pages(come_in))
        assert seqs_in(content) == [1, 2, 3]

    def test_batch_that_is_pruned_meanwhile_is_told(self, data: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 3)
        _, batch = archive(data, [(1, encoding.PARQUET), (1, encoding.PARQUET)])
        with pytest.raises(ArchiveError, match=f"{batch.file} was pruned while"):
            export(data, progress=between_pages(lambda: elsewhere(prune, data, [batch])))

    def test_batch_pruned_behind_the_export_changes_nothing(self, data: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 3)
        batch, _ = archive(data, [(1, encoding.PARQUET), (1, encoding.PARQUET)])
        content, done = export(
            data, progress=between_pages(lambda: elsewhere(prune, data, [batch]))
        )
        assert (seqs_in(content), done.lacks) == ([1, 2, 3], None)

    def test_folder_that_is_replaced_is_told(self, data: Path) -> None:
        fill(data, [{"type": "info", "message": "hello"}] * 3)
        archive(data, [(1, encoding.PARQUET)])
        replace = "UPDATE seam SET incarnation = 'another'"
        with pytest.raises(DataFolderError, match="was replaced"):
            export(data, progress=between_pages(lambda: alter_elsewhere(data / "logs.db", replace)))

    def test_server_and_archive_jobs_at_work(self, data: Path, tmp_path: Path) -> None:
        with serving(data, "--archive-after", "never") as server, Jobs(data) as jobs:
            acked: list[int] = []
            send(server, acked, 5_000)

            def note(what: str, done: int, total: int) -> None:
                assert (what, done <= total) == ("exported", True)
                send(server, acked, 500)
                jobs.finish()

            for number in range(4):
                known = set(acked)
                path = tmp_path / f"{number}.jsonl"
                jobs.begin()
                export_logs(DataFolder(data), Question(), JSONL, path, progress=note)
                found = seqs_in(path.read_bytes())
                assert found == sorted(set(found)), "each once, by seq"
                assert known <= set(found) <= set(acked)
                assert len(acked) > len(known)
            assert len(jobs.outputs) == 4
            assert all("archived" in each for each in jobs.outputs)


class Jobs:
    """Archive runs of the real command, one at a time, beside whatever this process does.

    Attributes:
        outputs: what each run that has ended has said.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[str] | None = None
        self.outputs: list[str] = []

    def begin(self) -> None:
        """Start a run that takes all there is, 700 logs to a batch."""
        self.finish()
        self._process = Started(
            [WATERLINE, "archive", "run", "--data", self._data, "--older-than", "0s",
             "--batch-rows", "700"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def finish(self) -> None:
        """Wait for the end of the run, if one is going on."""
        if self._process is None:
            return
        output, errors = self._process.communicate(timeout=PATIENCE)
        assert (self._process.returncode, errors) == (0, "")
        self.outputs.append(output)
        self._process = None

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


def send(server: ServerProcess, acked: list[int], count: int) -> None:
    """Send logs and note the seqs that they are acked with."""
    socket = server.connect(f"{server.ingest}?ack=batch")
    try:
        socket.send(msgspec.json.encode([{"type": "info", "message": "hello"}] * count))
        ack = msgspec.json.decode(socket.recv())
        assert ack["count"] == count, ack
        acked += range(ack["lastSeq"] - count + 1, ack["lastSeq"] + 1)
    finally:
        socket.close()


@pytest.mark.slow
def test_export_can_be_sent_to_another_server(
    data: Path, tmp_path: Path, server: ServerProcess
) -> None:
    source = tmp_path / "source"
    count = fill_oddly(source)
    path = tmp_path / "logs.jsonl"
    export_logs(DataFolder(source), Question(), JSONL, path)
    done = run_waterline("send", path, WATERLINE_URL=server.ingest, WATERLINE_TOKEN=server.token)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        f"sent {count}, stored {count}, duplicates 0, rejected 0",
    )
    before, after = read_logs(source), read_logs(data)
    names = ["id", "type", "timestamp", "message"]
    pd.testing.assert_frame_equal(after[names], before[names])
    kept = [msgspec.json.decode(each) for each in after["attributes"]]
    assert [each["seq"] for each in kept] == before["seq"].tolist()
    assert [each["source"] for each in kept] == before["source"].tolist()
    assert [msgspec.json.encode(each["attributes"]).decode() for each in kept] == before[
        "attributes"
    ].tolist()
