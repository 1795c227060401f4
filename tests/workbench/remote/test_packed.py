"""Many archived logs over the network, which come as they lie in their batches."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import workbench
from tests.support.archives import archive
from tests.support.folders import NOON, fill
from tests.support.questions import Questions, answering
from tests.support.shortening_proxy import shortening_proxy
from tests.support.waiting import wait_until
from waterline.encoding import JSON_GZ, PARQUET
from waterline.errors import ServerUnreachable
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

LOGS = 150_000


def odd(place: int) -> dict[str, Any]:
    """Return a log whose attributes no single column tells of, now and then."""
    values = [place % 7, place / 8, f'"{place % 11}"', None, {"b": place % 5}, [place], True, 2**70]
    log = {"type": "info", "message": f"request {place % 900}", "timestamp": NOON - place // 2}
    log |= {"status": 200 + place % 3, "path": f"/api/{place % 977}", "a": values[place % 97 % 8]}
    return log if place % 3 else {**log, "more": {"of": place, "it": str(place)}}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    data = tmp_path_factory.mktemp("packed") / "data"
    for begin in range(0, LOGS, 50_000):
        fill(data, [odd(place) for place in range(begin, begin + 50_000)])
    archive(data, [(90_000, PARQUET), (4_000, JSON_GZ), (30_000, PARQUET)], clear=True)
    with answering(data) as questions:
        yield questions


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"order": "newest", "limit": 60_000},
        {"columns": ["attributes", "type"], "where": {"status": 201}},
        {"attributes": ["a", "more.of"]},
        {"columns": ["seq", "message"]},
    ],
)
def test_frames_are_those_of_the_folder(many: Questions, filters: dict[str, Any]) -> None:
    with (
        workbench.connect(many.data, cache=False) as here,
        workbench.connect(many.url, token=many.token, cache=False) as there,
    ):
        found = there.logs(**filters)
        assert len(found) > 40_000
        pd.testing.assert_frame_equal(found, here.logs(**filters))
        filters = {name: each for name, each in filters.items() if name not in ("order", "limit")}
        assert whole(there, filters).equals(whole(here, filters))


def whole(wb: Workbench, filters: dict[str, Any]) -> pd.DataFrame:
    """Return the pieces of an answer as one frame."""
    return pd.concat([*wb.iter_logs(**filters)], ignore_index=True)


def test_other_programs_get_texts_in_one_stream(many: Questions) -> None:
    status, body = many.post("/query", {"columns": ["seq", "attributes"]}, "*/*")
    assert status == 200
    with pa.BufferReader(body) as file:
        table = pa.ipc.open_stream(file).read_all()
        assert not file.read()
    assert table.schema.types == [pa.int64(), pa.string()]
    with workbench.connect(many.data, cache=False) as here:
        assert table.equals(
            here.arrow(columns=["seq", "attributes"], order="oldest").sort_by("seq")
        )


def test_an_answer_of_archives_that_breaks_off_is_an_error(many: Questions) -> None:
    with (
        shortening_proxy(many.url) as proxy,
        workbench.connect(proxy.url, token=many.token, cache=False) as wb,
    ):
        assert len(wb.logs()) == LOGS
        wait_until(lambda: len(proxy.answers) == 2, "the end of the answer")
        size = proxy.answers[-1]
        for most in [*range(10_000, size, size // 20), size - 300, size - 5]:
            proxy.most = most
            with pytest.raises(ServerUnreachable, match=r"broke off|has broken off"):
                wb.logs()
