"""A table of logs for reading: HTML that needs no server, no widget and no script."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pandas as pd

from waterline.errors import UsageError
from workbench.display import NOTHING, safe, whole
from workbench.notebook.table_frame import framed, left_out
from workbench.reports.figures.colours import KNOWN, give_colours

ROWS: Final = 60
"""Rows that are shown; of more logs the first and the last ones."""
MOST_CHARACTERS: Final = 4_000
"""Characters of a message that are shown."""

# Lines of a message that are shown before it has to be opened.
_LINES: Final = 8
_PAIRS: Final = 8
_VALUE_CHARACTERS: Final = 300
# More columns than these become pairs behind the message.
_MOST_COLUMNS: Final = 5
_HIDDEN: Final = frozenset({"id", "received_at"})
_MESSAGES: Final = ("message", "msg", "body", "text", "event", "log", "example")
_TIMES: Final = ("timestamp", "time", "@timestamp", "ts", "date", "received_at")
_TYPES: Final = ("type", "level", "severity", "levelname")
_BREAK: Final = re.compile(r"\r\n|\n|\r")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the columns of a frame that mean something; None if there is none."""

    message: str
    time: str | None
    type: str | None

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        message: str | None = None,
        time: str | None = None,
        type: str | None = None,  # noqa: A002 - the column's name
    ) -> "Roles":
        """Return the columns of these names, or those that logs usually have.

        Args:
            frame: the logs.
            message: name of the message's column; None looks for one.
            time: name of the time's column.
            type: name of the type's column.

        Raises:
            UsageError: a named column is not there, or none could be the message.
        """
        for argument, name in (("message", message), ("time", time), ("type", type)):
            if name is not None and name not in frame.columns:
                raise UsageError(
                    f"{argument}={name!r}: there is no such column; the columns are "
                    f"{', '.join(map(str, frame.columns[:20]))}"
                )
        found = _first(frame, _MESSAGES) if message is None else message
        if found is None:
            raise UsageError(
                "no column is called message; name the one that is, as "
                f"message={str(next(iter(frame.columns), 'text'))!r}"
            )
        if time is None:
            time = _first(frame, _TIMES)
        if type is None:
            type = _first(frame, _TYPES)  # noqa: A001 - the column's name
        return cls(found, time, type)


def show(
    logs: object,
    rows: int = ROWS,
    message: str | None = None,
    time: str | None = None,
    type: str | None = None,  # noqa: A002 - the column's name
) -> "LogTable":
    """Return the table of any logs; see `Workbench.show`."""
    shown = _checked_rows(rows)
    if isinstance(logs, pd.DataFrame):
        frame = logs
    elif isinstance(logs, Iterable) and not isinstance(logs, str | bytes | Mapping):
        listed = [*logs]
        if not all(isinstance(each, str | Mapping) for each in listed):
            raise UsageError("a list to show holds logs: objects, or texts")
        frame = pd.DataFrame(
            [{"message": each} if isinstance(each, str) else {**each} for each in listed],
            columns=None if listed else ["message"],
        )
    else:
        raise UsageError(f"{logs!r:.80} holds no logs; give a frame, or a list of objects or texts")
    if frame.columns.nlevels > 1 or not frame.columns.is_unique:
        raise UsageError("a frame to show has a name of its own for each column")
    return LogTable(frame, Roles.of(frame, message, time, type), shown)


def _checked_rows(rows: object) -> int:
    if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0:
        return rows
    raise UsageError(f"rows={rows!r} is no count; give a whole number from 1 on")


@dataclass(frozen=True, slots=True)
class LogTable:
    """Logs that show themselves as a table.

    Args:
        frame: the logs, a row each.
        roles: which of its columns are what.
        rows: number of rows that are shown; of more logs the first and the last ones.
        note: a sentence above the table, or nothing.
        has_search: whether scripts may add a search.
    """

    frame: pd.DataFrame
    roles: Roles
    rows: int = ROWS
    note: str = ""
    has_search: bool = True

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        first, last = self._shown()
        shown = first if last is None else pd.concat([first, last])
        day = _day(self.frame, self.roles.time)
        columns = _columns(self.frame, shown, self.roles, day)
        titles = [each.title for each in columns]
        rows = self._rows(first, last, columns)
        foot = self._foot(shown)
        return "".join(framed(self._title(day), titles, rows, foot, has_search=self.has_search))

    def _rows(
        self, first: pd.DataFrame, last: pd.DataFrame | None, columns: Sequence["_Column"]
    ) -> Iterator[str]:
        """Yield the HTML of the rows that are shown.

        Args:
            first: the first ones.
            last: the last ones, if some lie between.
            columns: the columns.
        """
        colours = colours_of(first if last is None else pd.concat([first, last]), self.roles.type)
        marked = self.frame.attrs.get("around")
        for part in (first, last):
            if part is None:
                break
            if part is last:
                between = whole(len(self.frame) - len(first) - len(last))
                yield left_out(f"{between} rows between are not shown", len(columns))
            for row in rows_of(part):
                mark = ' class="wl-this"' if marked is not None and row.get("seq") == marked else ""
                cells = "".join(each.cell(row, colours) for each in columns)
                yield f"<tr{mark}>{cells}</tr>"

    def _shown(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the first rows that are shown, and the last ones if some lie between."""
        if len(self.frame) <= self.rows:
            return self.frame, None
        half = self.rows // 2
        return self.frame.iloc[: self.rows - half], self.frame.iloc[len(self.frame) - half :]

    def _title(self, day: str | None) -> str:
        count = len(self.frame)
        title = f"<b>{whole(count)} {'log' if count == 1 else 'logs'}</b>"
        if day is not None:
            title += f" of {day}"
        return f"{title} {safe(self.note)}".rstrip()

    def _foot(self, shown: pd.DataFrame) -> str:
        """Return where the logs were and what is lacking; what differs between runs is marked."""
        attrs = self.frame.attrs
        parts = []
        rows = attrs.get("rows")
        if isinstance(rows, Mapping) and {"hot", "archived"} <= rows.keys():
            total = rows["hot"] + rows["archived"]
            if total != len(self.frame):
                parts.append(f"of an answer of {whole(total)}")
            parts.append(f"{whole(rows['hot'])} hot, {whole(rows['archived'])} archived")
        source = _only_value(shown, "source")
        if source is not None:
            parts.append(f"source {safe(source)}")
        lacks = [*([attrs["pruned"]] if "pruned" in attrs else []), *attrs.get("missing", ())]
        parts += [f"<b>lacks: {safe(str(each))}</b>" for each in lacks]
        return " · ".join([*parts, *varying(attrs)])


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: its title, and how a row's cell looks."""

    title: str
    kind: str
    """`seq`, `time`, `type`, `message`, or `value` of any other column."""
    name: str
    pairs: tuple[str, ...] = ()
    """Columns of the frame whose values stand behind the message, by name."""
    of_day: bool = False
    """Whether times are shown without their day."""

    def cell(self, row: Mapping[str, Any], colours: Mapping[str, str]) -> str:
        value = row[self.name]
        if self.kind == "message":
            pairs = "".join(_pairs(row, self.pairs))
            return f'<td align="left" class="wl-message">{_message(value)}{pairs}</td>'
        if self.kind == "type":
            text = text_of(value)
            colour = colours.get(text)
            style = "" if colour is None else f' style="--wl-colour:{colour}"'
            return f'<td align="left"><b class="wl-type"{style}>{safe(text)}</b></td>'
        if self.kind == "time":
            return f'<td align="left" class="wl-time">{time_of(value, of_day=self.of_day)}</td>'
        number = not isinstance(value, bool) and isinstance(value, int | float)
        place = "right" if number else "left"
        kind = "wl-seq wl-number" if self.kind == "seq" else "wl-number" if number else "wl-value"
        return f'<td align="{place}" class="{kind}">{safe(cut(text_of(value)))}</td>'


def _columns(
    frame: pd.DataFrame, shown: pd.DataFrame, roles: Roles, day: str | None
) -> list[_Column]:
    """Return the columns of the table.

    Args:
        frame: the logs.
        shown: those that are shown.
        roles: which of its columns are what.
        day: the day of all that are shown, or None.
    """
    columns = []
    if "seq" in frame.columns:
        columns.append(_Column("seq", "seq", "seq"))
    if roles.time is not None:
        title = "time" if day is not None or not _has_zone(frame[roles.time]) else "time, UTC"
        columns.append(_Column(title, "time", roles.time, of_day=day is not None))
    if roles.type is not None:
        columns.append(_Column(roles.type, "type", roles.type))
    if "source" in frame.columns and _only_value(shown, "source") is None:
        columns.append(_Column("source", "value", "source"))
    taken = {"seq", "source", "attributes", *_HIDDEN, roles.message, roles.time, roles.type}
    others = [str(each) for each in frame.columns if each not in taken]
    pairs = ("attributes",) if "attributes" in frame.columns else ()
    if len(others) > _MOST_COLUMNS:
        pairs, others = (*others, *pairs), []
    columns.append(_Column(roles.message, "message", roles.message, pairs))
    return [*columns, *(_Column(each, "value", each) for each in others)]


def rows_of(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame by the names of its columns, as Python values."""
    names = [str(each) for each in frame.columns]
    columns = [frame.iloc[:, place].tolist() for place in range(len(names))]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _first(frame: pd.DataFrame, names: Sequence[str]) -> str | None:
    return next((each for each in names if each in frame.columns), None)


def colours_of(frame: pd.DataFrame, name: str | None) -> Mapping[str, str]:
    """Return the colours of the types that are shown."""
    if name is None:
        return {}
    counts = {str(text): int(of) for text, of in frame[name].map(text_of).value_counts().items()}
    colours = give_colours(KNOWN, {text.lower(): of for text, of in counts.items()})
    return {text: colours[text.lower()] for text in counts if text.lower() in colours}


def _only_value(frame: pd.DataFrame, name: str) -> str | None:
    """Return the text that all rows have in a column; None if they differ or it is not there."""
    if name not in frame.columns or not len(frame):
        return None
    texts = frame[name].map(text_of)
    return str(texts.iloc[0]) if (texts == texts.iloc[0]).all() else None


def _has_zone(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _day(frame: pd.DataFrame, name: str | None) -> str | None:
    """Return the day of all rows, such as `2026-03-17 UTC`; None if they are of several."""
    if name is None or not len(frame) or not pd.api.types.is_datetime64_any_dtype(frame[name]):
        return None
    moments = frame[name]
    if moments.isna().any():
        return None
    first, last = (_in_utc(each) for each in (moments.min(), moments.max()))
    zone = "" if first.tzinfo is None else " UTC"
    return f"{first:%Y-%m-%d}{zone}" if first.date() == last.date() else None


def _in_utc(moment: pd.Timestamp) -> pd.Timestamp:
    return moment if moment.tzinfo is None else moment.tz_convert("UTC")


def time_of(value: object, *, of_day: bool) -> str:
    """Return a time as HTML, with its day unless that is told elsewhere."""
    if not isinstance(value, pd.Timestamp):
        return safe(cut(text_of(value)))
    moment = _in_utc(value)
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    return clock if of_day else f"{moment:%Y-%m-%d} {clock}"


def _message(value: object) -> str:
    """Return a message as HTML: line breaks stay, and what is long has to be opened."""
    text = text_of(value)
    cut = text[:MOST_CHARACTERS]
    lines = [safe(each.expandtabs(4)) for each in _BREAK.split(cut)]
    if len(text) > len(cut):
        lines[-1] += (
            f' <span class="wl-quiet">… {whole(len(text) - len(cut))} characters more</span>'
        )
    if len(lines) <= _LINES:
        return "<br>".join(lines)
    begin, rest = "<br>".join(lines[: _LINES - 1]), "<br>".join(lines[_LINES - 1 :])
    more = f"{whole(len(lines) - _LINES + 1)} lines more"
    return f"{begin} <details><summary>{more}</summary>{rest}</details>"


def _pairs(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    pairs = [
        f' <code class="wl-pair"><i>{safe(cut(name))}=</i>{safe(cut(value))}</code>'
        for name, value in _members_of(row, names)
    ]
    yield from pairs[:_PAIRS]
    rest = pairs[_PAIRS : 10 * _PAIRS]
    if rest:
        yield f" <details><summary>{whole(len(pairs) - _PAIRS)} more</summary>{''.join(rest)}"
        if len(pairs) > 10 * _PAIRS:
            yield f" … {whole(len(pairs) - 10 * _PAIRS)} more"
        yield "</details>"


def _members_of(row: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = row[name]
        if name != "attributes":
            if text_of(value) != NOTHING:
                yield name, text_of(value)
            continue
        try:
            members = _members(value) if isinstance(value, str | bytes) else None
        except msgspec.DecodeError:
            members = None
        if members is not None:
            for member, raw in members.items():
                text = bytes(raw).decode()
                yield member, str(json.loads(text)) if text.startswith('"') else text
        elif text_of(value) != NOTHING:
            yield name, text_of(value)


def varying(attrs: Mapping[Any, Any]) -> Iterator[str]:
    """Yield what differs between runs, as HTML that says so: seconds and pin of an answer."""
    seconds, pin = attrs.get("seconds"), attrs.get("pin")
    parts = [] if seconds is None else [f"{seconds:.3f} s"]
    if pin is not None:
        parts.append(f"pin <code>{safe(str(pin))}</code>")
    if parts:
        yield f'<span class="wl-varies">{", ".join(parts)}</span>'


def text_of(value: object) -> str:
    """Return a value of a cell as text."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return NOTHING
    if isinstance(value, float):
        return NOTHING if math.isnan(value) else f"{value:.10g}"
    return str(value)


def cut(text: str) -> str:
    """Return the begin of a text that is too long for a cell."""
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"
