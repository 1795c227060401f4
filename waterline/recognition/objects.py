"""JSON objects of other programs as logs: found by their own shape, not by configuration."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import is_
from typing import Final, TypeVar, cast

import msgspec

from waterline.recognition.json_text import object_in
from waterline.recognition.levels import TYPES, says_more, type_of_status, type_of_word
from waterline.recognition.object_columns import read_columns, times_of_column
from waterline.recognition.object_containers import unpacked
from waterline.recognition.object_dialect import ObjectDialect
from waterline.recognition.object_members import Path, member_at, paths_of, without
from waterline.recognition.object_plans import PLAIN, Overrides, Plan, Plans, meaning_of
from waterline.recognition.object_shapes import Members, merged, number_of
from waterline.recognition.own_logs import ENVELOPE, MAX_TYPE_LENGTH, is_envelope, is_ours
from waterline.recognition.recognized import Columns, Parts, Recognized
from waterline.recognition.time_values import read_time

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
T = TypeVar("T")
_Found = TypeVar("_Found", bound=Columns | None)


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
        self._plans = Plans(overrides)

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
        plan = self._plans.of(value)
        attributes = value.copy()
        if plan.may_be_ours and is_ours(value):
            return _read_ours(attributes)
        if plan.dialect.reshape is not None:
            shaped = plan.dialect.reshape(attributes)
            plan = self._plans.of(shaped or value, PLAIN if shaped is None else plan.dialect)
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
        plans = self._plans.of_many(values)
        if any(plan.may_hold_several for plan in {id(plan): plan for plan in plans}.values()):
            return None
        return _by_plan(values, plans, self._read_alike)

    def _read_alike(self, values: Sequence[dict[str, object]], plan: Plan) -> Columns:
        """Read objects of one plan."""
        columns = None
        if plan.dialect.forwards:
            columns = self._read_forwarded(values, plan)
        elif plan.dialect.reshape is not None and not plan.may_be_ours:
            columns = self._read_reshaped(values, plan)
        elif plan.is_flat:
            columns = read_columns(values, plan)
        if columns is None:
            return Columns(*map(list, zip(*map(self.read, values), strict=True)))
        return columns

    def _read_reshaped(self, values: Sequence[Members], plan: Plan) -> Columns | None:
        """Read objects that come into another shape; None if one is odd."""
        dialect = plan.dialect
        assert dialect.reshape is not None
        shaped = [each for each in map(dialect.reshape, values) if each is not None]
        if len(shaped) < len(values):
            return None
        if all(map(is_, shaped, values)):  # as most records of OpenTelemetry
            return read_columns(values, plan) if plan.is_flat else None
        plans = self._plans.of_many(shaped, dialect)
        if not all(each.is_flat for each in {id(each): each for each in plans}.values()):
            return None
        return _by_plan(shaped, plans, read_columns)

    def _read_forwarded(self, values: Sequence[dict[str, object]], plan: Plan) -> Columns | None:
        """Read objects that forward objects or lines, and name no level; None if one is odd."""
        message, time = next(iter(plan.message), None), next(iter(plan.time), None)
        if not isinstance(message, str) or not isinstance(time, str) or plan.may_be_ours:
            return None
        if plan.dialect.reshape or plan.type or plan.status or plan.has_type:
            return None
        # `log.level` stands within no text.
        if any(path[0] != message for path in plan.level):
            return None
        texts = list(map(dict.get, values, repeat(message)))
        timestamps = times_of_column(list(map(dict.get, values, repeat(time))))
        if timestamps is None or set(map(type, texts)) != {str} or "" in texts:
            return None
        columns = self._read_texts(cast("list[str]", texts), lines_date=not plan.dialect.dates)
        if columns is None:
            return None
        for name in (message, time):
            list(map(dict.pop, values, repeat(name)))
        timestamps = [
            outer if own is None else own
            for own, outer in zip(columns.timestamps, timestamps, strict=True)
        ]
        attributes = list(map(merged, columns.attributes, values))
        return Columns(columns.messages, timestamps, columns.types, attributes)

    def _read_texts(self, texts: Sequence[str], *, lines_date: bool) -> Columns | None:
        """Read texts that objects forward: objects, and lines; None if one is odd.

        Args:
            texts: the texts.
            lines_date: whether the times of lines count.
        """
        inner = [_object_within(text) if text[0] == "{" else None for text in texts]
        columns = self.read_many([each for each in inner if each is not None])
        if columns is None or None not in inner:
            return columns
        if self._read_line is None:
            return None
        objects = columns.rows()
        said = [
            self._read_line(text.rstrip("\r\n")) if each is None else next(objects)
            for each, text in zip(inner, texts, strict=True)
        ]
        return Columns(
            [each.message for each in said],
            [
                said_of.timestamp if lines_date or each is not None else None
                for each, said_of in zip(inner, said, strict=True)
            ],
            [each.type for each in said],
            [each.attributes for each in said],
        )

    def _with_inner(self, parts: Parts, dialect: ObjectDialect) -> Parts:
        """Return what the text within an object says, completed by what the object says."""
        text = parts.message.rstrip("\r\n") if dialect.forwards else parts.message
        value = _object_within(text)
        inner = self.read(value) if value is not None else self._line(text, dialect)
        first, second = inner.timestamp, parts.timestamp
        if dialect.dates and value is None:
            first, second = second, first
        return Parts(
            inner.message,
            second if first is None else first,
            inner.type or parts.type,
            merged(inner.attributes, parts.attributes),
        )

    def _line(self, text: str, dialect: ObjectDialect) -> Parts:
        if not dialect.forwards or self._read_line is None:
            return Parts(text, None, None, {})
        line = self._read_line(text)
        return Parts(line.message, line.timestamp, line.type, line.attributes)


def _by_plan(
    values: Sequence[Members],
    plans: Sequence[Plan],
    read: Callable[[Sequence[Members], Plan], _Found],
) -> Columns | _Found:
    """Read the objects of each plan together.

    Args:
        values: the objects.
        plans: the plan of each.
        read: reads objects of one plan.
    """
    first = plans[0]
    if plans.count(first) == len(plans):
        return read(values, first)
    places: dict[int, list[int]] = {}
    for place, plan in enumerate(plans):
        places.setdefault(id(plan), []).append(place)
    found: list[Columns] = []
    for its in places.values():
        columns = read([values[at] for at in its], plans[its[0]])
        if columns is None:
            return columns
        found.append(columns)
    order = list(chain.from_iterable(places.values()))
    together = (chain.from_iterable(column) for column in zip(*found, strict=True))
    return Columns(*(_placed(column, order) for column in together))


def _placed(values: Iterable[T], places: Sequence[int]) -> list[T]:
    """Return values each in its place."""
    placed = cast("list[T]", [None] * len(places))
    for place, value in zip(places, values, strict=True):
        placed[place] = value
    return placed


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


def _object_within(text: object) -> dict[str, object] | None:
    """Return the object that a text is; None if it is none."""
    if not isinstance(text, str) or text[:1] != "{":
        return None
    return object_in(text)


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


def _type_of(attributes: dict[str, object], plan: Plan) -> tuple[str | None, dict[str, object]]:
    """Return the type of a log, and its attributes without what says no more than that."""
    for path in plan.type:
        named = member_at(attributes, path)
        if isinstance(named, str) and 0 < len(named) <= MAX_TYPE_LENGTH:
            word = None if path == "type" else type_of_word(named)
            return _leveled(attributes, path, word or named, more=bool(word) and says_more(named))
    if plan.may_be_ours and (given := attributes.get("type")) in TYPES:
        return _leveled(attributes, "type", str(given), more=False)
    for path in plan.level:
        written = attributes.get(path) if type(path) is str else member_at(attributes, path)
        meaning = meaning_of(written, path, plan)
        if meaning is not None:
            log_type, more = meaning
            return _leveled(attributes, path, log_type, more=more)
    given = attributes.get("type")
    if isinstance(given, str) and 0 < len(given) <= MAX_TYPE_LENGTH:
        word = type_of_word(given)
        more = word is not None and says_more(given)
        return _leveled(attributes, "type", word or given, more=more)
    return _type_of_status(attributes, plan), attributes


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


def _type_of_status(attributes: Mapping[str, object], plan: Plan) -> str | None:
    for path in plan.status:
        status = number_of(member_at(attributes, path))
        if type(status) is int and 100 <= status < 600:
            return type_of_status(status)
    return None


def _message_otherwise(
    value: Mapping[str, object], attributes: dict[str, object], plan: Plan, message: str | None
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
