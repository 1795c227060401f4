"""A folder is followed for as long as its snapshot is asked for."""

from pathlib import Path

import pytest

from tests.support.folders import NOON, fill
from tests.support.waiting import wait_until
from workbench.snapshots.poller import FolderPoller
from workbench.snapshots.shared import Shared, poller_of
from workbench.snapshots.snapshot import write_snapshot


def test_folder_is_followed_while_it_is_asked_for(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    made: list[FolderPoller] = []

    def make() -> FolderPoller:
        made.append(FolderPoller(data, lambda: NOON))
        return made[-1]

    shared = Shared(make, idle=0.3)
    assert shared.snapshot().newest.last_seq == 1
    assert shared.snapshot().stored is not None
    (first,) = made
    wait_until(lambda: not shared.is_followed, "it is followed, and nobody asks")
    wait_until(lambda: not first._thread.is_alive(), "its thread goes on")
    fill(data, [{"type": "info", "message": "m"}])
    assert shared.snapshot().newest.last_seq == 2
    assert len(made) == 2
    wait_until(lambda: not shared.is_followed, "it is followed, and nobody asks")


RULE = """
[[alerts]]
name = "errors"
kind = "count"
query = "type:error"
above = 10
over = "5min"
webhook = "https://hooks.example.com/secret"
"""


def test_address_of_a_webhook_is_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waterline.toml").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    poller = poller_of(data)
    (rule,) = poller.snapshot.rules
    assert rule.name == "errors"
    assert "secret" not in write_snapshot(poller.snapshot)
