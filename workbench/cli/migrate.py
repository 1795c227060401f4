"""`waterline migrate`: move logs in from another log store."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from waterline.errors import UsageError
from waterline.storage.folder import DataFolder
from waterline.terminal import say, warn
from waterline.units import counted
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.migration.from_export import Outcome as Exported
    from workbench.migration.from_source import Outcome

EXPORTS: Final = ("loki", "victorialogs", "jsonl", "journald")
"""Values of `--from`; a test holds them to those of `Export`."""


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option(
    "--from",
    "export",
    type=click.Choice(EXPORTS),
    help="what exported FILE; it may be packed",
)
@click.option(
    "--from-source",
    "old",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="the folder of the source document's server: logs.db, archives/, metrics.db, cache.db",
)
@click.option(
    "--source", default="migrated", show_default=True, help="what the logs have as their source"
)
@click.option("--dry-run", is_flag=True, help="say what would be moved in, and store nothing")
@settings_options("data")
@needs("server")
def migrate(
    files: tuple[str, ...],
    export: str | None,
    old: Path | None,
    source: str,
    dry_run: bool,
    data: str | None,
) -> None:
    """Move logs of another log store into the data folder, whose server is stopped.

    DIR is only read, and its server may run. FILE may be a folder, or a pattern.

    Run it again after an interruption, or once more logs came in: what is there already is not
    stored twice. What was there before is kept in copies beside the databases, of each run that
    changes them. The exit code is 1 where something could not be read or is not found again at the
    end.
    """
    if old is not None and export is None and not files:
        _from_source(old, source, data, dry_run=dry_run)
    elif old is None and export is not None and files:
        _from_export(export, files, source, data, dry_run=dry_run)
    else:
        raise UsageError(_wanted(export, old, files))


def _wanted(export: str | None, old: Path | None, files: tuple[str, ...]) -> str:
    """Return what is to be said otherwise."""
    forms = "|".join(EXPORTS)
    if old is not None:
        given = f"--from {export}" if export is not None else files[0]
        return f"--from-source {old} and {given} cannot go together; move one after the other"
    if export is not None:
        return f"say which files {export} exported: --from {export} FILE..."
    if files:
        return f"say what exported {files[0]}: --from {forms}"
    return f"say where the logs are: --from-source DIR, or --from {forms} FILE..."


def _from_export(
    export: str, files: tuple[str, ...], source: str, data: str | None, *, dry_run: bool
) -> None:
    from workbench.migration.from_export import Export, migrate_files
    from workbench.progress_bar import ProgressBars

    folder = DataFolder(load({"data": data}).settings.data)
    with ProgressBars() as bars:
        outcome = migrate_files(
            Export(export), files, folder, source=source, dry_run=dry_run, progress=bars
        )
    for line in outcome.findings:
        say(f"  {line}")
    for sentence in outcome.damaged:
        warn(f"waterline: {sentence}")
    _tell(outcome, source, dry_run=dry_run)
    if not outcome.is_whole:
        raise SystemExit(1)


def _from_source(old: Path, source: str, data: str | None, *, dry_run: bool) -> None:
    from waterline.archive.jobs.run_options import encoding_of
    from workbench.migration.from_source import migrate_folder
    from workbench.progress_bar import ProgressBars

    settings = load({"data": data}).settings
    with ProgressBars() as bars:
        outcome = migrate_folder(
            old,
            DataFolder(settings.data),
            source=source,
            encoding=encoding_of(settings),
            measured=settings.measured_attributes,
            dry_run=dry_run,
            progress=bars,
        )
    _tell_found(outcome)
    for line in outcome.findings:
        say(f"  {line}")
    for sentence in outcome.damaged:
        warn(f"waterline: {sentence}")
    _tell_moved(outcome, source, dry_run=dry_run)
    if not outcome.is_whole:
        raise SystemExit(1)


def _tell_found(outcome: "Outcome") -> None:
    found = outcome.found
    for table, rows in found.tables.items():
        say(f"{found.path}/logs.db: {counted(rows, 'row')} of {table}")
    files = counted(len(found.archives), "batch file")
    say(f"{found.path}/archives: {files}")
    for metric in outcome.metrics:
        say(f"{found.path}/metrics.db: {counted(metric.read, 'value')} of {metric.name}")
    if found.cached:
        say(
            f"{found.path}/cache.db: {counted(found.cached, 'entry', 'entries')}, left behind: "
            "they are copies of answers, made anew when asked for; "
            f"{outcome.cached_alone:,} of them of logs that are nowhere else"
        )


def _tell_moved(outcome: "Outcome", source: str, *, dry_run: bool) -> None:
    if outcome.left_out:
        say(f"archives: {counted(outcome.left_out, 'batch file')} without new logs")
    if not dry_run:
        for metric in outcome.metrics:
            say(f"metrics.db: {counted(metric.stored, 'value')} of {metric.name}")
    _tell(outcome, source, dry_run=dry_run)


def _tell(outcome: "Outcome | Exported", source: str, *, dry_run: bool) -> None:
    would = "would be stored" if dry_run else "stored"
    for table, tally in outcome.tallies.items():
        say(
            f"{table}: {counted(tally.read, 'log')} read, {tally.new:,} {would}, "
            f"{tally.known:,} there already"
        )
    if dry_run:
        say("nothing was written")
    for table, compared in outcome.compared.items():
        say(
            f"compared {table}: {counted(compared.logs, 'log')}, "
            f"{compared.logs - compared.lacks:,} found again with source {source}, "
            f"{compared.equal:,} of them equal, SHA-256 {compared.read[:16]}"
        )
        if compared.read != compared.stored:
            warn(f"waterline: those of {table} are stored with SHA-256 {compared.stored[:16]}")
        if compared.lacks:
            missing = "; ".join(compared.missing)
            warn(f"waterline: {compared.lacks:,} of {table} are not found again, such as {missing}")
    for path in outcome.copies.now:
        say(f"as it was before: {path}, to be removed when you like")
    if outcome.copies.earlier:
        names = ", ".join(path.name for path in outcome.copies.earlier)
        say(f"as it was before earlier runs, also interrupted ones: {names}")
