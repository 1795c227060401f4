"""Wherever object storage refuses or a stream breaks off, an answer is whole, or the error told."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.support.faulty_proxy import Fault, answer
from tests.support.folders import DAY, NOON, Batch
from tests.support.lakes import Lake, lake_of, upload
from tests.support.made_certificates import make_certificate
from tests.support.object_store import QUICK, ObjectStore
from tests.support.questions import answering
from tests.support.shortening_proxy import shortening_proxy
from waterline.archive.object_store.client import open_bucket
from waterline.errors import IncompleteAnswer, WaterlineError
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow

_REFUSED = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>")


@pytest.fixture(scope="module")
def lake(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake of two nodes: of each a day is uploaded, and a day with many logs is not."""
    folders = tmp_path_factory.mktemp("network")
    given = {
        name: [
            Batch(
                [
                    {"id": f"{day}-{each}", "type": "info", "message": f"{each} of {day}" * 9}
                    for each in range(rows)
                ],
                f"web-{name}",
                NOON + day * DAY,
            )
            for day, rows in ((0, 40), (1, 2_000))
        ]
        for name in "ab"
    }
    with lake_of(f"{store.address}/network", folders, given) as lake:
        for name in "ab":
            upload(folders / name, lake.address, name, NOON)
        yield lake


ASKED: dict[str, Callable[[Workbench], int]] = {
    "logs": lambda wb: len(wb.logs()),
    "count": lambda wb: wb.count(contains=" of "),
    "sum": lambda wb: int(wb.throughput("1d", exact=True, by=None)["logs"].sum()),
    "scan": lambda wb: sum(len(each) for each in wb.iter_logs(columns=["node"])),
    "sql": lambda wb: int(wb.sql("SELECT count(message) AS n FROM logs")["n"][0]),
}
_ALL = 4_080


@pytest.mark.parametrize("asked", ASKED)
def test_bucket_that_refuses_any_request_is_told(
    lake: Lake, store: ObjectStore, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    quick = partial(open_bucket, patience=QUICK)
    monkeypatch.setattr("workbench.lake.session.open_bucket", quick)
    monkeypatch.setattr("waterline.archive.reader.open_bucket", quick)
    told: list[str] = []
    with Workbench(**lake.connected()) as wb:
        assert ASKED[asked](wb) == _ALL
        for number in range(1, 40):
            store.proxy.reset()
            store.proxy.faults += [
                Fault(method="GET", times=number - 1),
                Fault(method="GET", answer=_REFUSED),
            ]
            try:
                assert ASKED[asked](wb) == _ALL
            except WaterlineError as error:
                told.append(str(error))
            else:
                break
        store.proxy.reset()
        assert ASKED[asked](wb) == _ALL
    # Records are read for each question, and batches.
    assert len(told) >= 6
    assert all("s3://" in each for each in told)


@pytest.mark.parametrize("asked", ASKED)
def test_stream_of_a_node_that_breaks_off_anywhere_is_told(lake: Lake, asked: str) -> None:
    with shortening_proxy(lake.servers["b"]) as proxy:
        nodes = {**lake.servers, "b": proxy.url}
        with Workbench(**lake.connected(nodes=nodes)) as wb:
            assert ASKED[asked](wb) == _ALL
            told: list[str] = []
            proxy.most = 1
            while True:
                try:
                    assert ASKED[asked](wb) == _ALL
                except IncompleteAnswer as error:
                    told.append(str(error))
                    proxy.most = proxy.most * 3 // 2 + 1
                else:
                    break
            assert len(told) >= 12  # up to some hundred bytes at least
            assert all("node b lacks its logs above seq" in each for each in told)
            proxy.most = None
            assert ASKED[asked](wb) == _ALL


def test_expired_certificate_of_a_node_is_told(lake: Lake, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, timedelta(days=-2), timedelta(days=-1))
    node = lake.nodes["b"]
    with ExitStack() as opened:
        secure = opened.enter_context(
            answering(
                node.data, "--tls-cert", certificate, "--tls-key", key, token=node.process.token
            )
        )
        secure.expected_errors.append("SSL Error on")
        url = secure.url.replace("127.0.0.1", "localhost")
        nodes = {**lake.servers, "b": url}
        wb = opened.enter_context(Workbench(**lake.connected(nodes=nodes, certificate=certificate)))
        with pytest.raises(IncompleteAnswer, match=r"node b lacks .*certificate has expired"):
            wb.logs()
