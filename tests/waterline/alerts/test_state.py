"""States of alerts are kept in a file, which is whole or told to be damaged."""

import stat
from pathlib import Path

import pytest

from waterline.alerts.state import (
    AlertState,
    AlertStates,
    Delivery,
    Event,
    alerts_file,
    read_alerts,
    remove_alerts,
    write_alerts,
)
from waterline.errors import DataFolderError
from waterline.storage.folder import DataFolder

STATES = AlertStates(
    evaluated_at=5,
    watched_since=1,
    states=[AlertState("a", "g", "firing", 0.5, 1.0, 3, "id", 2), AlertState("b")],
    deliveries=[
        Delivery(
            Event("id-open", "open", "id", "a", "count", "q", "c", "source", "g", 0.5, 1.0, 3, 4),
            2,
            "it answered 500",
        )
    ],
    dropped=2,
)


def test_states_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert read_alerts(folder) is None
    write_alerts(folder, STATES)
    assert read_alerts(folder) == STATES
    assert [each.alert for each in STATES.firing()] == ["a"]
    assert stat.S_IMODE(alerts_file(folder).stat().st_mode) == 0o600
    write_alerts(folder, AlertStates())
    assert read_alerts(folder) == AlertStates()
    assert [each.name for each in tmp_path.iterdir()] == ["alerts.json"]
    remove_alerts(folder)
    remove_alerts(folder)
    assert read_alerts(folder) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"states": 5}', b"\xff"])
def test_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    alerts_file(DataFolder(tmp_path)).write_bytes(content)
    with pytest.raises(DataFolderError, match="is damaged"):
        read_alerts(DataFolder(tmp_path))


def test_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="cannot be written"):
        write_alerts(DataFolder(tmp_path / "gone"), STATES)
