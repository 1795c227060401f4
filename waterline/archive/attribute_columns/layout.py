"""Layout of a batch's attributes: the members that are columns, and their order in the JSON."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import pyarrow as pa

from waterline.query_text.paths import steps_of

Kind = Literal["boolean", "integer", "number", "text", "json"]
"""What a column holds; `json` is any value, as the text of its JSON."""

TYPES: Final[dict[Kind, pa.DataType]] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "json": pa.string(),
}
"""Arrow type of each kind."""

MOST_MEMBERS: Final = 64
"""Columns of attributes at most in a batch."""
# Ids of other fields of a batch lie below; Parquet's are 32 bits, signed.
_FIRST_ID: Final = 1_000
_IDS: Final = 2**31 - _FIRST_ID
# Iceberg keeps the highest for columns of its own.
_FIRST_RESERVED: Final = 2**31 - 200


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member of attributes that is a column.

    Attributes:
        path: its name, after the names of the objects that it lies in.
        kind: what it holds.
        is_always: whether a log without a value has `null`, and not no such member.
        has_fractions: of a number, whether whole ones are written as `12.0`, and not as `12`.
        is_apart: whether its column is in a struct apart, as that of its path had another type in
            earlier batches of the folder.
    """

    path: tuple[str, ...]
    kind: Kind
    is_always: bool = False
    has_fractions: bool = False
    is_apart: bool = False

    @property
    def field_id(self) -> int:
        """The Parquet field id: the same for the same path, type and struct in every batch.

        Readers of many batches as one table, such as Iceberg's, tell columns apart by it, and want
        each in one struct.
        """
        return _field_id((*self.path, str(TYPES[self.kind]), *_apart(self.is_apart)))


class Layout(msgspec.Struct, frozen=True):
    """The members of a batch that are columns, in the order in which logs have them.

    Members of one object follow each other.
    """

    members: tuple[Member, ...] = ()

    def needed(self, names: Iterable[str] | None) -> tuple[int, ...]:
        """Return the places of the members that hold, or may hold, attributes.

        Args:
            names: names or paths of attributes; None is all.
        """
        if names is None:
            return tuple(range(len(self.members)))
        paths = [path for name in names for path in ((name,), steps_of(name)) if path]
        return tuple(
            place
            for place, member in enumerate(self.members)
            if any(_touches(member.path, path) for path in paths)
        )

    def tree(self, *, is_apart: bool | None = None) -> "Group":
        """Return the members as a tree of objects.

        Args:
            is_apart: those in the struct apart, or those in the other one; None is all.
        """
        root = Group((), bool(is_apart))
        for place, member in enumerate(self.members):
            if is_apart not in (None, member.is_apart):
                continue
            group = root
            for depth, name in enumerate(member.path[:-1], start=1):
                inner = group.inner(name)
                if inner is None:
                    inner = Group(member.path[:depth], group.is_apart)
                    group.parts[name] = inner
                group = inner
            group.parts[member.path[-1]] = place
        return root


@dataclass(frozen=True, slots=True)
class Group:
    """An object of members; the outermost one has no path.

    Attributes:
        path: the names that lead to it.
        is_apart: whether it is in the struct apart.
        parts: by name a member, as its place in the layout, or an object.
    """

    path: tuple[str, ...]
    is_apart: bool
    parts: "dict[str, int | Group]" = field(default_factory=dict)

    def inner(self, name: str) -> "Group | None":
        """Return the object of this name, if there is one."""
        part = self.parts.get(name)
        return part if isinstance(part, Group) else None

    @property
    def field_id(self) -> int:
        """The Parquet field id of the object."""
        return _field_id((*self.path, "struct", *_apart(self.is_apart)))


def _touches(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether one of two paths leads to the other."""
    both = min(len(path), len(other))
    return path[:both] == other[:both]


def _apart(is_apart: bool) -> tuple[str, ...]:
    return ("apart",) if is_apart else ()


def _field_id(words: tuple[str, ...]) -> int:
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    number = _FIRST_ID + int.from_bytes(digest[:8]) % _IDS
    return number if number < _FIRST_RESERVED else number - _IDS // 2


_decoder: Final = msgspec.json.Decoder(Layout)
_encoder: Final = msgspec.json.Encoder()


def write_layout(layout: Layout) -> bytes:
    """Return a layout as JSON."""
    return _encoder.encode(layout)


def read_layout(text: bytes) -> Layout:
    """Read a layout from JSON.

    Raises:
        msgspec.DecodeError: the text is no layout.
    """
    return _decoder.decode(text)
