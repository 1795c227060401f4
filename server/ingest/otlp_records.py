"""Log records of OTLP, as both of its encodings give them, and what they say."""

from collections.abc import Sized
from dataclasses import dataclass, field
from itertools import compress
from typing import Final, NamedTuple

import msgspec

from server.ingest.entries import (
    MOST_AT_ONCE,
    NO_COLUMNS,
    REPEATED_AT_ONCE,
    SIZE_AT_ONCE,
    TooMuch,
    columns_of,
    read_objects,
)
from server.ingest.lines import read_lines
from waterline.recognition.object_shapes import Members, merged
from waterline.recognition.recognized import Columns, Parts

_encode: Final = msgspec.json.Encoder().encode
# Attributes of one record, resource or scope, as reading them takes one turn of the event loop.
MOST_ATTRIBUTES: Final = 100_000


def refuse_too_many(attributes: Sized) -> None:
    """Refuse attributes that take too long to read.

    Raises:
        TooMuch: there are too many.
    """
    if len(attributes) > MOST_ATTRIBUTES:
        raise TooMuch(f"a record, resource or scope has more than {MOST_ATTRIBUTES:,} attributes")


class Inherited(NamedTuple):
    """What the records of a scope share."""

    attributes: Members
    """Those of resource and scope, and the name and version of the scope."""
    size: int
    """Bytes in the request."""


class _Otherwise(NamedTuple):
    """What stands in for the message of a record that has none."""

    whole: str
    """All of the record, which would be its message."""
    said: str


@dataclass(slots=True)
class OtlpBatch:
    """Log records that one turn of the event loop takes, each as an object."""

    objects: list[Members] = field(default_factory=list)
    undated: list[bool] = field(default_factory=list)
    """Whether the body of each is a text, and it has no time of its own."""
    size: int = 0
    """Bytes in the request."""
    repeated: int = 0
    """Bytes of what the records inherit, once for each."""
    _otherwise: dict[int, "_Otherwise"] = field(default_factory=dict)
    """Of records whose body is no text, by their place."""
    _steps: int = 0

    def skip(self) -> bool:
        """Count a resource or a scope; return whether the batch is full."""
        self._steps += 1
        return self._is_full()

    def add(
        self,
        members: Members,
        undated: bool,
        inherited: Inherited,
        size: int,
        body: Members | None = None,
    ) -> bool:
        """Add a record; return whether the batch is full.

        Args:
            members: its fields by their names in JSON, without those that hold their default, its
                body, its attributes and what it inherits.
            undated: see above.
            inherited: what it shares with others, which is among its members.
            size: bytes in the request.
            body: its body, if that is an object, whose members are among its own.
        """
        if "body" not in members:
            self._note(members, body)
        self.objects.append(members)
        self.undated.append(undated)
        self.size += size
        self.repeated += inherited.size
        self._steps += 1
        return self._is_full()

    def add_parts(
        self, fields: Members, body: object, attributes: Members, inherited: Inherited, size: int
    ) -> bool:
        """Add a record whose parts may have equal names; return whether the batch is full.

        Args:
            fields: its fields, as in `add`.
            body: a plain value.
            attributes: plain values.
            inherited: what it shares with others.
            size: bytes in the request.
        """
        if body == "" and "eventName" in fields:
            body = None
        undated = type(body) is str and "timeUnixNano" not in fields
        shared = inherited.attributes
        if isinstance(body, dict) and body:
            return self.add(
                merged(fields, attributes, body, shared), undated, inherited, size, body
            )
        if isinstance(body, list | dict):
            body = _encode(body).decode()
        if body is not None:
            fields["body"] = body
        # As `merged`, which takes twice as long.
        together = {**fields, **attributes, **shared}
        if len(together) < len(fields) + len(attributes) + len(shared):
            together = merged(fields, attributes, shared)
        return self.add(together, undated, inherited, size)

    def _is_full(self) -> bool:
        return (
            self._steps >= MOST_AT_ONCE
            or self.size >= SIZE_AT_ONCE
            or self.repeated >= REPEATED_AT_ONCE
        )

    def columns(self) -> Columns:
        """Return what the records say: time, severity and body, and what a line in it adds."""
        if not self.objects:
            return NO_COLUMNS
        found = read_objects(self.objects)
        if self._otherwise:
            messages = list(found.messages)
            for place, (whole, said) in self._otherwise.items():
                if messages[place] == whole:
                    messages[place] = said
            found = found._replace(messages=messages)
        return _with_lines(found, self.undated)

    def _note(self, members: Members, body: Members | None) -> None:
        """Note what a record says if it has no message: the name of its event, or its body."""
        event = members.get("eventName")
        if (isinstance(event, str) and event) or body:
            said = event if isinstance(event, str) and event else _encode(body).decode()
            self._otherwise[len(self.objects)] = _Otherwise(_encode(members).decode(), said)


def _with_lines(found: Columns, undated: list[bool]) -> Columns:
    """Complete records without time and severity by what the line in their body says."""
    wanted = [
        is_undated and type_ is None for is_undated, type_ in zip(undated, found.types, strict=True)
    ]
    if not any(wanted):
        return found
    said = read_lines(list(compress(found.messages, wanted))).rows()
    return columns_of(
        [
            _completed(row, next(said)) if is_wanted else row
            for row, is_wanted in zip(found.rows(), wanted, strict=True)
        ]
    )


def _completed(record: Parts, line: Parts) -> Parts:
    timestamp = record.timestamp if line.timestamp is None else line.timestamp
    return line._replace(timestamp=timestamp, attributes=merged(record.attributes, line.attributes))
