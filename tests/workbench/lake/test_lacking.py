"""What a lake or its nodes lack is named, and pins bring back the same logs."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench
from tests.support.archive_runs import catalog, manifest_key
from tests.support.folders import DAY, NOON, Batch, fill_batches
from tests.support.lakes import Lake, lake_of, rewrite, upload
from tests.support.object_store import ObjectStore
from tests.support.questions import answering, revoke
from waterline.archive.lake.registry import Registry
from waterline.archive.lake.view import view_lake
from waterline.errors import ArchiveError, IncompleteAnswer, MissingLogs, UsageError
from workbench.workbench import Workbench

pytestmark = pytest.mark.slow


def days(node: str, *numbers: int) -> list[Batch]:
    """Return two logs on each of some days."""
    return [
        Batch(
            [
                {"id": f"{number}-{each}", "type": "info", "message": f"{node} {number}"}
                for each in range(2)
            ],
            f"web-{node}",
            NOON + number * DAY,
        )
        for number in numbers
    ]


@pytest.fixture
def lake(store: ObjectStore, tmp_path: Path) -> Iterator[Lake]:
    """A lake of two nodes with four of the six logs of each."""
    address = f"{store.address}/{tmp_path.name}"
    with lake_of(address, tmp_path, {name: days(name, 0, 1, 2) for name in "ab"}) as lake:
        for name in "ab":
            upload(tmp_path / name, address, name, NOON + DAY)
        yield lake


@pytest.fixture
def wb(lake: Lake) -> Iterator[Workbench]:
    with Workbench(**lake.connected()) as opened:
        yield opened


QUESTIONS: dict[str, Callable[[Workbench], Any]] = {
    "logs": lambda wb: wb.logs(),
    "count": lambda wb: wb.count(),
    "latency": lambda wb: wb.latency("n", exact=True),
    "throughput": lambda wb: wb.throughput("1h", exact=True),
    "fields": lambda wb: wb.fields(),
    "patterns": lambda wb: wb.patterns(),
    "iter_logs": lambda wb: [*wb.iter_logs()],
    "sql": lambda wb: wb.sql("SELECT count(*) FROM logs"),
    "pin": lambda wb: wb.pin(),
    "sources": lambda wb: wb.sources(),
}


def test_node_that_is_down_is_named_by_every_question(lake: Lake) -> None:
    lake.nodes["b"].process.stop()
    with Workbench(**lake.connected()) as wb:
        for question in QUESTIONS.values():
            with pytest.raises(
                IncompleteAnswer, match=r"node b lacks its logs above seq 4: .*reached"
            ):
                question(wb)


def test_node_that_is_down_is_not_missed_by_questions_about_others(lake: Lake) -> None:
    lake.nodes["b"].process.stop()
    with Workbench(**lake.connected()) as wb:
        assert wb.count(node="a") == 6
        assert [*wb.logs(node="a", limit=3)["node"]] == ["a"] * 3
        with pytest.raises(IncompleteAnswer, match="node b lacks its logs above seq 4"):
            wb.count(node=["a", "b"])
    addresses = [*lake.servers.values()]
    tokens = {lake.servers[name]: token for name, token in lake.tokens.items()}
    with Workbench(**lake.connected(nodes=addresses, token=tokens)) as wb:
        assert wb.count(node="a") == 6
        with pytest.raises(IncompleteAnswer, match="node b lacks its logs above seq 4"):
            wb.count(node="b")


def test_damaged_record_costs_its_own_node_alone(lake: Lake, wb: Workbench) -> None:
    lake.bucket.put("nodes/b.json", b"{")
    assert wb.count(node="a") == 6
    with pytest.raises(IncompleteAnswer, match=r"b\.json"):
        wb.count(node="b")


def test_what_is_there_comes_with_a_warning_where_that_is_asked_for(
    lake: Lake, wb: Workbench
) -> None:
    assert wb.count() == 12
    lake.nodes["b"].process.stop()
    with pytest.warns(MissingLogs, match="node b lacks its logs above seq 4"):
        frame = wb.logs(incomplete="warn")
    assert [*frame["node"].value_counts().sort_index()] == [6, 4]
    assert len(frame.attrs["missing"]) == 1


def test_node_of_which_the_lake_has_nothing_leaves_the_others_there(
    lake: Lake, tmp_path: Path
) -> None:
    """Of two nodes that have not uploaded yet, the one that is down costs its own logs alone."""
    given = lake.connected()
    for name in "cd":
        fill_batches(tmp_path / name, days(name, 0))
    with answering(tmp_path / "d") as beyond:
        nodes = {**given["nodes"], "c": "http://127.0.0.1:9", "d": beyond.url}
        tokens = {**given["token"], "c": "none", "d": beyond.token}
        with Workbench(**{**given, "nodes": nodes, "token": tokens}) as wb:
            with pytest.warns(MissingLogs, match="node c lacks its logs, of which the lake has"):
                frame = wb.logs(incomplete="warn")
            assert [*frame["node"].value_counts().sort_index()] == [6, 6, 2]
            for question in (wb.count, wb.pin):
                with pytest.raises(IncompleteAnswer, match="node c lacks its logs"):
                    question()


def test_node_that_is_back_is_asked_again(lake: Lake, wb: Workbench, tmp_path: Path) -> None:
    process = lake.nodes["b"].process
    port = process.url.rpartition(":")[2]
    process.stop()
    with pytest.raises(IncompleteAnswer):
        wb.count()
    with answering(tmp_path / "b", "--query-port", port, token=process.token):
        assert wb.count() == 12


def test_node_that_is_frozen_is_waited_for(lake: Lake, wb: Workbench) -> None:
    process = lake.nodes["a"].process.process
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(1, os.kill, (process.pid, signal.SIGCONT)).start()
    assert len(wb.logs()) == 12


def test_retired_node_is_not_asked(lake: Lake) -> None:
    lake.nodes["b"].process.stop()
    Registry(lake.bucket).retire("b", NOON)
    with Workbench(**lake.connected()) as wb:
        assert wb.logs()["node"].value_counts().to_dict() == {"a": 6, "b": 4}


def test_lake_alone_is_asked_without_nodes(lake: Lake) -> None:
    with workbench.connect(lake=lake.address) as wb:
        assert wb.logs()["node"].value_counts().to_dict() == {"a": 4, "b": 4}
        assert wb.count(at=wb.pin()) == 8
        with pytest.raises(UsageError, match="connect with nodes="):
            wb.sources()


def test_node_of_the_lake_that_is_not_among_the_given_ones_is_named(lake: Lake) -> None:
    options = lake.connected(nodes={"a": lake.servers["a"]})
    with (
        Workbench(**options) as wb,
        pytest.raises(IncompleteAnswer, match=r"node b lacks .*nodes= does not have its address"),
    ):
        wb.count()
    options = lake.connected(nodes=[lake.servers["a"]], token=lake.tokens["a"])
    with (
        Workbench(**options) as wb,
        pytest.raises(IncompleteAnswer, match=r"node b lacks .*none of nodes= is the address"),
    ):
        wb.count()


def test_addresses_in_any_order_are_told_apart_by_their_folders(lake: Lake) -> None:
    addresses = [*lake.servers.values()][::-1]
    tokens = {lake.servers[name]: token for name, token in lake.tokens.items()}
    with Workbench(**lake.connected(nodes=addresses, token=tokens)) as wb:
        assert wb.logs()["node"].value_counts().to_dict() == {"a": 6, "b": 6}
    with (
        Workbench(**lake.connected(nodes=addresses)) as wb,
        pytest.raises(IncompleteAnswer, match="token= has none for http://127"),
    ):
        wb.count()


def test_address_that_is_silent_and_may_be_of_a_node_without_uploads_is_told(lake: Lake) -> None:
    addresses = [*lake.servers.values(), "http://127.0.0.1:9"]
    tokens = {lake.servers[name]: token for name, token in lake.tokens.items()}
    options = lake.connected(nodes=addresses, token={**tokens, "http://127.0.0.1:9": "none"})
    with (
        Workbench(**options) as wb,
        pytest.raises(IncompleteAnswer, match=r"node is not known: http://127\.0\.0\.1:9 cannot"),
    ):
        wb.count()


def test_server_that_is_given_for_two_nodes_is_told_and_its_logs_come_once(lake: Lake) -> None:
    again = lake.servers["a"].replace("127.0.0.1", "localhost")
    options = lake.connected(
        nodes={**lake.servers, "x": again}, token={**lake.tokens, "x": lake.tokens["a"]}
    )
    with (
        Workbench(**options) as wb,
        pytest.raises(IncompleteAnswer, match="has the server of node a as that of x too"),
    ):
        wb.count()


def test_lake_without_nodes_is_told(store: ObjectStore, lake: Lake) -> None:
    empty = f"{store.address}/nothing-here"
    for options in ({"lake": empty}, {"lake": empty, "nodes": {}, "token": {}}):
        with workbench.connect(**options) as wb:
            for question in QUESTIONS.values():
                with pytest.raises(UsageError, match="nothing-here has no nodes yet"):
                    question(wb)
    with Workbench(**lake.connected(lake=empty)) as wb:
        assert wb.count() == 12


def test_server_of_another_folder_is_named(lake: Lake) -> None:
    servers = {"a": lake.servers["b"], "b": lake.servers["a"]}
    tokens = {"a": lake.tokens["b"], "b": lake.tokens["a"]}
    with (
        Workbench(**lake.connected(nodes=servers, token=tokens)) as wb,
        pytest.raises(IncompleteAnswer, match=r"node a lacks .*has another data folder"),
    ):
        wb.count()


def test_token_that_was_revoked_is_told(wb: Workbench, tmp_path: Path) -> None:
    assert wb.count() == 12
    revoke(tmp_path / "b")
    with pytest.raises(IncompleteAnswer, match=r"node b lacks .*refused the token"):
        wb.count()


def test_batch_that_has_gone_is_named_by_every_question_that_reads_it(
    lake: Lake, wb: Workbench, tmp_path: Path
) -> None:
    batch = catalog(tmp_path / "a")[0]
    key = f"node=a/{batch.file}"
    content = lake.bucket.get(key)
    # Of these the catalog or the servers tell all.
    asked = {name: QUESTIONS[name] for name in QUESTIONS.keys() - {"count", "pin", "sources"}}
    asked["count"] = lambda wb: wb.count(contains="a 0")
    lake.bucket.delete(key)
    assert wb.count() == 12
    for question in asked.values():
        with pytest.raises(ArchiveError, match=f"node=a/{batch.file}: it is missing"):
            question(wb)
    lake.bucket.put(key, content[:-9] + b"damaged!!")
    for question in asked.values():
        with pytest.raises(ArchiveError, match=f"node=a/{batch.file} is damaged"):
            question(wb)
    lake.bucket.put(key, content)
    for question in asked.values():
        question(wb)


def test_manifest_that_has_gone_is_named(lake: Lake, wb: Workbench, tmp_path: Path) -> None:
    key = f"node=b/{manifest_key(catalog(tmp_path / 'b')[0])}"
    content = lake.bucket.get(key)
    lake.bucket.delete(key)
    with pytest.raises(IncompleteAnswer, match="node b lacks its logs of 2026-03-17"):
        wb.count()
    lake.bucket.put(key, content)
    assert wb.count() == 12


def test_record_that_is_damaged_is_named(lake: Lake, wb: Workbench) -> None:
    lake.bucket.put("nodes/b.json", b"{")
    with pytest.raises(IncompleteAnswer, match=r"nodes/b.json is no record of a node"):
        wb.count()


def test_pin_brings_back_the_same_logs_whatever_came_and_was_uploaded_since(
    lake: Lake, wb: Workbench, tmp_path: Path
) -> None:
    pin, before = wb.pin(), wb.logs()
    fill_batches(tmp_path / "a", days("a", 3))
    upload(tmp_path / "a", lake.address, "a", NOON + 2 * DAY)
    assert wb.count() == 14
    for at in (pin, str(pin)):
        again = wb.logs(at=at)
        assert again.equals(before)
        assert again.attrs["pin"] == str(pin)
        assert wb.count(at=at) == 12
    with Workbench(**lake.connected(at=str(pin))) as then:
        assert then.logs().equals(before)
        assert then.pin() == pin
    # What the lake has of it by now needs no server.
    lake.nodes["a"].process.stop()
    assert wb.logs(at=pin).equals(before)
    with pytest.raises(IncompleteAnswer, match="node a lacks"):
        wb.count()


def test_node_that_joined_after_a_pin_is_not_in_its_answer(
    lake: Lake, wb: Workbench, tmp_path: Path
) -> None:
    pin = wb.pin()
    fill_batches(tmp_path / "c", days("c", 0))
    upload(tmp_path / "c", lake.address, "c", NOON + DAY)
    with Workbench(lake=lake.address) as alone:
        assert alone.count() == 10
    assert wb.count(at=pin) == 12


def test_pin_of_a_folder_is_refused(lake: Lake, wb: Workbench) -> None:
    with Workbench(lake.servers["a"], token=lake.tokens["a"], cache=False) as node:
        of_node = node.pin()
        with pytest.raises(UsageError, match="is of one data folder; a lake has pins of its own"):
            wb.logs(at=of_node)
        with pytest.raises(UsageError, match="is of another data folder"):
            node.logs(at=wb.pin())


def test_archive_run_between_the_lake_and_the_node_leaves_each_log_once(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node uploads all that is hot after the lake was read, and before it is asked."""

    def then_upload(*given: Any) -> Any:  # noqa: ANN401 - as the function
        view = view_lake(*given)
        for name in "ab":
            upload(tmp_path / name, lake.address, name, NOON + 9 * DAY)
        return view

    monkeypatch.setattr("workbench.lake.session.view_lake", then_upload)
    with Workbench(**lake.connected()) as wb:
        frame = wb.logs()
    assert [*zip(frame["node"], frame["seq"], strict=True)] == [
        (node, seq) for day in (0, 2, 4) for node in "ab" for seq in (day + 1, day + 2)
    ]


def test_batches_that_are_rewritten_meanwhile_are_read_where_they_lie(
    lake: Lake, wb: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their objects go after the lake was read, and before they are read themselves."""
    expected = wb.logs()
    pieces = wb.iter_logs()
    rewrite(tmp_path / "a")
    found = pd.concat([*pieces], ignore_index=True)
    assert found[["node", "seq"]].equals(
        expected.sort_values(["node", "seq"], ignore_index=True)[["node", "seq"]]
    )
    rest = ["b"]

    def then_rewrite(*given: Any) -> Any:  # noqa: ANN401 - as the function
        view = view_lake(*given)
        for name in [rest.pop() for _ in rest[:]]:
            rewrite(tmp_path / name)
        return view

    monkeypatch.setattr("workbench.lake.session.view_lake", then_rewrite)
    with Workbench(**lake.connected()) as later:
        assert later.logs().equals(expected)
    assert rest == []


def test_only_manifests_of_days_that_may_match_are_read(
    lake: Lake, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)

    def days_read() -> list[str]:
        paths = [each for each in store.proxy.requests if re.match(r"GET .*_manifests/\d", each)]
        store.proxy.reset()
        return [path.rpartition("/")[2][:10] for path in sorted(paths)]

    store.proxy.reset()
    with Workbench(**lake.connected(nodes=None)) as wb:
        # The last day is known in any case: a pin of now has its last log.
        assert wb.count(since=NOON + DAY) == 4
        assert days_read() == ["2026-03-18"] * 2
        assert wb.throughput("1d", exact=True, since=NOON + DAY)["logs"].sum() == 4
        assert days_read() == []
        assert wb.count(at=str(wb.pin()), until=NOON + DAY) == 4
        assert days_read() == ["2026-03-17"] * 2
        assert len(wb.logs()) == 8
        assert days_read() == []


def test_what_is_of_one_node_is_refused_in_one_sentence(wb: Workbench) -> None:
    for question, sentence in (
        (lambda: wb.around(1), "a lake has no around, which is of one node"),
        (lambda: wb.throughput(), "measurements are of one node; give exact=True"),
        (lambda: wb.latency(), "measurements are of one node; give exact=True"),
        (lambda: wb.watch(seconds=1), "watch follows the seqs of one node"),
        (lambda: wb.explain(), "a lake has no"),
        (lambda: wb.report(), "measurements are of one node"),
        (lambda: wb.logs(columns=["nod"]), "there is no column 'nod'"),
        (lambda: wb.logs(columns=["node", "node"]), "columns="),
    ):
        with pytest.raises(UsageError, match=sentence):
            question()


def test_arguments_that_do_not_fit_are_refused(lake: Lake) -> None:
    for options, sentence in (
        ({"nodes": {"a": "a:3003"}}, "nodes= takes addresses"),
        ({"nodes": 3003}, "nodes= takes addresses"),
        ({"token": 3003}, "token= takes a text, or texts by name"),
        ({"nodes": ["http://a:1", "http://a:1"]}, "nodes= has an address twice"),
        ({"lake": "http://a:1"}, "s3://"),
        ({"path": "other"}, "lake= is in place of a path"),
        ({"lake": None}, "give lake="),
        ({"lake": None, "nodes": None}, "several tokens are for the nodes of a lake"),
        ({"at": "never"}, "is no pin"),
    ):
        with pytest.raises(UsageError, match=sentence):
            Workbench(**lake.connected(**options))
