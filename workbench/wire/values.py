"""Values as JSON and back: those of Python, frames, and the classes that both sides know.

A value that JSON has stands for itself. Any other is an object with the member `@`, its kind. What
is decoded has the types that its class declares; nothing else is ever made of what came in.
"""

import base64
import json
import math
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa

from waterline.errors import UsageError
from workbench.query.times import bound

KIND: Final = "@"
"""Member that says what an object stands for."""

# Objects within each other, far beyond what a question or an answer has.
_DEEPEST: Final = 100
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="zstd")
# Types of numbers whose arrays are sent as they lie in memory.
_ARRAYS: Final = frozenset({"<i8", "<f8"})


class Unreadable(Exception):
    """What came in is no value; the sentence says what is wrong."""


class Codec:
    """Writes and reads values.

    Args:
        classes: the dataclasses that may come in.
        checks: by class, what refuses an object that has no meaning, by `Unreadable`.
    """

    def __init__(
        self, classes: Iterable[type], checks: Mapping[type, Callable[[Any], None]]
    ) -> None:
        self._classes = {each.__name__: each for each in classes}
        self._checks = checks

    def encode(self, value: object) -> bytes:
        """Return a value as JSON.

        Raises:
            UsageError: it cannot be sent.
        """
        return json.dumps(self._written(value), separators=(",", ":")).encode()

    def decode(self, content: bytes) -> Any:  # noqa: ANN401 - whoever asked knows
        """Return the value of JSON.

        Raises:
            Unreadable: it is none.
        """
        try:
            return self._read(json.loads(content), 0)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"this is no JSON: {error}") from error

    def _written(self, value: object, *, of_class: bool = False) -> object:
        """Return a value as JSON; `of_class` is one within a class, whose arrays stay arrays."""
        if value is None or isinstance(value, bool | str):
            return str(value) if isinstance(value, str) else value
        value = _plain(value)
        if value is None or isinstance(value, bool | str | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {KIND: "float", "value": repr(value)}
        if isinstance(value, pd.DataFrame):
            return {KIND: "frame", **self._frame(value)}
        if of_class and isinstance(value, np.ndarray) and value.dtype.str in _ARRAYS:
            content = base64.b64encode(value.tobytes()).decode()
            return {KIND: "array", "type": value.dtype.str, "value": content}
        if is_dataclass(value) and type(value).__name__ in self._classes:
            members = {each.name: getattr(value, each.name) for each in fields(value)}
            named = {name: self._written(each, of_class=True) for name, each in members.items()}
            return {KIND: type(value).__name__, "value": named}
        if isinstance(value, Mapping):
            return self._mapping(value, of_class=of_class)
        if isinstance(value, tuple):
            return {
                KIND: "tuple",
                "value": [self._written(each, of_class=of_class) for each in value],
            }
        if isinstance(value, Collection) and not isinstance(value, bytes):
            return [self._written(each, of_class=of_class) for each in value]
        for name, (kind, write, _) in _SCALARS.items():
            if isinstance(value, kind):
                return {KIND: name, "value": write(value)}
        raise UsageError(f"{value!r:.80} cannot be sent to a server; give a plain value")

    def _mapping(self, value: Mapping[Any, object], *, of_class: bool) -> object:
        if all(isinstance(name, str) for name in value) and KIND not in value:
            return {name: self._written(each, of_class=of_class) for name, each in value.items()}
        pairs = [
            [self._written(name), self._written(each, of_class=of_class)]
            for name, each in value.items()
        ]
        return {KIND: "dict", "value": pairs}

    def _frame(self, frame: pd.DataFrame) -> dict[str, object]:
        """Return the members of a frame: columns as Arrow, but for those of objects."""
        plain = frame.copy(deep=False)
        plain.attrs = {}
        plain.columns = pd.Index([str(place) for place in range(frame.shape[1])])
        objects = [place for place, kind in enumerate(frame.dtypes) if kind == np.dtype(object)]
        table = pa.Table.from_pandas(plain.drop(columns=[str(place) for place in objects]))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)
        return {
            "columns": [self._written(name) for name in frame.columns],
            "arrow": base64.b64encode(sink.getvalue()).decode(),
            "objects": {
                str(place): [self._written(each) for each in frame.iloc[:, place]]
                for place in objects
            },
            "attrs": self._written(dict(frame.attrs)),
        }

    def _read(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - any JSON
        if depth > _DEEPEST:
            raise Unreadable(f"values lie more than {_DEEPEST} deep within each other")
        if isinstance(value, list):
            return [self._read(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        if KIND not in value:
            return {name: self._read(each, depth + 1) for name, each in value.items()}
        kind, inside = value[KIND], value.get("value")
        try:
            return self._of_kind(kind, inside, value, depth)
        except (
            *(AttributeError, TypeError, ValueError, KeyError, OverflowError),
            *(InvalidOperation, pa.ArrowException),
        ) as error:
            raise Unreadable(f"a value of the kind {kind!r} is none: {error}") from error

    def _of_kind(self, kind: object, inside: Any, whole: dict[str, Any], depth: int) -> Any:  # noqa: ANN401
        if not isinstance(kind, str):
            raise Unreadable(f"{kind!r} is no kind of value")
        if kind in _SCALARS:
            return _SCALARS[kind][2](inside)
        if kind == "tuple":
            return tuple(self._read(each, depth + 1) for each in inside)
        if kind == "dict":
            return {
                self._read(name, depth + 1): self._read(each, depth + 1) for name, each in inside
            }
        if kind == "frame":
            return self._read_frame(whole, depth)
        if kind == "array":
            if whole.get("type") not in _ARRAYS:
                raise Unreadable(f"there is no array of {whole.get('type')!r:.80}")
            return np.frombuffer(base64.b64decode(inside, validate=True), whole["type"]).copy()
        if kind not in self._classes:
            raise Unreadable(f"there is no kind of value {kind!r}")
        members = {name: self._read(each, depth + 1) for name, each in inside.items()}
        value = made(self._classes[kind], members)
        if type(value) in self._checks:
            self._checks[type(value)](value)
        return value

    def _read_frame(self, members: dict[str, Any], depth: int) -> pd.DataFrame:
        content = base64.b64decode(members["arrow"], validate=True)
        with pa.ipc.open_stream(content) as reader:
            frame: pd.DataFrame = reader.read_all().to_pandas()
        names = [self._read(name, depth + 1) for name in members["columns"]]
        objects = members["objects"]
        for place in sorted(map(int, objects)):
            values = [self._read(each, depth + 1) for each in objects[str(place)]]
            frame.insert(place, str(place), pd.Series(values, frame.index, dtype="object"))
        frame = frame.set_axis(pd.Index(names), axis="columns")
        frame.attrs = self._read(members["attrs"], depth + 1)
        return frame


def made(kind: type, members: Mapping[str, object]) -> Any:  # noqa: ANN401 - of that class
    """Return an object of a dataclass, whose members have the types that it declares.

    Args:
        kind: the class.
        members: values by name.

    Raises:
        Unreadable: a member is missing, unknown or of another type.
    """
    hints = _hints(kind)
    for name, value in members.items():
        if name not in hints or not is_of(value, hints[name]):
            raise Unreadable(f"{kind.__name__}.{name} cannot be {value!r:.80}")
    try:
        return kind(**members)
    except TypeError as error:
        raise Unreadable(f"{kind.__name__} lacks a member: {error}") from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def is_of(value: object, hint: Any) -> bool:  # noqa: ANN401 - as declared
    """Return whether a value is of a declared type."""
    origin, inside = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(is_of(value, each) for each in inside)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in inside)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(inside) == 2 and inside[1] is Ellipsis:
            return all(is_of(each, inside[0]) for each in value)
        return len(value) == len(inside) and all(map(is_of, value, inside))
    if origin in (list, Sequence):
        return isinstance(value, list | tuple) and all(is_of(each, inside[0]) for each in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(
            is_of(name, inside[0]) and is_of(each, inside[1]) for name, each in value.items()
        )
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype == get_args(inside[1])[0]
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, type(None) if hint is None else hint)


def _plain(value: object) -> object:
    """Return a value of numpy or pandas as one of Python; others as they are."""
    if isinstance(value, np.generic | pd.Timestamp | pd.Timedelta) or value in _MISSING:
        return bound(value)
    return value


class _Missing:
    """The values that stand for none, which cannot be compared by `==`."""

    def __contains__(self, value: object) -> bool:
        return value is pd.NA or value is pd.NaT


_MISSING: Final = _Missing()


def _utc(moment: datetime) -> str:
    # A zone's name would be lost, and its moment is what counts.
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


_SCALARS: Final[Mapping[str, tuple[type, Callable[[Any], object], Callable[[Any], object]]]] = {
    # A datetime is a date too, so it comes first.
    "datetime": (datetime, _utc, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (
        timedelta,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda value: timedelta(*value),
    ),
    "decimal": (Decimal, str, Decimal),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    "uuid": (UUID, str, UUID),
    "float": (float, repr, float),
}
