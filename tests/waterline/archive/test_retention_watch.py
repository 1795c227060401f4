"""The watch over `archive_keep`: a day of notice, given anew whenever that is safer."""

import logging
from pathlib import Path

import pytest

from tests.support.archive_runs import archive, fill_three_days
from tests.support.folders import DAY, NOON, fill
from waterline.archive.retention import NOTICE, read_notice, write_notice
from waterline.archive.retention_watch import RetentionWatch
from waterline.clock import utc_text
from waterline.settings.keep import parse_keep
from waterline.settings.model import Settings
from waterline.storage.folder import DataFolder

MINUTE = 60_000
LAST = NOON + 2 * DAY
"""When the newest archived log was received."""


class Watch:
    """A watch whose clocks go on by hand."""

    def __init__(self, data: Path, keep: str, now: int) -> None:
        self.now = now
        self.settings = Settings(data=data, archive_keep=parse_keep(keep))
        self.watch = RetentionWatch(self.settings, lambda: self.now, lambda: self.now)

    def look(self, after: int = 0) -> list[str]:
        """Look so many milliseconds later; return the warnings."""
        self.now += after
        self.watch.look()
        return self.watch.warnings()

    @property
    def shown(self) -> int:
        keep = self.settings.archive_keep
        assert keep is not None
        return read_notice(DataFolder(self.settings.data), keep)


@pytest.fixture
def archived(data: Path) -> Path:
    """Batches of three days, and a hot log of a hundred days later."""
    fill_three_days(data)
    archive(data)
    fill(data, [{"id": "new", "type": "info", "message": ""}], received_at=LAST + 100 * DAY)
    return data


def test_what_will_go_is_named_for_a_day_before_it_is_due(archived: Path) -> None:
    watch = Watch(archived, "101d", LAST + 100 * DAY)
    (warning,) = watch.look()
    assert warning.startswith("archive_keep (101d) will remove 5 logs in 3 batches (")
    assert warning.endswith(
        f"), received 2026-03-17 to 2026-03-18, for good from {utc_text(watch.now + DAY)} on; "
        "to keep them set it to forever, or higher, and start the server again"
    )
    for _ in range(DAY // MINUTE - 1):
        assert watch.look(MINUTE)
        assert not watch.watch.is_due
    assert (watch.look(MINUTE), watch.watch.is_due) == ([], True)
    assert watch.shown == NOTICE


def test_nothing_is_named_before_the_last_day(archived: Path) -> None:
    watch = Watch(archived, "1y", LAST + 100 * DAY)
    for _ in range(3):
        assert (watch.look(MINUTE), watch.watch.is_due) == ([], False)
    assert watch.shown == 0
    watch.now = NOON + 364 * DAY
    watch.look()
    assert len(watch.look(MINUTE)) == 1


def test_notice_goes_on_after_restart_and_counts_no_time_between(archived: Path) -> None:
    now = LAST + 100 * DAY
    first = Watch(archived, "50d", now)
    first.look()
    first.look(MINUTE)
    second = Watch(archived, "50d", now + DAY // 2)
    assert second.look()
    second.look(MINUTE)
    assert second.shown == 2 * MINUTE


def test_long_time_between_looks_counts_as_minutes(archived: Path) -> None:
    watch = Watch(archived, "50d", LAST + 100 * DAY)
    watch.look()
    watch.look(DAY)
    assert watch.shown == 5 * MINUTE
    assert not watch.watch.is_due


def test_after_notice_all_that_becomes_due_goes_without_another(archived: Path) -> None:
    watch = Watch(archived, "102d", LAST + 100 * DAY)
    keep = watch.settings.archive_keep
    assert keep is not None
    write_notice(DataFolder(archived), keep, NOTICE)
    assert (watch.look(), watch.watch.is_due) == ([], False)
    assert (watch.look(DAY), watch.watch.is_due) == ([], True)


def test_change_of_bounds_gives_notice_anew(archived: Path) -> None:
    keep = parse_keep("50d")
    assert keep is not None
    write_notice(DataFolder(archived), keep, NOTICE)
    watch = Watch(archived, "49d", LAST + 100 * DAY)
    assert (len(watch.look()), watch.watch.is_due) == (1, False)


def test_bounds_that_were_taken_back_give_notice_anew(archived: Path) -> None:
    keep = parse_keep("50d")
    assert keep is not None
    write_notice(DataFolder(archived), keep, NOTICE)
    none = Watch(archived, "forever", LAST + 100 * DAY)
    assert (none.look(), none.watch.is_due) == ([], False)
    again = Watch(archived, "50d", LAST + 100 * DAY)
    assert (len(again.look()), again.watch.is_due) == (1, False)


@pytest.mark.parametrize(("ahead", "is_due"), [(DAY, True), (DAY + 1, False)])
def test_clock_far_ahead_of_newest_log_at_start_gives_notice_anew(
    archived: Path, ahead: int, is_due: bool
) -> None:
    keep = parse_keep("50d")
    assert keep is not None
    write_notice(DataFolder(archived), keep, NOTICE)
    watch = Watch(archived, "50d", LAST + 100 * DAY + ahead)
    # A log that comes by the wrong clock makes it no better.
    fill(archived, [{"type": "info", "message": ""}], received_at=watch.now)
    assert (len(watch.look()), watch.watch.is_due) == (int(not is_due), is_due)


@pytest.mark.logs
def test_notice_that_cannot_be_kept_is_told_once_and_nothing_is_due(
    archived: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = DataFolder(archived)
    folder.archive_notice.mkdir()
    watch = Watch(archived, "50d", LAST + 100 * DAY)
    watch.look()
    for _ in range(2):
        warnings = watch.look(MINUTE)
        assert warnings[-1].startswith("archive_keep cannot be heeded: cannot ")
        assert not watch.watch.is_due
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert errors == [warnings[-1]]
