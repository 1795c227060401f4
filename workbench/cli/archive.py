"""The commands `waterline archive …`. What each needs is imported when it runs, as in cli.py."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waterline.encoding import LEVELS, MOST_ROWS, Format
from waterline.errors import UsageError
from waterline.terminal import say, warn
from waterline.units import counted, human_size
from workbench.cli.groups import Commands
from workbench.cli.options import Command, duration, load, moment, settings_options

if TYPE_CHECKING:
    from waterline.archive.jobs.run import Outcome
    from waterline.settings.model import Settings
    from workbench.query.question import Question


@click.group(cls=Commands)
def archive() -> None:
    """Move old logs into verified, compressed batches; check, restore and export them."""


@archive.command()
@click.option(
    "--older-than", metavar="AGE", help="archive what was received that long ago, such as 30d"
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value for each in Format]),
    help="of the batches: default parquet",
)
@click.option("--batch-rows", type=click.IntRange(1, MOST_ROWS), help="logs in a batch at most")
@click.option(
    "--level",
    type=click.IntRange(1, max(levels[-1] for levels in LEVELS.values())),
    help="how hard to compress",
)
@click.option("--dest", metavar="URL", help="also upload to object storage: s3://bucket/prefix")
@click.option(
    "--keep-local/--remove-local", default=None, help="whether uploaded batches stay here too"
)
@click.option("--despite-clock", is_flag=True, help="although the clock is behind the newest log")
@settings_options("data")
def run(
    older_than: str | None,
    format_name: str | None,
    batch_rows: int | None,
    level: int | None,
    dest: str | None,
    keep_local: bool | None,
    despite_clock: bool,
    data: str | None,
) -> None:
    """Archive old logs now; what is not said is as the settings say.

    It may be stopped at any moment, and the next run goes on.
    """
    from waterline.archive.jobs.early_clock import refuse_early_clock
    from waterline.archive.jobs.policy import policy_of
    from waterline.archive.jobs.priority import give_way
    from waterline.archive.jobs.run import ArchiveJob
    from waterline.clock import now_ms
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    give_way()
    if older_than is not None:
        duration("--older-than", older_than)
    settings = load(
        {
            "data": data,
            "archive_after": older_than,
            "archive_format": format_name,
            "archive_batch_rows": None if batch_rows is None else str(batch_rows),
            "archive_level": None if level is None else str(level),
            "archive_dest": dest,
            "archive_keep_local": None if keep_local is None else ("yes" if keep_local else "no"),
        },
        {
            "archive_after": "--older-than",
            "archive_format": "--format",
            "archive_batch_rows": "--batch-rows",
            "archive_level": "--level",
            "archive_dest": "--dest",
            "archive_keep_local": "--keep-local",
        },
    ).settings
    folder, policy = DataFolder(settings.data), policy_of(settings)
    if not despite_clock:
        refuse_early_clock(folder, now_ms())
    with ProgressBars() as bars:
        job = ArchiveJob(folder, policy, progress=bars)
        try:
            job.run()
        finally:
            bars.close()
            done = _told(job.outcome)
            for line in done:
                say(line)
    if not done:
        say("nothing was old enough to be archived")


def _told(outcome: "Outcome") -> list[str]:
    """Return what a run has done, a line each; also when it failed then."""
    lines = []
    if outcome.batches:
        raw = sum(each.raw_bytes for each in outcome.batches)
        stored = sum(each.stored_bytes for each in outcome.batches)
        lines.append(
            f"archived {_amount(outcome.logs, len(outcome.batches))}: "
            f"{human_size(raw)} as JSON, {human_size(stored)} stored, "
            f"{1 - stored / raw:.1%} saved; {outcome.seconds:.2f} s, "
            f"{raw / 1e6 / outcome.seconds:.0f} MB/s"
        )
    removed, uploaded = outcome.removed, outcome.uploaded
    if removed.rows:
        lines.append(
            f"removed {counted(removed.rows, 'row')} in {removed.rows_seconds:.2f} s, gave "
            f"{human_size(removed.size)} back in {removed.size_seconds:.2f} s"
        )
    if uploaded.batches:
        lines.append(f"uploaded {_batches(uploaded.batches)}, {human_size(uploaded.size)}")
    return lines


@archive.command("list")
@settings_options("data")
def list_batches(data: str | None) -> None:
    """List the batches: where, which logs, how large, how much that saves."""
    from waterline.archive.ahead import read_whole_catalog
    from waterline.storage.folder import DataFolder
    from workbench.cli.archive_listing import listing

    _, batches = read_whole_catalog(DataFolder(load({"data": data}).settings.data))
    for line in listing(batches):
        say(line)


@archive.command()
@click.option("--all-copies", is_flag=True, help="read copies in object storage too")
@settings_options("data")
def verify(all_copies: bool, data: str | None) -> None:
    """Read every batch, and see that it is what was archived; exit code 1 where one is not."""
    from waterline.archive.jobs.verify import verify
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    folder = DataFolder(load({"data": data}).settings.data)
    with ProgressBars() as bars:
        verdict = verify(folder, all_copies=all_copies, progress=bars)
    for warning in verdict.warnings:
        warn(f"note: {warning}")
    for fault in verdict.faults:
        warn(f"waterline: {fault}")
    say(
        f"sound: {_batches(verdict.batches)}, {counted(verdict.logs, 'log')}, "
        f"{human_size(verdict.size)}"
    )
    if verdict.faults:
        raise SystemExit(1)


def _range_options(command: Command) -> Command:
    """Give a command the options that choose archived logs."""
    for name, text in (
        ("--source", "only of this source; may be repeated"),
        ("--type", "only of this type; may be repeated"),
    ):
        command = click.option(name, f"{name[2:]}s", multiple=True, metavar="NAME", help=text)(
            command
        )
    for name, text in (
        ("--until", "before this moment"),
        ("--since", "from this moment on: 2026-01-31T12:00 (UTC) or an age, as 90d"),
    ):
        command = click.option(name, metavar="TIME", help=text)(command)
    return command


def _question(
    since: str | None, until: str | None, types: tuple[str, ...], sources: tuple[str, ...]
) -> "Question":
    from waterline.clock import now_ms
    from workbench.query.question import ask

    return ask(
        now=now_ms(),
        since=moment(since),
        until=moment(until),
        type=types or None,
        source=sources or None,
    )


@archive.command()
@_range_options
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="the data folder to build",
)
@settings_options("data")
def restore(
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    into: Path,
    data: str | None,
) -> None:
    """Build a data folder of its own from archived logs; their seqs are kept.

    Run again, it completes what is there.
    """
    from waterline.archive.jobs.restore import restore
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    wanted = _question(since, until, types, sources)
    with ProgressBars() as bars:
        restored = restore(
            DataFolder(load({"data": data}).settings.data),
            into,
            since=wanted.since,
            until=wanted.until,
            types=wanted.types,
            sources=wanted.sources,
            progress=bars,
        )
    if restored.pruned:
        missing = counted(restored.pruned, "log")
        warn(f"note: up to {missing} of this range were pruned")
    if not restored.batches:
        say("no archived log is in this range, so no folder was made")
        return
    say(
        f"{into} holds {_amount(restored.logs, len(restored.batches))}, "
        f"{human_size(restored.size)}; open it with workbench.connect({str(into)!r})"
    )


@archive.command()
@_range_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="as what",
)
@click.option("--force", is_flag=True, help="write over a file that is there")
@click.option(
    "--raw", is_flag=True, help="CSV: leave cells as they are that a spreadsheet would run"
)
@click.argument("file", type=click.Path(path_type=Path))
@settings_options("data")
def export(
    since: str | None,
    until: str | None,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    format_name: str,
    force: bool,
    raw: bool,
    file: Path,
    data: str | None,
) -> None:
    """Write logs, archived and hot, into FILE; - is standard output."""
    from waterline.storage.folder import DataFolder
    from workbench.exports.export import export_logs
    from workbench.exports.formats import ExportFormat
    from workbench.progress_bar import ProgressBars

    chosen = ExportFormat(format_name)
    if raw and chosen is not ExportFormat.CSV:
        raise UsageError(f"--raw is for --format csv; {chosen} holds logs as they are")
    is_stream = str(file) == "-"
    if is_stream and sys.stdout.isatty() and chosen is not ExportFormat.JSONL:
        raise UsageError(f"{chosen} is not for a terminal; name a file, or send it into a pipe")
    with ProgressBars() as bars:
        exported = export_logs(
            DataFolder(load({"data": data}).settings.data),
            _question(since, until, types, sources),
            chosen,
            sys.stdout.buffer if is_stream else file,
            force=force,
            raw=raw,
            progress=bars,
        )
    for note in filter(None, (exported.lacks, exported.why_none)):
        warn(f"note: {note}")
    if not is_stream:
        say(f"{file} holds {counted(exported.logs, 'log')}, {human_size(exported.size)}")


@archive.command()
@click.option(
    "--older-than", required=True, metavar="AGE", help="what was received that long ago, as 1y"
)
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--despite-clock", is_flag=True, help="although the clock is behind the newest log")
@settings_options("data")
def prune(older_than: str, yes: bool, despite_clock: bool, data: str | None) -> None:
    """Remove old batches for good, here and in object storage; a record of each stays."""
    from waterline.archive.jobs.early_clock import refuse_early_clock
    from waterline.archive.jobs.prune import plan_prune, prune
    from waterline.clock import now_ms, utc_text
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    folder = DataFolder(load({"data": data}).settings.data)
    now, age = now_ms(), duration("--older-than", older_than)
    if not despite_clock:
        refuse_early_clock(folder, now)
    planned = plan_prune(folder, now - age)
    if planned:
        say(
            f"{_amount(sum(each.rows for each in planned), len(planned))}, received "
            f"{planned[0].day} to {planned[-1].day}, will be gone for good; "
            f"it is {utc_text(now)} by this machine's clock"
        )
        if not yes:
            _confirm("Remove them?")
    with ProgressBars() as bars:
        pruned = prune(folder, planned, progress=bars)
    say(f"pruned {_amount(pruned.logs, pruned.batches)}" if planned else "no batch is that old")


def _confirm(question: str) -> None:
    """Ask, and go on only after yes.

    Raises:
        UsageError: the answer is no, or nobody answers.
    """
    click.echo(f"{question} [y/N]: ", nl=False)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
        raise UsageError("not answered, so nothing was removed; --yes does not ask")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was removed")


@archive.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--source", default="adopted", show_default=True, help="what adopted logs have as their source"
)
@click.option(
    "--from", "origin", metavar="URL", help="rebuild from object storage: s3://bucket/prefix"
)
@click.option("--skip-damaged", is_flag=True, help="rebuild although files are damaged or missing")
@settings_options("data")
def adopt(
    paths: tuple[Path, ...],
    source: str,
    origin: str | None,
    skip_damaged: bool,
    data: str | None,
) -> None:
    """Adopt archives of version 2.0, or, without FILE, rebuild a folder that lost its logs.db.

    The server of the folder must be stopped. FILE may be a folder, for all *.json.gz below it.
    """
    settings = load({"data": data}).settings
    if paths:
        if origin is not None or skip_damaged:
            raise UsageError("--from and --skip-damaged are for rebuilding; leave FILE out")
        _adopt_files(settings, paths, source)
    else:
        _rebuild(settings, origin, skip_damaged=skip_damaged)


def _adopt_files(settings: "Settings", paths: tuple[Path, ...], source: str) -> None:
    from waterline.archive.jobs.import_v2 import adopt_files
    from waterline.archive.jobs.policy import level_of
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    with ProgressBars() as bars:
        adopted = adopt_files(
            DataFolder(settings.data),
            paths,
            source=source,
            format=settings.archive_format,
            level=level_of(settings),
            progress=bars,
        )
    for skipped in adopted.skipped:
        warn(f"note: {skipped}")
    say(f"adopted {_amount(adopted.logs, adopted.batches)}")


def _rebuild(settings: "Settings", origin: str | None, *, skip_damaged: bool) -> None:
    from waterline.archive.jobs.rebuild import rebuild_catalog
    from waterline.storage.folder import DataFolder
    from workbench.progress_bar import ProgressBars

    with ProgressBars() as bars:
        rebuilt = rebuild_catalog(
            DataFolder(settings.data), origin=origin, skip_damaged=skip_damaged, progress=bars
        )
    for sentence in [*rebuilt.faults, *rebuilt.corrected, *rebuilt.skipped]:
        warn(f"waterline: {sentence}")
    say(f"{settings.data} knows {_amount(rebuilt.logs, rebuilt.batches)} again")


def _amount(logs: int, batches: int) -> str:
    return f"{counted(logs, 'log')} in {_batches(batches)}"


def _batches(number: int) -> str:
    return counted(number, "batch", "batches")
