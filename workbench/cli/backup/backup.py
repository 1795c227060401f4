"""`waterline backup`: take a backup of a data folder whose server may run, list and verify them."""

from typing import TYPE_CHECKING, Final

import click

from waterline.clock import utc_text
from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from waterline.backup.repository import Repository

# Milliseconds by which a name is later than its backup before that is told.
_NOTED: Final = 1_000


@click.command()
@click.argument("place", required=False)
@click.option("--list", "is_list", is_flag=True, help="show the backups there, and take none")
@click.option(
    "--verify", "is_verify", is_flag=True, help="restore one in a temporary folder, and take none"
)
@click.option("--at", metavar="NAME", help="the backup to verify; default the newest")
@click.option(
    "--keep", type=click.IntRange(1), metavar="NUMBER", help="let earlier ones go: keep so many"
)
@settings_options("data")
@needs("server")
def backup(
    place: str | None,
    is_list: bool,
    is_verify: bool,
    at: str | None,
    keep: int | None,
    data: str | None,
) -> None:
    """Take a backup into PLACE, a folder or s3://bucket/prefix; the server may run.

    It is of one moment: what was acked before is in it, and what came later is not. Only what is
    new is written. PLACE is the setting backup_to where it is left out.
    """
    from waterline.backup.place import open_place
    from waterline.backup.repository import Repository

    settings = load({"data": data}).settings
    place = place or settings.backup_to
    if place is None:
        raise UsageError("name a folder for backups, or s3://bucket/prefix; or set backup_to")
    if is_list and is_verify:
        raise UsageError("--list and --verify are given; give one of them")
    if at is not None and not is_verify:
        raise UsageError("--at goes with --verify")
    repository = Repository(open_place(place))
    if is_list:
        _list(repository)
    elif is_verify:
        _verify(repository, at)
    else:
        _take(repository, DataFolder(settings.data), settings.dedupe_window, keep)


def _take(repository: "Repository", folder: DataFolder, window: int, keep: int | None) -> None:
    from waterline.archive.jobs.priority import give_way
    from waterline.backup.take import BackupJob
    from workbench.progress_bar import ProgressBars

    give_way()
    with ProgressBars() as bars:
        job = BackupJob(folder, repository, dedupe_window=window, keep=keep, progress=bars)
        taken = job.run()
    record = taken.record
    say(
        f"{record.name}: {counted(record.rows, 'log')}, "
        f"{counted(taken.new_files, 'new file')}, {human_size(taken.size)} written"
    )
    if taken.removed:
        say(f"{counted(taken.removed, 'earlier backup')} removed")
    for warning in taken.warnings:
        warn(f"waterline: {warning}")
    _tell_lacks([*record.lacks.values()])


def _list(repository: "Repository") -> None:
    from waterline.backup.record import DamagedRecord

    names = repository.names()
    if not names:
        raise UsageError(f"there are no backups in {repository}; name the place that has them")
    faults = []
    for name in names:
        try:
            record = repository.record(name)
        except DamagedRecord as error:
            say(f"{name}  damaged")
            faults.append(str(error))
            continue
        lacks = f", lacks {counted(len(record.lacks), 'file')}" if record.lacks else ""
        # The name is later if the clock was ahead when the backup before was taken.
        far = record.moment_of_name - record.taken_at >= _NOTED
        taken = f", taken {utc_text(record.taken_at)}" if far else ""
        say(f"{name}  {counted(record.rows, 'log')}, up to seq {record.last_seq:,}{taken}{lacks}")
    _tell_lacks(faults)


def _verify(repository: "Repository", at: str | None) -> None:
    from waterline.backup.verify import verify_backup
    from workbench.progress_bar import ProgressBars

    record = repository.chosen(at)
    with ProgressBars() as bars:
        verified = verify_backup(repository, record, progress=bars)
    say(f"{record.name}: {counted(verified.logs, 'log')} of {record.rows:,} read back")
    _tell_lacks(verified.faults)


def _tell_lacks(faults: list[str]) -> None:
    for fault in faults:
        warn(f"waterline: {fault}")
    if faults:
        raise SystemExit(1)
