"""Which batches a remote workbench gets as their files, and which as rows."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.questions import Questions, answering
from waterline.archive.columns import NAMES
from waterline.clock import now_ms
from waterline.encoding import FORMATS, JSON_GZ, PARQUET
from workbench.query.batch_file import BatchFile
from workbench.query.question import Question, ask
from workbench.wire.codec import CODEC
from workbench.wire.stream import ARROW, Reader

pytestmark = pytest.mark.slow

BATCH = 25_000
# Beside these more logs are hot than are answered at once.
ARCHIVED = 3 * BATCH
LOGS = ARCHIVED + 30_000
OWN = {name: each.version for name, each in FORMATS.items()}
FILES = ["file", "file", "file"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    data = tmp_path_factory.mktemp("files") / "data"
    logs = [
        {
            "type": ("info", "error")[place % 2],
            "message": f"request {place}",
            "timestamp": NOON + place,
            "status": place % 600,
        }
        for place in range(LOGS)
    ]
    fill(data, logs)
    archive(data, [(BATCH, PARQUET), (BATCH, JSON_GZ), (BATCH, PARQUET)], clear=True)
    with answering(data) as questions:
        yield questions


def answered(
    many: Questions,
    question: Question,
    **body: Any,  # noqa: ANN401 - any of a body
) -> tuple[list[BatchFile | pa.RecordBatch], dict[str, Any]]:
    """Return what comes for a question, and what is told at the end."""
    asked = {"question": question, "packed": True, "now": now_ms(), **body}
    headers = {"Authorization": f"Bearer {many.token}", "Accept": ARROW}
    status, content = many.fetch("/query", CODEC.encode(asked), headers)
    assert status == 200, content
    reader = Reader(io.BytesIO(content))
    found = [*reader.batches()]
    assert reader.tail is not None
    return found, reader.tail


def kinds(found: list[BatchFile | pa.RecordBatch]) -> list[str]:
    """Return whether each batch of which logs came did so as its file."""
    told: dict[int, str] = {}
    seq = 1
    for each in found:
        if not isinstance(each, BatchFile):
            seq = each.column("seq")[0].as_py()
        if seq <= ARCHIVED:
            told[(seq - 1) // BATCH] = "file" if isinstance(each, BatchFile) else "rows"
        seq += each.num_rows
    return [*told.values()]


def of(**filters: Any) -> Question:  # noqa: ANN401 - any filter
    return ask(now=NOON, **filters)


@pytest.mark.parametrize(
    ("question", "body", "expected"),
    [
        (of(), {}, FILES),
        (of(order="newest"), {}, FILES),
        (of(since=NOON), {}, FILES),
        (of(), {"after": 0}, FILES),
        (of(), {"files": {}}, ["rows"] * 3),
        (of(), {"files": OWN | {"parquet": "2.9"}}, ["rows", "file", "rows"]),
        (of(since=NOON + 1), {}, ["rows", "file", "file"]),
        (of(until=NOON + ARCHIVED - 1), {}, ["file", "file", "rows"]),
        (of(limit=LOGS - 10), {}, ["rows", "file", "file"]),
        (of(type=["info", "error"]), {}, ["rows"] * 3),
        (of(columns=["seq", "message"]), {}, ["rows"] * 3),
        (of(columns=NAMES[::-1]), {}, FILES),
        # Here rows come with these columns alone, and in this order.
        (of(columns=[name for name in NAMES if name != "timestamp"]), {"after": 0}, ["rows"] * 3),
        (of(columns=NAMES[::-1]), {"after": 0}, ["rows"] * 3),
        (of(), {"after": 10}, ["rows", "file", "file"]),
        (replace(of(), last=BATCH + 10), {}, ["file", "rows"]),
    ],
    ids=str,
)
def test_batch_of_which_all_is_asked_for_comes_as_its_file(
    many: Questions, question: Question, body: dict[str, Any], expected: list[str]
) -> None:
    found, tail = answered(many, question, **{"files": OWN, **body})
    assert kinds(found) == expected
    assert sum(each.num_rows for each in found) == tail["rows"]


def test_file_is_that_of_the_archive(many: Questions) -> None:
    paths = sorted((many.data / "archives").glob("*/batch-*"))
    found, _ = answered(many, of(), files=OWN)
    files = [each.content for each in found if isinstance(each, BatchFile)]
    assert files == [each.read_bytes() for each in paths]


def test_file_that_is_more_than_an_answer_may_take_is_not_sent(many: Questions) -> None:
    size = sum(each.stat().st_size for each in (many.data / "archives").glob("*/batch-*"))
    with answering(many.data, "--query-bytes", f"{size}B", token=many.token) as questions:
        asked = {"question": of(), "packed": True, "files": OWN, "now": now_ms()}
        headers = {"Authorization": f"Bearer {many.token}", "Accept": ARROW}
        _, content = questions.fetch("/query", CODEC.encode(asked), headers)
        assert b"raise the server's setting query_bytes" in content
        assert len(content) < size
