"""`waterline restore`: build a data folder from a backup."""

from pathlib import Path

import click

from waterline.terminal import say, warn
from waterline.units import counted
from workbench.cli.options import needs


@click.command()
@click.argument("place")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="the data folder to build: a new or an empty one",
)
@click.option("--at", metavar="NAME", help="its name, or the begin of it; default the newest")
@needs("server")
def restore(place: str, into: Path, at: str | None) -> None:
    """Build a data folder from a backup in PLACE, a folder or s3://bucket/prefix.

    Seqs and tokens stay. What was acked later is not there, so earlier pins are refused. Run again,
    it completes what is there.
    """
    from waterline.backup.place import open_place
    from waterline.backup.repository import Repository
    from waterline.backup.restore import restore_backup
    from workbench.progress_bar import ProgressBars

    repository = Repository(open_place(place))
    record = repository.chosen(at)
    with ProgressBars() as bars:
        lacks = restore_backup(repository, record, into, progress=bars)
    say(
        f"{into} holds {counted(record.rows, 'log')}, up to seq {record.last_seq}, as of "
        f"{record.name}; start it with waterline serve --data {into}"
    )
    uploaded = [each.uploaded_to for each in record.batches if each.uploaded_to is not None]
    if uploaded:
        say(
            "before that, let it take in what was archived after the backup: waterline archive "
            f"adopt --from {uploaded[-1]} --data {into}"
        )
    for each in lacks:
        warn(f"waterline: {each}")
    if lacks:
        raise SystemExit(1)
