"""`waterline send`: send log files, and wait for every ack."""

import sys
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from waterline.errors import UsageError
from waterline.interrupts import INTERRUPTED
from waterline.terminal import say, warn
from workbench.cli.options import duration, token_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from waterline.recognition.multiline import Multiline
    from waterline.recognition.user_formats import UserFormat
    from workbench.clients.log_files.formats import Format


@click.command()
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
    formats_file: str | None,
    multiline: str,
    encoding: str | None,
    extract: str | None,
    message_field: str | None,
    time_field: str | None,
    type_field: str | None,
    zone: str,
    patience: str,
) -> None:
    """Send log files and wait for every ack; - is standard input.

    Of a folder it is every log file within. Rotations of one log are sent oldest first. Each line
    is read by its own shape, whatever program wrote it. Lines that belong together, such as a
    traceback, are one log.

    What is sent twice is stored once, so a file that has grown can be sent again. The exit code
    is 1 when anything was rejected or not acked, 130 after Ctrl-C.
    """
    from waterline.recognition.objects import Overrides
    from workbench.clients.log_files.extract import Extraction
    from workbench.clients.log_files.reader import Reading
    from workbench.clients.log_files.text_encoding import named_encoding
    from workbench.clients.send import send_files

    named = Overrides(message_field or None, time_field or None, type_field or None)
    summary = send_files(
        files,
        url=url,
        token=token,
        reading=Reading(
            format=_format(format_name),
            formats=() if formats_file is None else _formats(formats_file),
            multiline=_multiline(multiline),
            timezone=_timezone(zone),
            extraction=None if extract is None else Extraction(extract),
            encoding=None if encoding is None else named_encoding(encoding),
            overrides=None if named == Overrides() else named,
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


def _format(name: str) -> "Format":
    from workbench.clients.log_files.formats import Format

    try:
        return Format(name)
    except ValueError as error:
        known = ", ".join(Format)
        raise UsageError(f"--format {name} is unknown; choose one of {known}") from error


def _multiline(name: str) -> "Multiline":
    from waterline.recognition.multiline import Multiline

    try:
        return Multiline(name)
    except ValueError as error:
        known = ", ".join(Multiline)
        raise UsageError(f"--multiline {name} is unknown; choose one of {known}") from error


def _formats(name: str) -> "Sequence[UserFormat]":
    from waterline.recognition.user_formats import parse_formats

    try:
        text = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    return parse_formats(text, name)


def _timezone(name: str) -> tzinfo:
    if name == "UTC":  # known even without a time zone database
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise UsageError(
            f"--timezone {name} is unknown; give a name such as Europe/Berlin"
        ) from error
