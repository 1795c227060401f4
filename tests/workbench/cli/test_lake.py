"""`waterline lake …`: what an operator sees of a lake, and does to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive_runs import catalog, fill_three_days, manifest_key
from tests.support.folders import DAY, NOON, fill
from tests.support.object_store import ObjectStore, object_store
from tests.support.processes import run_waterline
from tests.support.said import Run, said
from waterline.archive.object_store.client import Bucket, open_bucket

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


class Operator:
    """Runs commands, with a lake in the settings."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.lake = bucket.address

    def upload(self, data: Path, node: str) -> Run:
        arguments = ("archive", "run", "--older-than", "30d", "--data", data)
        return run_waterline(*arguments, WATERLINE_NODE_NAME=node)

    def look(self, *arguments: str) -> Run:
        return run_waterline("lake", *arguments)


@pytest.fixture
def operator(
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Operator:
    """An operator whose lake has the nodes plant-a and plant-b."""
    lake = f"{store.address}/{request.node.name}"
    for name, value in {**store.direct, "WATERLINE_ARCHIVE_DEST": lake}.items():
        monkeypatch.setenv(name, value)
    operator = Operator(open_bucket(lake, store.direct))
    for name in ("plant-a", "plant-b"):
        fill_three_days(tmp_path / name)
        done = operator.upload(tmp_path / name, name)
        assert said(done)[0] == 0, done.stderr
    return operator


def test_nodes_are_listed_verified_and_retired(operator: Operator) -> None:
    code, (header, *rows), errors = said(operator.look("list"))
    assert (code, errors) == (0, "")
    assert header.split("  ")[0] == "NODE"
    assert [row.split()[:4] for row in rows] == [
        ["plant-a", "6", "3", "6"],
        ["plant-b", "6", "3", "6"],
    ]
    assert all(row.endswith("active") for row in rows)
    code, (line,), errors = said(operator.look("verify"))
    assert (code, errors) == (0, "")
    assert line.startswith("sound: 2 nodes, 6 batches, 12 logs, ")
    code, (line,), errors = said(operator.look("retire", "plant-b"))
    assert (code, errors) == (0, "")
    assert line.startswith("plant-b is retired; the lake has its logs up to seq 6, ")
    assert said(operator.look("list"))[1][2].endswith("retired")
    objects = [json.loads(each) for each in said(operator.look("list", "--json"))[1]]
    assert [(each["node"], each["isRetired"]) for each in objects] == [
        ("plant-a", False),
        ("plant-b", True),
    ]
    assert said(operator.look("retire", "plant-b", "--undo"))[0] == 0
    assert said(operator.look("list"))[1][2].endswith("active")


def test_what_is_lacking_is_named_and_the_exit_code_is_1(
    operator: Operator, tmp_path: Path
) -> None:
    batch, *_, last = catalog(tmp_path / "plant-a")
    operator.bucket.delete(f"node=plant-a/{batch.file}")
    code, (line,), errors = said(operator.look("verify"))
    assert code == 1
    assert line.startswith("sound: 1 node, 5 batches, ")
    assert errors.startswith("waterline: node plant-a: cannot read ")
    assert batch.file in errors
    operator.bucket.delete(f"node=plant-a/{manifest_key(last)}")
    code, lines, errors = said(operator.look("list"))
    assert code == 1
    assert lines[1].endswith("active, LACKS LOGS")
    assert errors.startswith(f"waterline: node plant-a lacks its logs of {last.day}: ")


def test_restored_node_takes_in_what_the_lake_has_and_uploads_again(
    operator: Operator, tmp_path: Path
) -> None:
    data, place, restored = tmp_path / "plant-a", tmp_path / "backups", tmp_path / "restored"
    assert run_waterline("backup", place, "--data", data).returncode == 0
    fill(data, [{"id": "late", "type": "info", "message": "m"}], received_at=NOON + 3 * DAY)
    assert operator.upload(data, "plant-a").returncode == 0
    code, lines, errors = said(run_waterline("restore", place, "--into", restored))
    address = f"{operator.lake}/node=plant-a"
    command = ("archive", "adopt", "--from", address, "--data", str(restored))
    assert (code, errors) == (0, "")
    assert lines[1].endswith(f": waterline {' '.join(command)}")
    refused = operator.upload(restored, "plant-a")
    assert refused.returncode == 1
    assert f"take in the others with `waterline archive adopt --from {address}`" in refused.stderr
    assert said(run_waterline(*command)) == (
        0,
        [f"{restored} has taken in 1 log in 1 batch, 1 log of which it had lost"],
        "",
    )
    assert operator.upload(restored, "plant-a").returncode == 0
    assert catalog(restored)[-1].origin == catalog(data)[-1].origin
    assert said(operator.look("verify"))[0] == 0


def test_mistakes_get_one_sentence(operator: Operator, tmp_path: Path) -> None:
    done = run_waterline("lake", "list", WATERLINE_ARCHIVE_DEST="none")
    assert (done.returncode, done.stderr) == (
        1,
        "waterline: name the lake: set archive_dest, or give --archive-dest s3://bucket/lake\n",
    )
    done = operator.look("retire", "plant-c")
    assert (done.returncode, done.stderr) == (
        1,
        f"waterline: {operator.lake} has no node 'plant-c'; it has plant-a, plant-b\n",
    )
    done = operator.upload(tmp_path / "plant-b", "a/b")
    assert done.returncode == 1
    assert "'a/b' is no name of a node; give letters, digits, dots" in done.stderr
    done = operator.look("list", "--archive-dest", f"{operator.lake}-empty")
    assert (done.returncode, done.stdout) == (
        0,
        f"{operator.lake}-empty has no nodes yet; a node adds itself when it uploads first\n",
    )
    done = operator.look("verify", "--archive-dest", f"{operator.lake}-empty")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"waterline: {operator.lake}-empty has no nodes yet, so there is nothing to verify\n",
    )
