"""Choice of the members of a batch that become columns, from a sample of its logs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from waterline.archive.attribute_columns.layout import MOST_MEMBERS, Kind, Layout, Member
from waterline.integers import INT64

# Logs looked at, in slices from all over the batch: logs of one kind often follow each other.
_SAMPLE: Final = 2_048
_SLICES: Final = 64
# Longer ones, and members behind so many, are not looked at.
_LONGEST_TEXT: Final = 2**16
_MOST_PATHS: Final = 10_000
# A member is a column if at least one of so many logs has it.
_OFTEN: Final = 500
# Of its values at least this part is of its column's kind; else the column is of JSON.
_OF_ONE_KIND: Final = 0.98
_MOST_DEPTH: Final = 4
_LONGEST_NAME: Final = 200
# Orders of members that are looked at, the most frequent ones.
_MOST_SHAPES: Final = 100

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode

_Path = tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What the sample has at one path."""

    kinds: Counter[str] = field(default_factory=Counter)
    """Number of values by kind; `null`, `object`, `list` and `large` (integers) besides `Kind`."""
    whole: Counter[bool] = field(default_factory=Counter)
    """Numbers without a fraction, by whether they are written with one."""
    inside: "dict[str, _Seen]" = field(default_factory=dict)
    """What its objects have, by name."""

    @property
    def total(self) -> int:
        """Number of values, null among them."""
        return sum(self.kinds.values())


def choose_layout(texts: pa.ChunkedArray) -> Layout:
    """Choose the members that become columns.

    Args:
        texts: the attributes of the logs of a batch, as JSON objects.

    Returns:
        At most `MOST_MEMBERS`: those that most logs have.
    """
    sample = [*map(read_object, _sample(texts))]
    seen = _Seen()
    paths = 0
    for attributes in sample:
        paths = _look(attributes, seen, _MOST_DEPTH, paths)
    leaves = dict(_leaves((), seen, max(1, len(sample) // _OFTEN)))
    ranked = sorted(leaves, key=lambda path: (-leaves[path][1], path))
    chosen = [*islice(_of_one_case(ranked), MOST_MEMBERS)]
    return Layout(tuple(leaves[path][0] for path in _in_order((), chosen, sample)))


def read_object(text: str) -> dict[str, Any]:
    """Return attributes; none of a text that is no JSON, as another program may have stored."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}


def _sample(texts: pa.ChunkedArray) -> Iterator[str]:
    rows = _SAMPLE // _SLICES
    slices = (
        [
            texts.slice(number * (len(texts) - rows) // (_SLICES - 1), rows)
            for number in range(_SLICES)
        ]
        if len(texts) > _SAMPLE
        else [texts]
    )
    for part in slices:
        yield from part.filter(pc.less(pc.binary_length(part), _LONGEST_TEXT)).to_pylist()


def _look(attributes: Mapping[str, Any], seen: _Seen, depth: int, paths: int) -> int:
    """Count the members of an object; return the number of paths so far."""
    seen.kinds["object"] += 1
    for name, value in attributes.items():
        here = seen.inside.get(name)
        if here is None:
            if paths == _MOST_PATHS:
                continue
            paths += 1
            here = seen.inside[name] = _Seen()
        if isinstance(value, dict) and depth > 1:
            paths = _look(value, here, depth - 1, paths)
            continue
        kind = _kind(value)
        here.kinds[kind] += 1
        if kind in ("integer", "number") and value == int(value):
            here.whole[kind == "number"] += 1
    return paths


def _kind(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer" if value in INT64 else "large"
        case float():
            return "number"
        case str():
            return "text"
        case dict():
            return "object"
        case list():
            return "list"
        case _:
            return "null"


def _leaves(path: _Path, seen: _Seen, enough: int) -> Iterator[tuple[_Path, tuple[Member, int]]]:
    """Yield the members below a path that enough logs have, and how many have them."""
    for name, here in seen.inside.items():
        if here.total < enough or not _can_be_column(name):
            continue
        place = (*path, name)
        if here.inside and here.kinds["object"] >= _OF_ONE_KIND * (here.total - here.kinds["null"]):
            inner = [*_leaves(place, here, enough)]
            if inner:
                yield from inner
                continue
        yield place, (_member(place, here, seen.kinds["object"] - here.total), here.total)


def _member(path: _Path, here: _Seen, absent: int) -> Member:
    kinds = here.kinds
    enough = _OF_ONE_KIND * (here.total - kinds["null"])
    common: Kind = "json"
    if kinds["boolean"] >= enough > 0:
        common = "boolean"
    elif kinds["integer"] >= enough > 0:
        common = "integer"
    elif kinds["integer"] + kinds["number"] >= enough > 0:
        common = "number"
    elif kinds["text"] >= enough > 0:
        common = "text"
    return Member(
        path,
        common,
        is_always=kinds["null"] > 0 and kinds["null"] >= absent,
        has_fractions=common == "number" and here.whole[True] >= here.whole[False],
    )


def _can_be_column(name: str) -> bool:
    """Return whether a column may be called so: every reader of Parquet must be able to name it."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _of_one_case(paths: Iterable[_Path]) -> Iterator[_Path]:
    """Yield paths but for those with a name that differs in case alone from an earlier one.

    DuckDB takes both for the same.
    """
    spelt: dict[_Path, _Path] = {}
    for path in paths:
        starts = [path[:depth] for depth in range(1, len(path) + 1)]
        folded = [tuple(name.lower() for name in start) for start in starts]
        if all(spelt.get(key, start) == start for key, start in zip(folded, starts, strict=True)):
            spelt.update(zip(folded, starts, strict=True))
            yield path


def _in_order(
    path: _Path, chosen: Sequence[_Path], sample: Sequence[Mapping[str, Any]]
) -> Iterator[_Path]:
    """Yield paths in the order in which most logs have them; those of one object together."""
    depth = len(path)
    names = dict.fromkeys(each[depth] for each in chosen)
    inner = [_object_at(attributes, path) for attributes in sample]
    objects = [each for each in inner if each is not None]
    for name in _merged(names, objects):
        below = [each for each in chosen if each[depth] == name]
        if below == [(*path, name)]:
            yield below[0]
        else:
            yield from _in_order((*path, name), below, sample)


def _object_at(attributes: Mapping[str, Any], path: _Path) -> Mapping[str, Any] | None:
    inner: Any = attributes
    for name in path:
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else None


def _merged(names: Mapping[str, None], objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield names so that as few objects as possible have two of them the other way round."""
    shapes = Counter(tuple(name for name in each if name in names) for each in objects)
    before: Counter[tuple[str, str]] = Counter()
    for shape, many in shapes.most_common(_MOST_SHAPES):
        for pair in combinations(shape, 2):
            before[pair] += many
    left = [*names]
    while left:
        # What is preceded least, by what is still left; a circle of orders is broken there.
        preceded = {
            name: sum(before[other, name] > before[name, other] for other in left) for name in left
        }
        name = min(left, key=preceded.__getitem__)
        left.remove(name)
        yield name
