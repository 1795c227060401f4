"""How to read files, from the texts that `waterline send` and `workbench.read` are given."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from waterline.errors import UsageError
from waterline.recognition.multiline import Multiline
from waterline.recognition.object_plans import Overrides
from waterline.recognition.user_formats import UserFormat, parse_formats
from workbench.clients.log_files.extract import Extraction
from workbench.clients.log_files.reader import Format, Reading
from workbench.clients.log_files.text_encoding import named_encoding

Spelling = Callable[[str, object], str]
"""Returns an option and its value as whoever gave them wrote them, for errors."""

_E = TypeVar("_E", bound=StrEnum)


def reading_of(
    spell: Spelling,
    *,
    format: str,  # noqa: A002 - what everybody calls it
    formats: str | os.PathLike[str] | None,
    multiline: str,
    encoding: str | None,
    extract: str | None,
    message_field: str | None,
    time_field: str | None,
    type_field: str | None,
    timezone: str,
) -> Reading:
    """Return how to read files.

    Args:
        spell: writes an option and its value into errors.
        format: name of a `Format`.
        formats: path of a file of dialects, in the JSON form of lnav's format files.
        multiline: name of a `Multiline`.
        encoding: name of the encoding of text that is not UTF-8; None recognises it.
        extract: regular expression whose named groups become attributes.
        message_field: member of JSON objects that is the message; `a.b` is b within a.
        time_field: member of JSON objects that is the time.
        type_field: member of JSON objects that is the type.
        timezone: name of the zone of times that name none.

    Raises:
        UsageError: an option has no meaning; the sentence names it.
    """
    _check_texts(
        spell,
        format=format,
        multiline=multiline,
        encoding=encoding,
        extract=extract,
        message_field=message_field,
        time_field=time_field,
        type_field=type_field,
        timezone=timezone,
    )
    named = Overrides(message_field or None, time_field or None, type_field or None)
    return Reading(
        format=_choice(Format, spell, "format", format),
        formats=() if formats is None else _formats(Path(formats)),
        multiline=_choice(Multiline, spell, "multiline", multiline),
        encoding=None if encoding is None else _encoding(spell, encoding),
        timezone=_zone(spell, timezone),
        extraction=None if extract is None else Extraction(extract),
        overrides=None if named == Overrides() else named,
    )


def _check_texts(spell: Spelling, **options: object) -> None:
    """Refuse values that are no text, which a notebook may give."""
    for option, value in options.items():
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{spell(option, value)} is no text")


def _choice(kind: type[_E], spell: Spelling, option: str, name: str) -> _E:
    try:
        return kind(name)
    except ValueError as error:
        known = ", ".join(kind)
        raise UsageError(f"{spell(option, name)} is unknown; choose one of {known}") from error


def _formats(path: Path) -> Sequence[UserFormat]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return parse_formats(text, str(path))


def _encoding(spell: Spelling, name: str) -> str:
    try:
        return named_encoding(name)
    except LookupError as error:
        said = spell("encoding", name)
        raise UsageError(
            f"{said} is unknown; give a name such as latin-1, cp1251 or shift_jis"
        ) from error


def _zone(spell: Spelling, name: str) -> tzinfo:
    if name == "UTC":  # known even without a time zone database
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError) as error:
        said = spell("timezone", name)
        raise UsageError(f"{said} is unknown; give a name such as Europe/Berlin") from error
