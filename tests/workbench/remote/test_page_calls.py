"""What a page asks over the network has the answers of the folder, and odd questions a sentence."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.support.archives import archive, prune
from tests.support.folders import NOON, fill
from tests.support.questions import Questions, answering
from waterline.encoding import PARQUET
from waterline.errors import UsageError
from workbench.explore import calls
from workbench.explore.steps import Steps, steps_of
from workbench.patterns.patterns import found_patterns
from workbench.query.question import ask
from workbench.query.session import Session
from workbench.remote.session import RemoteSession
from workbench.snapshots.shared import snapshot
from workbench.snapshots.snapshot import read_snapshot
from workbench.wire.calls import moment
from workbench.wire.codec import CODEC

pytestmark = pytest.mark.slow

SECOND = 1_000
STEPS = steps_of(NOON, NOON + 900 * SECOND, ZoneInfo("Europe/Berlin"), 120)
ERRORS = ask(now=NOON, query="status>=500", order="newest")
LONG = "long " * 2_000


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    data = tmp_path_factory.mktemp("page") / "data"
    logs = [
        {
            "type": ["info", "info", "error"][n % 3],
            "message": f"request {n}" if n % 50 else LONG,
            "timestamp": NOON + n * SECOND,
            "status": [200, 404, 500][n % 3],
            "took": n % 97 / 8,
        }
        for n in range(900)
    ]
    for begin in range(0, 900, 300):
        fill(data, logs[begin : begin + 300])
    first, _ = archive(data, [(200, PARQUET), (300, PARQUET)], clear=True)
    prune(data, [first])
    with answering(data) as running:
        yield running


@pytest.fixture(scope="module")
def here(questions: Questions) -> Iterator[Session]:
    with closing(Session(questions.data, lambda: NOON, cache=False)) as session:
        yield session


@pytest.fixture(scope="module")
def there(questions: Questions) -> Iterator[RemoteSession]:
    with closing(
        RemoteSession(questions.url, lambda: NOON, token=questions.token, cache=False)
    ) as session:
        yield session


ASKED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "lines": (calls.lines, (replace(ERRORS, limit=70),)),
    "gaps": (calls.gaps, (ERRORS,)),
    "lines of seqs": (calls.lines_of, ([1, 250, 551, 801, 9_999],)),
    "a piece": (calls.piece, (801, "message", 1_000)),
    "no piece": (calls.piece, (9_999, "message", 0)),
    "by type": (calls.tally, (ERRORS, STEPS, "type")),
    "by an attribute": (calls.tally, (ERRORS, STEPS, "status")),
    "by both": (calls.tally_by_type_and, (ERRORS, STEPS, "status", ("error",))),
    "percentiles": (calls.percentiles, (ERRORS, STEPS, "took")),
    "a number": (calls.matching, (ERRORS,)),
    "around": (calls.around, (ask(now=NOON), (NOON + 700 * SECOND, 701), 10)),
    "patterns": (found_patterns, (ERRORS, (NOON, NOON + 300 * SECOND), NOON)),
}


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_those_of_the_folder(name: str, here: Session, there: RemoteSession) -> None:
    call, given = ASKED[name]
    expected, found = here.answer(call, *given), there.answer(call, *given)
    assert type(found) is type(expected)
    assert CODEC.encode(found) == CODEC.encode(expected)


def test_what_came_since_a_count_is_that_of_the_folder(here: Session, there: RemoteSession) -> None:
    known = replace(there.answer(moment), last_seq=850)
    for by in ("type", "source", "status"):
        given = (ask(now=NOON), STEPS, by, ("error",), known)
        expected, found = here.answer(calls.came, *given), there.answer(calls.came, *given)
        assert found is not None
        assert len(found.places) == 17
        assert found.types.logs == 50
        assert CODEC.encode(found) == CODEC.encode(expected)
    assert (
        there.answer(calls.came, ask(now=NOON), STEPS, "type", None, replace(known, last_seq=1))
        is None
    )


def test_more_lines_than_a_page_has_are_refused(there: RemoteSession) -> None:
    for call, given in (
        (calls.lines, (ERRORS,)),
        (calls.lines, (replace(ERRORS, limit=10**9),)),
        (calls.lines_of, ([*range(10_000)],)),
        (calls.around, (ERRORS, (NOON, 1), 10**9)),
    ):
        with pytest.raises(UsageError, match="2,000 lines at most"):
            there.answer(call, *given)


@pytest.mark.parametrize("edges", [[], [1], [2, 1], [1, 1], [*range(3_000)]])
def test_steps_that_are_none_are_refused(edges: list[int], there: RemoteSession) -> None:
    steps = Steps(np.array(edges, np.int64), 1)
    with pytest.raises(UsageError, match="no steps of time"):
        there.answer(calls.tally, ERRORS, steps, "type")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("page_lines_of", ["text"]),
        ("page_lines_of", [["text"]]),
        ("page_piece", [1, "type", 0]),
        ("page_piece", [1, "message"]),
        ("page_matching", [{"query": "x"}]),
        ("page_tally", [1, 2, 3]),
        ("snapshot", [1]),
    ],
)
def test_arguments_that_a_page_never_sends_are_a_sentence(
    name: str, arguments: list[object], questions: Questions
) -> None:
    status, body = questions.post(f"/report/{name}", {"arguments": arguments})
    assert status == 400
    assert json.loads(body)["message"].startswith(name)


def test_snapshot_is_of_the_folder_there(questions: Questions, there: RemoteSession) -> None:
    found = read_snapshot(there.answer(snapshot))
    assert found.folder == str(questions.data)
    assert found.stored is not None
    assert found.stored.logs == 700
    assert found.newest.last_seq == 900
    assert not found.waiting
    assert not found.troubles
