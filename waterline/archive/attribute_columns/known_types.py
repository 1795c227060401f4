"""Types of the attributes of a folder: columns of a path have one type in all of its batches."""

from collections.abc import Iterator
from typing import Final

import msgspec

from waterline.archive.attribute_columns.layout import TYPES, Layout, Member

_Path = tuple[str, ...]

_OBJECT: Final = "struct"
# Of further paths nothing is remembered. Names that are made of values would have no end.
_MOST_PATHS: Final = 10_000


class KnownTypes(msgspec.Struct):
    """Types by path, those of the columns that a path had first and of others.

    Attributes:
        first: of the columns in the struct `attributes`.
        other: of those that are of another type, in a struct apart.
    """

    first: dict[str, str] = {}
    other: dict[str, str] = {}

    def settle(self, layout: Layout) -> Layout:
        """Return the members of a batch where their types have room, and remember these.

        A member of another type than that of its path before goes into the struct apart. One of a
        third type is no column: its values are in the JSON of the logs. Whole numbers are floats
        where floats came before.

        Args:
            layout: as chosen from the logs of the batch alone.
        """
        return Layout(tuple(self._settled(layout)))

    def learn(self, layout: Layout) -> None:
        """Remember the types of a batch that was written before."""
        for member in layout.members:
            types = self.other if member.is_apart else self.first
            if self._fits(types, member):
                self._remember(types, member)

    def _settled(self, layout: Layout) -> Iterator[Member]:
        for chosen in layout.members:
            member = chosen
            if member.kind == "integer" and self.first.get(_key(member.path)) == "double":
                member = msgspec.structs.replace(member, kind="number")
            if self._fits(self.first, member):
                self._remember(self.first, member)
                yield member
            elif self._fits(self.other, member):
                self._remember(self.other, member)
                yield msgspec.structs.replace(member, is_apart=True)

    def _fits(self, types: dict[str, str], member: Member) -> bool:
        """Return whether a column may have the type of a member, and those above be objects."""
        return all(types.get(key, wanted) == wanted for key, wanted in _wanted(member))

    def _remember(self, types: dict[str, str], member: Member) -> None:
        for key, wanted in _wanted(member):
            if len(self.first) + len(self.other) < _MOST_PATHS:
                types.setdefault(key, wanted)


def _wanted(member: Member) -> Iterator[tuple[str, str]]:
    """Yield the paths to a member, and the type that each has to have."""
    for depth in range(1, len(member.path)):
        yield _key(member.path[:depth]), _OBJECT
    yield _key(member.path), str(TYPES[member.kind])


def _key(path: _Path) -> str:
    # Names that differ in case alone are one column to DuckDB.
    return msgspec.json.encode([name.lower() for name in path]).decode()


_decoder: Final = msgspec.json.Decoder(KnownTypes)
_encoder: Final = msgspec.json.Encoder()


def write_types(types: KnownTypes) -> bytes:
    """Return types as JSON."""
    return _encoder.encode(types)


def read_types(text: bytes) -> KnownTypes:
    """Read types from JSON.

    Raises:
        msgspec.DecodeError: the text is none.
    """
    return _decoder.decode(text)
