"""Rows under a header: CSV and TSV, and the `#Fields` of IIS, CloudFront, W3C and Zeek."""

import csv
import re
from collections.abc import Sequence
from typing import Final

from waterline.recognition.dialect import Reader, number_of
from waterline.recognition.levels import type_of_status
from waterline.recognition.line_levels import level_of_word
from waterline.recognition.recognized import Recognized

_FIELDS: Final = re.compile(r"#(?:Fields:|fields)[ \t]+(?P<names>\S.*)$")
_DELIMITERS: Final = ("\t", ",", ";", "|")
_NAME: Final = re.compile(r"[A-Za-z_@#][\w .@/()#:-]{0,60}", re.ASCII)
_TIMES: Final = {
    *("time", "timestamp", "@timestamp", "datetime", "date", "ts", "date/time", "date and time"),
    "date-time",
    *("time_local", "timecreated", "timegenerated", "eventtime", "event_time", "created_at"),
    *("log_time", "logged_at", "time generated", "time created", "_time", "utc", "zeit", "when"),
}
_LEVELS: Final = {
    *("level", "severity", "lvl", "loglevel", "log_level", "levelname", "leveldisplayname"),
    *("error_severity", "priority", "type"),
}
_MESSAGES: Final = {"message", "msg", "text", "description", "event", "log", "body"}
_MIN_UNKNOWN_NAMES: Final = 3
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
# What the field calls them; names of W3C that are not here stay as they are.
_W3C: Final = {
    "cs-method": "method",
    "cs-uri-stem": "path",
    "cs-uri": "path",
    "cs-uri-query": "query",
    "sc-status": "status",
    "sc-bytes": "bytes",
    "cs-bytes": "bytes_in",
    "c-ip": "remote_host",
    "cs-username": "remote_user",
    "cs(user-agent)": "agent",
    "cs(referer)": "referrer",
    "cs-host": "host",
    "cs(host)": "host",
    "cs-version": "protocol",
    "cs-protocol-version": "protocol",
    "time-taken": "duration_ms",
}
_LEFT_OUT: Final = ("", "-", "(empty)")


class Table:
    """Reads the rows under one header."""

    def __init__(self, names: Sequence[str], delimiter: str, *, w3c: bool) -> None:
        """Say what the columns are.

        Args:
            names: of the columns, in order.
            delimiter: what stands between two fields.
            w3c: whether the names are W3C's, a field may not be quoted, and `-` is no value.
        """
        self._delimiter = delimiter
        self._w3c = w3c
        lower = [name.strip().lower() for name in names]
        self._names = [
            _W3C.get(low, name) if w3c else name for low, name in zip(lower, names, strict=True)
        ]
        self._times = [place for place, name in enumerate(lower) if name in _TIMES][:2]
        self._level = _place(lower, _LEVELS) if not w3c else None
        self._message = _place(lower, _MESSAGES - {"event"} if w3c else _MESSAGES)

    def read(self, line: str, reader: Reader) -> Recognized | None:
        """Return what a row says, or None if it has another number of fields."""
        fields = self._fields_of(line)
        if len(fields) == len(self._names) + 1 and self._message is None and not self._w3c:
            # Windows writes the text of an event behind the columns that it names.
            fields, text = fields[:-1], fields[-1]
            line = text or line
        if len(fields) != len(self._names):
            return None
        timestamp, taken = self._time_of(fields, reader)
        level = None if self._level is None else level_of_word(fields[self._level])
        if level and self._level is not None:
            taken.add(self._level)
        attributes: dict[str, object] = {}
        for place, (name, text) in enumerate(zip(self._names, fields, strict=True)):
            if place in taken or place == self._message or text in _LEFT_OUT:
                continue
            attributes[name] = number_of(text) if _NUMBER.fullmatch(text) else text
        if level and level.more:
            attributes["level"] = level.more
        type_ = level.type if level else None
        if type_ is None and isinstance(status := attributes.get("status"), int):
            type_ = type_of_status(status)
        if self._w3c:
            self._measure(attributes, fields)
        return Recognized(self._text(line, fields, attributes), timestamp, type_, attributes)

    def is_open(self, line: str) -> bool:
        """Return whether a quoted field of a row goes on in the next line (RFC 4180, 2.6)."""
        return not self._w3c and line.count('"') % 2 == 1

    def _fields_of(self, line: str) -> list[str]:
        if self._w3c and self._delimiter != ",":
            # CloudFront names the fields with blanks between, and writes them with tabs.
            return line.split("\t" if "\t" in line else self._delimiter)
        if '"' not in line:
            return line.split(self._delimiter)
        try:
            return next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            return []

    def _time_of(self, fields: Sequence[str], reader: Reader) -> tuple[int | None, set[int]]:
        """Return the time of a row: of one column, or of one for the date and one for the time."""
        texts = [fields[place] for place in self._times]
        if len(texts) == 2:
            timestamp = reader.time_of(" ".join(texts))
            if timestamp is not None:
                return timestamp, set(self._times)
        for place, text in zip(self._times, texts, strict=True):
            timestamp = reader.time_of(text)
            if timestamp is not None:
                return timestamp, {place}
        return None, set()

    def _measure(self, attributes: dict[str, object], fields: Sequence[str]) -> None:
        """Convert CloudFront's and W3C's seconds; IIS has whole milliseconds."""
        if "duration_ms" in attributes:
            text = fields[self._names.index("duration_ms")]
            attributes["duration_ms"] = number_of(text, 1000 if "." in text else 1)

    def _text(self, line: str, fields: Sequence[str], attributes: dict[str, object]) -> str:
        if self._message is not None and fields[self._message]:
            return fields[self._message]
        if self._w3c and "method" in attributes and "path" in attributes:
            query = f"?{attributes['query']}" if "query" in attributes else ""
            return f"{attributes['method']} {attributes['path']}{query}"
        return line


def table_of_directive(line: str) -> Table | None:
    """Return the table that a directive such as `#Fields: date time` begins, or None."""
    match = _FIELDS.match(line)
    if match is None:
        return None
    names = match["names"].rstrip()
    delimiter = "\t" if "\t" in names or line.startswith("#fields\t") else " "
    if "," in names and " " not in names:  # Exchange
        delimiter = ","
    return Table(names.split(delimiter), delimiter, w3c=True)


def table_of_header(line: str) -> Table | None:
    """Return the table that the first line of a file begins, or None if it is no header.

    A header has names alone, one of a time, and one of a level or a message or three in all.
    """
    for delimiter in _DELIMITERS:
        if delimiter not in line:
            continue
        try:
            names = next(csv.reader([line.strip()], delimiter=delimiter), [])
        except csv.Error:
            continue
        lower = {name.strip().lower() for name in names}
        if (
            len(lower) == len(names) > 1
            and all(_NAME.fullmatch(name.strip()) for name in names)
            and lower & _TIMES
            and (lower & (_LEVELS | _MESSAGES) or len(names) >= _MIN_UNKNOWN_NAMES)
        ):
            return Table([name.strip() for name in names], delimiter, w3c=False)
    return None


def _place(names: Sequence[str], known: set[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in known), None)
