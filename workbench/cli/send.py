"""`waterline send`: send log files, and wait for every ack."""

import math
import sys
from pathlib import Path

import click

from waterline.errors import UsageError
from waterline.interrupts import INTERRUPTED
from waterline.terminal import say, warn
from workbench.cli.options import duration, token_option, url_option


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@url_option("/ingest", "the server's ingest address", "WATERLINE_URL")
@token_option("ingest")
@click.option(
    "--format",
    "format_name",
    default="auto",
    show_default=True,
    help="how to read the lines: auto, jsonl (objects alone) or lines (text alone)",
)
@click.option(
    "--formats",
    "formats_file",
    metavar="FILE",
    help="dialects of your own, in the JSON form of lnav's format files",
)
@click.option(
    "--multiline",
    default="join",
    show_default=True,
    help="lines that continue a log: join them to it, give them its time (time), or off",
)
@click.option(
    "--encoding",
    metavar="NAME",
    help="of text that is not UTF-8, such as latin-1; by default it is recognised",
)
@click.option(
    "--extract",
    metavar="REGEX",
    help="named groups become attributes, numbers as numbers; of lines not stored before",
)
@click.option(
    "--message-field",
    metavar="NAME",
    help="member of JSON objects that is the message; a.b is b within a",
)
@click.option("--time-field", metavar="NAME", help="member of JSON objects that is the time")
@click.option("--type-field", metavar="NAME", help="member of JSON objects that is the type")
@click.option(
    "--timezone", "zone", default="UTC", show_default=True, help="of times that name none"
)
@click.option(
    "--follow",
    is_flag=True,
    help="go on with what is written to the files, through rotation and restarts, until Ctrl-C",
)
@click.option(
    "--state",
    metavar="DIR",
    help="where --follow keeps its positions  [default: ~/.local/state/waterline]",
)
@click.option(
    "--patience",
    metavar="DURATION",
    help="give up after so long without a connection or an answer; each answer begins it anew  "
    "[default: 15s; with --follow, never]",
)
def send(
    files: tuple[str, ...],
    url: str,
    token: str,
    format_name: str,
    formats_file: str | None,
    multiline: str,
    encoding: str | None,
    extract: str | None,
    message_field: str | None,
    time_field: str | None,
    type_field: str | None,
    zone: str,
    follow: bool,
    state: str | None,
    patience: str | None,
) -> None:
    """Send log files and wait for every ack; - is standard input.

    Of a folder it is every log file within. Rotations of one log are sent oldest first. Each line
    is read by its own shape, whatever program wrote it. Lines that belong together, such as a
    traceback, are one log.

    What is sent twice is stored once, so a file that has grown can be sent again; --follow goes on
    with what is written, and keeps its place for the next start. The exit code
    is 1 when anything was rejected or not acked, 130 after Ctrl-C.
    """
    from workbench.clients.follow import follow_files
    from workbench.clients.log_files.options import reading_of
    from workbench.clients.positions import default_folder
    from workbench.clients.send import send_files

    reading = reading_of(
        _spelling,
        format=format_name,
        formats=formats_file,
        multiline=multiline,
        encoding=encoding,
        extract=extract,
        message_field=message_field,
        time_field=time_field,
        type_field=type_field,
        timezone=zone,
    )
    if patience is not None:
        seconds = duration("--patience", patience) / 1000
    else:
        seconds = math.inf if follow else 15.0
    if follow:
        summary = follow_files(
            files,
            url=url,
            token=token,
            reading=reading,
            patience=seconds,
            state=default_folder() if state is None else Path(state),
            tell=lambda said: warn(f"waterline: {said}"),
        )
    elif state is not None:
        raise UsageError("--state is for --follow; without it no position is kept")
    else:
        summary = send_files(
            files,
            url=url,
            token=token,
            reading=reading,
            patience=seconds,
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


def _spelling(option: str, value: object) -> str:
    return f"--{option} {value}"
