"""JSON objects of other programs as logs: found by their own shape, not by configuration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, NamedTuple, cast

import msgspec
from msgspec.structs import astuple

from waterline.recognition.levels import says_more, type_of_status, type_of_word
from waterline.recognition.object_containers import CONTAINERS, unpacked
from waterline.recognition.object_dialect import (
    LEVELS,
    MESSAGES,
    REQUESTS,
    STATUSES,
    TIMES,
    WORDS_ALONE,
    ObjectDialect,
    scale_of,
)
from waterline.recognition.object_dialects import DIALECTS
from waterline.recognition.object_members import Path, member_at, paths_of, without
from waterline.recognition.object_shapes import merged, number_of
from waterline.recognition.recognized import Recognized
from waterline.recognition.time_values import CREDIBLE, milliseconds_of, read_time, times_of_texts

# Characters of a `type` of ours, which stands as it is given.
MAX_TYPE_LENGTH: Final = 64
ENVELOPE: Final = "waterline.log"
"""Member with a log whose attributes may have any name, also those that a log has itself.

`{"id": …, "waterline.log": {"type": …, "message": …, "timestamp": …, "attributes": {…}}}`
"""
# Shapes that are remembered, and members of such a shape at most.
_MOST_PLANS: Final = 1000
_WIDEST_PLAN: Final = 100
# In a millisecond.
_NANOSECONDS: Final = 1_000_000
_OURS: Final = ("type",)
_PLAIN: Final = ObjectDialect(name="any", marks=())

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Overrides:
    """Members that a user names, tried before those of the dialect; nested ones with dots."""

    message_field: str | None = None
    time_field: str | None = None
    type_field: str | None = None


class Parts(NamedTuple):
    """What an object says of itself, as `Recognized` without the cost of making one."""

    message: str
    timestamp: int | None
    type: str | None
    attributes: dict[str, object]


class Columns(NamedTuple):
    """What several objects say of themselves, a list for each member of `Parts`."""

    messages: Sequence[str]
    timestamps: Sequence[int | None]
    types: Sequence[str | None]
    attributes: Sequence[dict[str, object]]

    def rows(self) -> Iterator[Parts]:
        """Yield what each object says."""
        return map(Parts._make, zip(*self, strict=True))


class _Plan(NamedTuple):
    """Where the objects of one shape have what is looked for."""

    dialect: ObjectDialect
    message: Sequence[Path]
    time: Sequence[Path]
    level: Sequence[Path]
    type: Sequence[Path]
    status: Sequence[Path]
    may_be_ours: bool
    has_date_and_time: bool

    @property
    def is_flat(self) -> bool:
        """Whether message, time and level are members of the object itself, for all one knows.

        Time and level may be missing.
        """
        return (
            not self.may_be_ours
            and not self.type
            and not self.dialect.forwards
            and bool(self.message)
            and bool(self.time or not self.has_date_and_time)
            and bool(self.level or not self.status)
            and all(
                isinstance(each[0], str) for each in (self.message, self.time, self.level) if each
            )
        )


def is_ours(value: Mapping[str, object]) -> bool:
    """Return whether an object is a log of our own contract, with a type and a message."""
    name = value.get("type")
    return (
        isinstance(value.get("message"), str)
        and isinstance(name, str)
        and 0 < len(name) <= MAX_TYPE_LENGTH
    )


def is_envelope(value: Mapping[str, object]) -> bool:
    """Return whether an object is a log of ours in an envelope, with an id or without."""
    return ENVELOPE in value and len(value) == (2 if "id" in value else 1)


class ObjectReader:
    """Recognises objects of other programs; remembers the shapes that it has seen.

    Args:
        overrides: members that the user names.
        read_line: reads a line of text that an object forwards; without it such a line is the
            message as it stands.
    """

    def __init__(
        self,
        overrides: Overrides | None = None,
        read_line: Callable[[str], Recognized] | None = None,
    ) -> None:
        self._overrides = overrides
        self._read_line = read_line
        self._plans: dict[tuple[object, ...], _Plan] = {}

    def is_for(self, value: Mapping[str, object]) -> bool:
        """Return whether an object is to be read: no log of ours, or one with a named member."""
        if not is_ours(value):
            return not is_envelope(value)
        first = self._overrides
        if first is None:
            return False
        named = (first.message_field, first.time_field, first.type_field)
        return bool(paths_of([name for name in named if name], value))

    def are_for(self, values: Sequence[Mapping[str, object]]) -> Sequence[bool]:
        """Return for each of many objects whether it is to be read."""
        if self._overrides is None and not any(
            "type" in value or ENVELOPE in value for value in values
        ):
            return [True] * len(values)
        return list(map(self.is_for, values))

    def read_all(self, value: dict[str, object]) -> list[Parts]:
        """Return each log that an object holds: one, or those of a container such as OTLP's."""
        inner = unpacked(value)
        return [self.read(value)] if inner is None else [self.read(each) for each in inner]

    def read(self, value: dict[str, object]) -> Parts:
        """Return what an object says of itself, whatever it is. The object stays as it is.

        Raises:
            RecursionError: it is nested hundreds of levels deep.
        """
        plan = self._plans.get(tuple(value)) or self._new_plan(value)
        attributes = value.copy()
        if plan.may_be_ours and is_ours(value):
            return _read_ours(attributes)
        if plan.dialect.reshape is not None:
            shaped = plan.dialect.reshape(attributes)
            plan = self._plan_for(_PLAIN if shaped is None else plan.dialect, shaped or value)
            attributes = (shaped or value).copy()
        message = None
        for path in plan.message:
            text = attributes.get(path) if type(path) is str else member_at(attributes, path)
            if type(text) is str:
                message = text
                attributes = _taken(attributes, path)
                break
        timestamp = None
        for path in plan.time:
            timestamp = read_time(member_at(attributes, path))
            if timestamp is not None:
                attributes = _taken(attributes, path)
                break
        if timestamp is None and plan.has_date_and_time:
            timestamp = _take_date_and_time(attributes)
        log_type, attributes = _type_of(attributes, plan)
        if not message:
            message = _message_otherwise(value, attributes, plan, message)
        elif plan.dialect.forwards or (log_type is None and message[0] == "{"):
            return self._with_inner(Parts(message, timestamp, log_type, attributes), plan.dialect)
        return Parts(message, timestamp, log_type, attributes)

    def read_many(self, values: Sequence[dict[str, object]]) -> Columns | None:
        """Return what each of many objects says of itself; objects of one shape in bulk.

        Takes members out of the objects, which become the attributes. None if one of them may
        hold several logs.

        Raises:
            RecursionError: one is nested hundreds of levels deep.
        """
        if not values:
            return Columns((), (), (), ())
        shapes: dict[tuple[str, ...], list[dict[str, object]]] = {}
        order = list(map(tuple, values))
        for shape, value in zip(order, values, strict=True):
            shapes.setdefault(shape, []).append(value)
        if not CONTAINERS.isdisjoint(chain.from_iterable(shapes)):
            return None
        found = {shape: self._read_alike(shape, alike) for shape, alike in shapes.items()}
        if len(found) == 1:
            return found[order[0]]
        rows = {shape: zip(*columns, strict=True) for shape, columns in found.items()}
        return Columns(*map(list, zip(*(next(rows[shape]) for shape in order), strict=True)))

    def _read_alike(self, shape: tuple[str, ...], values: list[dict[str, object]]) -> Columns:
        plan = self._plans.get(shape) or self._new_plan(values[0])
        columns = None
        if plan.dialect.forwards:
            columns = self._read_forwarded(values, plan)
        elif plan.dialect.reshape is not None and not plan.may_be_ours:
            columns = self._read_reshaped(values, plan.dialect)
        elif plan.is_flat:
            columns = _read_columns(values, plan)
        if columns is None:
            return Columns(*map(list, zip(*map(self.read, values), strict=True)))
        return columns

    def _read_reshaped(
        self, values: Sequence[dict[str, object]], dialect: ObjectDialect
    ) -> Columns | None:
        """Read objects that come into one shape; None if they do not, or one is odd."""
        assert dialect.reshape is not None
        shaped = [each for each in map(dialect.reshape, values) if each is not None]
        if len(shaped) < len(values) or len(set(map(tuple, shaped))) > 1:
            return None
        plan = self._plan_for(dialect, shaped[0])
        return _read_columns(shaped, plan) if plan.is_flat else None

    def _read_forwarded(self, values: Sequence[dict[str, object]], plan: _Plan) -> Columns | None:
        """Read objects that forward objects or lines, and name no level; None if one is odd."""
        message, time = next(iter(plan.message), None), next(iter(plan.time), None)
        if not isinstance(message, str) or not isinstance(time, str) or plan.may_be_ours:
            return None
        if plan.dialect.reshape or plan.type or plan.status or "type" in values[0]:
            return None
        # `log.level` stands within no text.
        if any(path[0] != message for path in plan.level):
            return None
        texts = list(map(dict.get, values, repeat(message)))
        timestamps = _times_of_column(list(map(dict.get, values, repeat(time))))
        if timestamps is None or set(map(type, texts)) != {str} or "" in texts:
            return None
        columns = self._read_texts(cast("list[str]", texts))
        if columns is None:
            return None
        for name in (message, time):
            list(map(dict.pop, values, repeat(name)))
        if not plan.dialect.dates:
            timestamps = [
                outer if own is None else own
                for own, outer in zip(columns.timestamps, timestamps, strict=True)
            ]
        attributes = list(map(merged, columns.attributes, values))
        return Columns(columns.messages, timestamps, columns.types, attributes)

    def _read_texts(self, texts: Sequence[str]) -> Columns | None:
        """Read texts that objects forward: objects, and lines; None if one is odd."""
        inner = list(map(_object_within, texts))
        columns = self.read_many([each for each in inner if each is not None])
        if columns is None or None not in inner:
            return columns
        if self._read_line is None:
            return None
        objects = zip(*columns, strict=True)
        parts = [
            next(objects) if each is not None else astuple(self._read_line(text.rstrip("\r\n")))
            for each, text in zip(inner, texts, strict=True)
        ]
        return Columns(*map(list, zip(*parts, strict=True)))

    def _new_plan(self, value: dict[str, object]) -> _Plan:
        members = value.keys()
        for each in DIALECTS:
            if members >= set(each.marks):
                return self._remember(tuple(value), _plan(each, value, self._overrides))
        return self._remember(tuple(value), _plan(_PLAIN, value, self._overrides))

    def _plan_for(self, dialect: ObjectDialect, value: dict[str, object]) -> _Plan:
        """Return the plan of an object that has been reshaped."""
        key = (id(dialect), *value)
        found = self._plans.get(key)
        return found or self._remember(key, _plan(dialect, value, self._overrides))

    def _remember(self, key: tuple[object, ...], plan: _Plan) -> _Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        if len(key) <= _WIDEST_PLAN:
            self._plans[key] = plan
        return plan

    def _with_inner(self, parts: Parts, dialect: ObjectDialect) -> Parts:
        """Return what the text within an object says, completed by what the object says."""
        text = parts.message.rstrip("\r\n") if dialect.forwards else parts.message
        inner = self._inner(text, forwarded=dialect.forwards)
        first, second = inner.timestamp, parts.timestamp
        if dialect.dates:
            first, second = second, first
        return Parts(
            inner.message,
            second if first is None else first,
            inner.type or parts.type,
            merged(inner.attributes, parts.attributes),
        )

    def _inner(self, text: str, *, forwarded: bool) -> Parts:
        value = _object_within(text)
        if value is not None:
            return self.read(value)
        if not forwarded or self._read_line is None:
            return Parts(text, None, None, {})
        line = self._read_line(text)
        return Parts(line.message, line.timestamp, line.type, line.attributes)


def recognize_object(
    value: Mapping[str, object], read_line: Callable[[str], Recognized] | None = None
) -> Recognized:
    """Return what an object says of itself: its message, time, level, and what else.

    The dialect is found by the object's own shape. Without any message the compact JSON is the
    message; a foreign `id` stays an attribute. Of an object that holds several logs, such as
    OTLP's, the whole is one; `ObjectReader.read_all` takes them apart.

    Args:
        value: any JSON object; it stays as it is.
        read_line: reads a line of text that the object forwards, such as Docker's `log`.
    """
    members = dict(value)
    reader = _READER if read_line is None else ObjectReader(read_line=read_line)
    inner = unpacked(members)
    return Recognized(*reader.read(inner[0] if inner and len(inner) == 1 else members))


def _plan(
    dialect: ObjectDialect, value: Mapping[str, object], overrides: Overrides | None
) -> _Plan:
    first = overrides or Overrides()
    may_be_ours = "type" in value and "message" in value
    return _Plan(
        dialect,
        message=paths_of(
            _first(first.message_field, *dialect.message, *MESSAGES), value, any_case=True
        ),
        time=paths_of(_first(first.time_field, *dialect.time, *TIMES), value, any_case=True),
        level=paths_of((*dialect.level, *LEVELS), value, any_case=True),
        # Without overrides such an object is ours, or its type is looked at last.
        type=paths_of(_first(first.type_field, *_OURS if overrides and may_be_ours else ()), value),
        status=paths_of(STATUSES, value) if any(each in value for each in REQUESTS) else (),
        may_be_ours=overrides is None and may_be_ours,
        has_date_and_time="date" in value and "time" in value,
    )


def _read_columns(values: Sequence[dict[str, object]], plan: _Plan) -> Columns | None:
    """Read objects of one shape member by member; None if any of them is odd, and untouched.

    Takes members out of the objects.
    """
    message = cast("str", plan.message[0])
    time, level = (cast("str | None", next(iter(paths), None)) for paths in (plan.time, plan.level))
    names = [name for name in (message, time, level) if name is not None]
    if len(set(names)) < len(names) or (level != "level" and "level" in values[0]):
        return None
    messages = list(map(dict.get, values, repeat(message)))
    if set(map(type, messages)) != {str} or "" in messages:
        return None
    timestamps: Sequence[int | None] | None = [None] * len(values)
    if time is not None:
        timestamps = _times_of_column(list(map(dict.get, values, repeat(time))))
    types, more = _types_of_column(cast("list[str]", messages), values, level, plan)
    if timestamps is None or types is None:
        return None
    for name in names:
        list(map(dict.pop, values, repeat(name)))
    for value, each in zip(values, more, strict=False):
        if each is not None:
            value["level"] = each
    return Columns(cast("list[str]", messages), timestamps, types, values)


def _types_of_column(
    messages: Sequence[str], values: Sequence[dict[str, object]], level: str | None, plan: _Plan
) -> tuple[Sequence[str | None] | None, Sequence[object]]:
    """Return the types of objects of one shape, and each level that says more than its type.

    The types are None if one of them is odd, the levels are empty if none says more.
    """
    if level is None:
        # Without a level a message may hold another object.
        is_odd = "type" in values[0] or any(each[0] == "{" for each in messages)
        return None if is_odd else [None] * len(values), ()
    written = list(map(dict.get, values, repeat(level)))
    meanings = _meanings(written, level, plan)
    if meanings is None:
        return None, ()
    types = [meanings[each][0] for each in written]
    if not any(more for _, more in meanings.values()):
        return types, ()
    return types, [each if meanings[each][1] else None for each in written]


def _object_within(text: object) -> dict[str, object] | None:
    """Return the object that a text is; None if it is none."""
    if not isinstance(text, str) or text[:1] != "{":
        return None
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _times_of_column(column: Sequence[object]) -> Sequence[int] | None:
    kinds = set(map(type, column))
    if kinds == {int}:
        numbers = cast("Sequence[int]", column)
        if min(numbers) in CREDIBLE and max(numbers) in CREDIBLE:
            return numbers
        if min(numbers) // _NANOSECONDS in CREDIBLE and max(numbers) // _NANOSECONDS in CREDIBLE:
            return [each // _NANOSECONDS for each in numbers]
    if kinds == {float}:
        seconds = cast("Sequence[float]", column)
        if int(min(seconds)) * 1000 in CREDIBLE and int(max(seconds)) * 1000 in CREDIBLE:
            return list(map(milliseconds_of, seconds))
    if kinds == {str}:
        try:
            found = times_of_texts(cast("Sequence[str]", column))
        except ValueError:
            return None
        return found if min(found) in CREDIBLE and max(found) in CREDIBLE else None
    times = list(map(read_time, column))
    return None if None in times else cast("Sequence[int]", times)


def _meanings(
    column: Sequence[object], member: Path, plan: _Plan
) -> Mapping[object, tuple[str, bool]] | None:
    """Return type, and whether it says more, of each level that is written in a column."""
    meanings = {}
    if not set(map(type, column)) <= {str, int}:
        return None
    for each in set(column):
        meaning = _meaning(each, member, plan)
        if meaning is None:
            return None
        meanings[each] = meaning
    return meanings


def _first(named: str | None, *names: str) -> Sequence[str]:
    return names if named is None else (named, *names)


def _taken(attributes: dict[str, object], path: Path) -> dict[str, object]:
    """Remove the member at a path, in place where it is one of the object itself."""
    if isinstance(path, str):
        del attributes[path]
        return attributes
    return without(attributes, path)


def _read_ours(attributes: dict[str, object]) -> Parts:
    """Read a log of our own contract, which another program has forwarded."""
    log_type, message = attributes.pop("type"), attributes.pop("message")
    assert isinstance(log_type, str)
    assert isinstance(message, str)
    timestamp = read_time(attributes.get("timestamp"))
    if timestamp is not None:
        del attributes["timestamp"]
    return Parts(message, timestamp, log_type, attributes)


def _take_date_and_time(attributes: dict[str, object]) -> int | None:
    """Return the time of a date and a clock in two members, and take them."""
    timestamp = read_time(f"{attributes['date']} {attributes['time']}")
    if timestamp is not None:
        del attributes["date"], attributes["time"]
    return timestamp


def _type_of(attributes: dict[str, object], plan: _Plan) -> tuple[str | None, dict[str, object]]:
    """Return the type of a log, and its attributes without what says no more than that."""
    for path in plan.type:
        named = member_at(attributes, path)
        if isinstance(named, str) and 0 < len(named) <= MAX_TYPE_LENGTH:
            word = None if path == "type" else type_of_word(named)
            return _leveled(attributes, path, word or named, more=bool(word) and says_more(named))
    for path in plan.level:
        written = attributes.get(path) if type(path) is str else member_at(attributes, path)
        meaning = _meaning(written, path, plan)
        if meaning is not None:
            log_type, more = meaning
            return _leveled(attributes, path, log_type, more=more)
    given = attributes.get("type")
    if isinstance(given, str) and 0 < len(given) <= MAX_TYPE_LENGTH:
        word = type_of_word(given)
        more = word is not None and says_more(given)
        return _leveled(attributes, "type", word or given, more=more)
    return _type_of_status(attributes, plan), attributes


def _meaning(written: object, path: Path, plan: _Plan) -> tuple[str, bool] | None:
    """Return the type that a level means, and whether it says more; None if it is no level."""
    if isinstance(written, str):
        word = type_of_word(written)
        if word is not None:
            return word, says_more(written)
    number = number_of(written)
    if type(number) is not int or (path in WORDS_ALONE and plan.dialect.scale is None):
        return None
    scale = plan.dialect.scale or scale_of(path if isinstance(path, str) else "", number)
    named = scale(number)
    return None if named is None else (named, scale.says_more(number))


def _leveled(
    attributes: dict[str, object], path: Path, log_type: str, *, more: bool
) -> tuple[str, dict[str, object]]:
    """Take a level out of the attributes; keep it as `level` if it says more than the type."""
    if not more:
        return log_type, _taken(attributes, path)
    if path == "level" or "level" in attributes:
        return log_type, attributes
    written = member_at(attributes, path)
    attributes = _taken(attributes, path)
    attributes["level"] = written
    return log_type, attributes


def _type_of_status(attributes: Mapping[str, object], plan: _Plan) -> str | None:
    for path in plan.status:
        status = number_of(member_at(attributes, path))
        if type(status) is int and 100 <= status < 600:
            return type_of_status(status)
    return None


def _message_otherwise(
    value: Mapping[str, object], attributes: dict[str, object], plan: _Plan, message: str | None
) -> str:
    """Return the message of an object whose message is no text, or empty."""
    sentence = plan.dialect.sentence
    said = sentence(attributes) if sentence is not None else None
    if said is not None:
        return said
    if message is not None:
        return message
    for path in plan.message:
        found = member_at(attributes, path)
        if isinstance(found, int | float):
            if isinstance(path, str):
                del attributes[path]
            return _encode(found).decode()
        if found and path in _MESSAGES_OF_ANY_KIND:
            return _encode(found).decode()
    return _encode(value).decode()


_MESSAGES_OF_ANY_KIND: Final = ("message", "msg", "MESSAGE", "@message")
_READER: Final = ObjectReader()
