"""The clock of this machine, against the times of files, batches and the newest log."""

from collections.abc import Iterator
from typing import Final

from waterline.archive.jobs.early_clock import MOST_BEHIND
from waterline.clock import now_ms, utc_text
from waterline.storage.folder import file_size
from waterline.storage.watermark import read_position
from waterline.units import human_duration
from workbench.doctor.databases import looking
from workbench.doctor.finding import Finding, fault, ok, warning
from workbench.doctor.subject import Subject

_TOLERANCE: Final = 60_000
_EARLIEST: Final = 1_735_689_600_000
"""The begin of 2025: no machine that runs this Waterline is before it."""
_SET_RIGHT: Final = "set the clock right, best by NTP"


def clock(subject: Subject) -> Iterator[Finding]:
    """Compare the clock with what is known to be past."""
    newest = _newest_log(subject)
    last_file = _newest_file(subject)
    now = now_ms()
    found = []
    if now < _EARLIEST:
        found.append(
            fault(f"the clock says {utc_text(now)}, before this program was made", "set the clock")
        )
    if newest is not None and newest - now > _TOLERANCE:
        verdict = fault if newest - now > MOST_BEHIND else warning
        stops = ", and archive runs are refused" if verdict is fault else ""
        found.append(
            verdict(
                f"the newest log was received at {utc_text(newest)}, "
                f"{human_duration(newest - now)} ahead of the clock: it was set back, or was "
                f"ahead then{stops}",
                _SET_RIGHT,
            )
        )
    if last_file is not None and last_file[1] - now > _TOLERANCE:
        found.append(
            warning(
                f"{last_file[0]} was written at {utc_text(last_file[1])}, "
                f"{human_duration(last_file[1] - now)} ahead of the clock: it was set back",
                _SET_RIGHT,
            )
        )
    yield from found or [ok(f"{utc_text(now)}, not before the newest log and file")]


def _newest_log(subject: Subject) -> int | None:
    """Return when the newest log was received, milliseconds UTC."""
    path = subject.folder.logs
    if not file_size(path):
        return None
    with looking(path, subject) as connection:
        return read_position(connection).last_received_at


def _newest_file(subject: Subject) -> tuple[str, int] | None:
    """Return name and time of the file of the folder that was written last."""
    folder = subject.folder.path
    if not folder.is_dir():
        return None
    times = [(each.name, each.lstat().st_mtime_ns // 1_000_000) for each in folder.iterdir()]
    return max(times, key=lambda each: each[1], default=None)
