"""Answers over the network while logs come in and are archived: each log once, of one moment."""

import gc
from pathlib import Path

import pytest

from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.questions import answering
from tests.support.waiting import wait_until
from waterline.encoding import PARQUET
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

LOGS = 200_000


def some(begin: int, end: int) -> list[dict[str, object]]:
    """Return logs that no network holds many of on its way."""
    return [
        {"type": "info", "message": f"{place} {place**9:0100}", "timestamp": NOON + place}
        for place in range(begin, end)
    ]


def test_pieces_have_each_log_once_whatever_is_archived_meanwhile(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for begin in range(0, LOGS, 20_000):
        fill(data, some(begin, begin + 20_000))
    with (
        answering(data) as questions,
        Workbench(questions.url, lambda: NOON, token=questions.token, cache=False) as wb,
    ):
        pieces = wb.iter_logs(columns=["seq", "message"])
        first = next(pieces)
        seqs = first["seq"].tolist()
        pin = first.attrs["pin"]
        assert len(seqs) < LOGS // 2
        archive(data, [(LOGS // 4, PARQUET), (LOGS // 2, PARQUET)], clear=True)
        fill(data, some(LOGS, LOGS + 5_000))
        for piece in pieces:
            assert piece.attrs["pin"] == pin
            seqs += piece["seq"].tolist()
        assert seqs == [*range(1, LOGS + 1)]
        assert wb.count() == LOGS + 5_000
        assert wb.count(at=pin) == LOGS
        assert wb.logs(at=pin, columns=["seq"])["seq"].tolist() == seqs


def test_pieces_that_nobody_takes_further_end_the_question(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for begin in range(0, LOGS, 20_000):
        fill(data, some(begin, begin + 20_000))
    with (
        answering(data) as questions,
        Workbench(questions.url, lambda: NOON, token=questions.token, cache=False) as wb,
    ):
        pieces = wb.iter_logs()
        next(pieces)
        assert questions.health()["questions"] == 1
        del pieces
        gc.collect()
        wait_until(lambda: questions.health()["questions"] == 0, "the end of the question")
