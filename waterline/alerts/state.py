"""State of alerts: a small file in the data folder, which the server writes and anyone may read.

It is replaced as a whole and flushed, so that incidents, and events that were not delivered,
survive a crash.
"""

import contextlib
import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from waterline.errors import DataFolderError
from waterline.storage.folder import PRIVATE_FILE, DataFolder, sync_folder

Status = Literal["ok", "pending", "firing"]


class AlertState(msgspec.Struct, omit_defaults=True):
    """State of a rule, or of one group of it. Times are milliseconds UTC."""

    alert: str
    """Name of the rule."""
    group: str | None = None
    """Value of what the rule is `by`; None without."""
    status: Status = "ok"
    value: float | None = None
    """What was computed at last; None if there was nothing to compute it of."""
    threshold: float = 0.0
    since: int | None = None
    """Since when the condition holds; None while it does not."""
    incident: str | None = None
    """Id of the incident; None while it does not fire."""
    seen: int | None = None
    """When the last log of a group was received."""


class Event(msgspec.Struct):
    """What a webhook is told, as JSON. Times are milliseconds UTC."""

    id: str
    """Of this event: the same at each attempt, so that receivers can tell it from others."""
    event: Literal["open", "close"]
    incident: str
    alert: str
    kind: str
    query: str
    condition: str
    by: str | None
    group: str | None
    value: float | None
    threshold: float
    since: int
    """Since when the condition holds."""
    at: int
    """When the incident was opened or closed."""


class Delivery(msgspec.Struct):
    """An event that a webhook has not taken yet."""

    event: Event
    attempts: int = 0
    failure: str | None = None
    """Why the last attempt failed."""


class AlertStates(msgspec.Struct):
    """All of the file."""

    evaluated_at: int = 0
    """Moment of the logs up to which all was evaluated, milliseconds UTC."""
    watched_since: int = 0
    """When that began in this folder, milliseconds UTC; 0 if it did not."""
    states: list[AlertState] = []
    deliveries: list[Delivery] = []
    dropped: int = 0
    """Number of events that were given up, as too many waited."""
    missed_through: int = 0
    """Highest seq of logs that were archived before a rule looked at them, since the start."""
    version: int = 1

    def firing(self) -> list[AlertState]:
        """Return the states that fire."""
        return [each for each in self.states if each.status == "firing"]


_NAME: Final = "alerts.json"
_decode: Final = msgspec.json.Decoder(AlertStates).decode


def alerts_file(folder: DataFolder) -> Path:
    """Return the path of the file."""
    return folder.path / _NAME


def read_alerts(folder: DataFolder) -> AlertStates | None:
    """Return the states of alerts; None if the folder has none.

    Raises:
        DataFolderError: the file cannot be read, or is damaged.
    """
    path = alerts_file(folder)
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataFolderError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataFolderError(
            f"{path} is damaged: {error}; remove it, and incidents that are open are told anew"
        ) from error


def write_alerts(folder: DataFolder, states: AlertStates) -> None:
    """Replace the states of alerts; they are durable afterwards.

    Raises:
        DataFolderError: the file cannot be written.
    """
    path = alerts_file(folder)
    new = path.with_name(f"{_NAME}.new")
    try:
        with open(new, "wb", opener=_private) as file:
            file.write(msgspec.json.encode(states))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DataFolderError(f"{path} cannot be written: {error.strerror}") from error


def remove_alerts(folder: DataFolder) -> None:
    """Remove the states, as where there are no rules any more."""
    with contextlib.suppress(FileNotFoundError):
        alerts_file(folder).unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)
