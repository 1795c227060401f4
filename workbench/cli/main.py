"""The command `waterline`. The one file that may import any room, each when it is needed.

What a command needs is imported in its function: `waterline serve` must start in half a second
and stay light, so it never loads pandas or Panel.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from waterline.clock import now_ms
from waterline.errors import UsageError
from waterline.interrupts import INTERRUPTED
from waterline.processes import python_command
from waterline.settings.model import environment_of, setting_help, setting_names
from waterline.terminal import discard, say, warn
from workbench.cli.archive import archive
from workbench.cli.groups import Commands, Waterline
from workbench.cli.options import duration, load, settings_options, token_option
from workbench.cli.report import report

if TYPE_CHECKING:
    from waterline.storage.folder import DataFolder
    from waterline.tokens import TokenFile
    from workbench.clients.log_files.formats import Format


@click.group(cls=Waterline, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterline")
def main() -> None:
    """Take logs in, keep them, look at them live, and explore them in notebooks."""


main.add_command(archive)
main.add_command(report)


@main.command()
@settings_options(*setting_names())
def serve(**options: str | None) -> None:
    """Run the server: ingest, live and monitoring. It ends by SIGTERM or Ctrl-C."""
    command = python_command("server")
    os.execve(command[0], command, os.environ | environment_of(load(options).settings))


@main.command("up")
@settings_options(*setting_names())
@click.option("--demo", is_flag=True, help="send the sample as live traffic, for a day at most")
def run_all(demo: bool, **options: str | None) -> None:
    """Run server, monitoring and dashboard together, until Ctrl-C or SIGTERM."""
    from workbench.running.up import up

    asyncio.run(up(load(options).settings, demo=demo, say=say))


@main.command()
@settings_options("data", "host")
@click.option(
    "--port", "--dashboard-port", "dashboard_port",
    metavar="VALUE", help=setting_help("dashboard_port"),
)  # fmt: skip
def dashboard(**options: str | None) -> None:
    """Serve the dashboard of a data folder; its server may run or not."""
    from workbench.running.panel import show_dashboard

    asyncio.run(show_dashboard(load(options).settings, say))


@main.command("settings")
@settings_options(*setting_names())
def show_settings(**options: str | None) -> None:
    """Print the settings in force and where each came from."""
    rows = load(options).describe()
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        say(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")


@main.group(cls=Commands)
def token() -> None:
    """Make, list and revoke the tokens that producers and readers need."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["ingest", "read"]),
    help="what it allows; may be given twice",
)
@settings_options("data")
def create_token(name: str, scopes: tuple[str, ...], **options: str | None) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    from waterline.tokens import Scope

    folder, tokens = _tokens(options)
    folder.create()
    say(tokens.create(name, (Scope(scope) for scope in scopes), now_ms()))


@token.command("list")
@settings_options("data")
def list_tokens(**options: str | None) -> None:
    """List the tokens: name, scopes, when made."""
    folder, tokens = _tokens(options)
    known = tokens.tokens()
    if not known:
        warn(
            f"there is no token in {folder.path} yet; make one: waterline token create NAME "
            f"--scope ingest --data {folder.path}"
        )
    for each in known:
        made = datetime.fromtimestamp(each.created_at / 1000, UTC)
        say(f"{each.name:<24} {','.join(sorted(each.scopes)):<12} {made:%Y-%m-%d %H:%M}Z")


@token.command("revoke")
@click.argument("name")
@settings_options("data")
def revoke_token(name: str, **options: str | None) -> None:
    """Revoke a token: from now on it opens nothing."""
    _, tokens = _tokens(options)
    tokens.revoke(name)
    say(f"{name} is revoked")


def _tokens(options: dict[str, str | None]) -> tuple["DataFolder", "TokenFile"]:
    from waterline.storage.folder import DataFolder
    from waterline.tokens import TokenFile

    folder = DataFolder(load(options).settings.data)
    return folder, TokenFile(folder.tokens)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--url",
    envvar="WATERLINE_URL",
    default="ws://127.0.0.1:3001/ingest",
    show_default=True,
    help="the server's ingest address; also WATERLINE_URL",
)
@token_option("ingest")
@click.option(
    "--format",
    "format_name",
    default="auto",
    show_default=True,
    help="how to read the lines: auto, jsonl, combined or lines",
)
@click.option(
    "--extract",
    metavar="REGEX",
    help="named groups become attributes, numbers as numbers; of lines not stored before",
)
@click.option(
    "--timezone", "zone", default="UTC", show_default=True, help="of times that name none"
)
@click.option(
    "--patience",
    default="15s",
    show_default=True,
    metavar="DURATION",
    help="give up after so long without a connection or an answer; each answer begins it anew",
)
def send(
    files: tuple[str, ...],
    url: str,
    token: str,
    format_name: str,
    extract: str | None,
    zone: str,
    patience: str,
) -> None:
    """Send log files, a log a line, and wait for every ack; - is standard input.

    What is sent twice is stored once, so a file that has grown can be sent again. The exit code
    is 1 when anything was rejected or not acked, 130 after Ctrl-C.
    """
    from workbench.clients.log_files.extract import Extraction
    from workbench.clients.send import Reading, send_files

    summary = send_files(
        files,
        url=url,
        token=token,
        reading=Reading(
            format=_format(format_name),
            timezone=_timezone(zone),
            extraction=None if extract is None else Extraction(extract),
        ),
        patience=duration("--patience", patience) / 1000,
        standard_input=sys.stdin.buffer,
    )
    for line in summary.lines():
        say(line)
    for failure in summary.failures:
        warn(f"waterline: {failure}")
    if summary.interrupted:
        raise SystemExit(INTERRUPTED)
    if not summary.complete:
        raise SystemExit(1)


@main.command()
@click.option(
    "--url",
    default="ws://127.0.0.1:3001/live",
    show_default=True,
    help="the server's live address",
)
@token_option("read")
@click.option("--type", "types", multiple=True, help="only logs of this type; may be repeated")
@click.option("--source", "sources", multiple=True, help="only of this token; may be repeated")
@click.option("--contains", multiple=True, help="only with this text in the message, case and all")
@click.option(
    "--after", type=click.IntRange(0, 2**63 - 1), help="begin behind this seq; 0 is all that is hot"
)
def tail(
    url: str,
    token: str,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    contains: tuple[str, ...],
    after: int | None,
) -> None:
    """Print logs as they are committed, a JSON object a line, until Ctrl-C.

    A lost connection is made anew, and goes on where it broke off: each log is printed once. It
    ends when nobody reads its output any more.
    """
    from workbench.clients.tail import Tail, Wanted

    wanted = Wanted(types=types, sources=sources, contains=contains, after=after)
    tail = Tail(
        url, token, wanted, lambda said: warn(f"waterline: {said}"), output=sys.stdout.fileno()
    )
    try:
        for lines in tail.follow():
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:  # its end, of which there is nothing to say
        discard(sys.stdout)
        raise SystemExit(INTERRUPTED) from None


def _format(name: str) -> "Format":
    from workbench.clients.log_files.formats import Format

    try:
        return Format(name)
    except ValueError as error:
        known = ", ".join(Format)
        raise UsageError(f"--format {name} is unknown; choose one of {known}") from error


def _timezone(name: str) -> tzinfo:
    if name == "UTC":  # known also where the machine has no time zone database
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise UsageError(
            f"--timezone {name} is unknown; give a name such as Europe/Berlin"
        ) from error
